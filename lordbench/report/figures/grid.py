"""Outputs of all methods for the same pairs of images."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl

from lordbench.report.figures.drawing import MUTED, PAGE, SETTINGS, SMALL, Drawn, figure, watermark
from lordbench.report.picture_comparisons import Comparison
from lordbench.utils.errors import UserError

NUMBER, NAME, SCORE = 0.18, 0.32, 0.14
"""Inches: width of row numbers, height of names, and of the score below an image or what says what it is."""
GAP = 0.04
POINTS, LETTER = 72, 0.6
"""Points of an inch; width of a letter as a share of the size of its font."""
MEANING = "Below the outputs: L1 to the true image."


def grid(
    comparison: Comparison,
    pairs: int = 6,
    rows: Sequence[int] = (),
    width: float = PAGE,
    *,
    scores: bool = True,
) -> Drawn:
    """Draw pairs, one a row: source images, the true image, and the output of each method.

    Rows are numbered from 1 as in `Comparison.places`: the first `pairs`, or those in `rows`. Below each
    output stands its L1 to the true image, if there is one.

    Raises:
        UserError: the comparison has no row of that number.
    """
    places = comparison.places()
    chosen = list(rows) or list(range(1, min(pairs, len(places)) + 1))
    if beyond := [row for row in chosen if not 1 <= row <= len(places)]:
        raise UserError(f"--rows {beyond[0]}: no such row", f"This picture has rows 1 to {len(places)}.")
    shown = list(comparison.named("true image"))
    errors = comparison.errors()
    has_scores = scores and bool(errors)
    side = (width - NUMBER) / len(shown)
    line = side + (SCORE if has_scores else 0)
    height = NAME + line * len(chosen) + (SCORE if has_scores else 0)
    headings = [name.replace("[", "\n[").replace(" on ", "\non ") for _, name, _ in shown]
    longest = max(len(line) for heading in headings for line in heading.splitlines())
    # Of many methods the longest name would run into the next one.
    fontsize = min(SMALL, side * POINTS / (LETTER * longest))
    with mpl.rc_context(SETTINGS):
        drawing = figure(width, height)
        for column, ((cell, _, tiles), heading) in enumerate(zip(shown, headings, strict=True)):
            left = (NUMBER + column * side) / width
            middle, above = left + side / 2 / width, 1 - (NAME - 0.04) / height
            drawing.text(middle, above, heading, ha="center", va="bottom", fontsize=fontsize)
            for i, row in enumerate(chosen):
                bottom = height - NAME - i * line - side
                inner = side - GAP
                ax = drawing.add_axes(
                    (left + GAP / 2 / width, bottom / height, inner / width, inner / height)
                )
                place = places[row - 1]
                # Source images occur once for their whole row or column.
                y, x = (min(at, count - 1) for at, count in zip(place, tiles.shape[:2], strict=True))
                ax.imshow(tiles[y, x], interpolation="nearest")
                ax.set_axis_off()
                if column == 0:
                    drawing.text(NUMBER / 2 / width, (bottom + side / 2) / height, str(row), ha="center",
                                 va="center", fontsize=SMALL)  # fmt: skip
                if has_scores and (own := errors.get(cell)) is not None:
                    ax.text(0.5, -0.03, f"{own[place]:.3f}", ha="center", va="top", fontsize=SMALL - 1,
                            transform=ax.transAxes)  # fmt: skip
        if has_scores:
            drawing.text(NUMBER / width, 0.02 / height, MEANING, va="bottom", fontsize=SMALL - 1, color=MUTED)
        watermark(drawing, [comparison.group])
    below = f" {MEANING}" if has_scores else ""
    return Drawn(drawing, f"{comparison.title}: {', '.join(name for _, name, _ in shown)}.{below}")
