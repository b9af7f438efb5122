"""Transfers of several methods beside one another, a line for each pair of images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lordbench.report.figures.style import Drawn, figure, styled
from lordbench.report.layout import Tiles
from lordbench.report.picture_comparisons import Comparison

SIDE = 0.8
"""Inches of an image."""


def transfers(comparison: Comparison, pairs: int = 6) -> Drawn:
    """Draw some pairs of a comparison: the given images, the true image, and what each method makes of them.

    The pairs lie on the diagonals of the grid, so that contents and classes repeat as late as can be; which
    ones depends on nothing but their number.

    Args:
        comparison: as from `comparisons`.
        pairs: lines of the figure, at most.
    """
    lines, columns = comparison.outputs[0].tiles.shape[:2]
    places = [(i, (i + shift) % columns) for shift in range(columns) for i in range(lines)][:pairs]
    shown = list(_columns(comparison))
    with styled():
        made = figure(SIDE * len(shown), SIDE * len(places) + 0.5)
        axes = made.subplots(len(places), len(shown), squeeze=False)
        for line, (i, j) in zip(axes, places, strict=True):
            for ax, (_, tiles) in zip(line, shown, strict=True):
                # Given images stand once for their whole line or column.
                ax.imshow(tiles[min(i, len(tiles) - 1), min(j, tiles.shape[1] - 1)], interpolation="nearest")
                ax.set_axis_off()
        for ax, (name, _) in zip(axes[0], shown, strict=True):
            ax.set_title(name.replace("[", "\n[").replace(" on ", "\non "), fontsize="x-small")
    return Drawn(made, f"{comparison.title}: {', '.join(name for name, _ in shown)}.")


def _columns(comparison: Comparison) -> Iterator[tuple[str, Tiles]]:
    names = {
        "across": "content",
        "down": "class" if "across" in comparison.given else "input",
        "truth": "true image",
    }
    for role, name in names.items():
        if role in comparison.given:
            yield name, np.asarray(comparison.given[role])  # type: ignore[index]
    for output in comparison.outputs:
        yield output.label, output.tiles
