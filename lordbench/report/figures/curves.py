"""Training curves."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from lordbench.report.figures.drawing import MUTED, PAGE, SETTINGS, Drawn, panels, power_of_ten, watermark
from lordbench.report.figures.signs import Sign, term_signs
from lordbench.report.picture_comparisons import cell_group, in_order
from lordbench.results.cells import CURVE, CellRecord
from lordbench.utils.errors import UserError

NARROWEST, HEIGHT = 2.1, 1.9
POINTS = 150
"""Most points of a curve; if it has more, neighbours are averaged."""


def curves(records: Sequence[CellRecord], width: float = PAGE) -> Drawn:
    """Draw the training curves of cells, a panel for each method on each data set, a line for each seed.

    All panels have the same axes, and a term has the same colour in all.

    Raises:
        UserError: no cell has a training curve.
    """
    shown = by_panel(records)
    if not shown:
        raise UserError("no cell has a training curve", "Give run folders: a results CSV has no curves.")
    columns = (name for own in shown.values() for curve in own for name in curve.columns)
    signs = term_signs(dict.fromkeys(name for name in columns if name not in CURVE))
    with mpl.rc_context(SETTINGS):
        legend = {
            term: Line2D([], [], color=sign.colour, linestyle=sign.shape)  # type: ignore[arg-type]
            for term, sign in signs.items()
        }
        groups = {group for _, group in shown}
        titles = [name if len(groups) == 1 else f"{name}\n{group}" for name, group in shown]
        heading = next(iter(groups)) if len(groups) == 1 else ""
        drawing, axes = panels(titles, width, NARROWEST, HEIGHT, legend, heading, sharey=True)
        watermark(drawing, groups)
        # The axis of one is that of all.
        axes[0].set_yscale("log")
        axes[0].yaxis.set_major_formatter(power_of_ten)
        # Ticks take a third of the figure's time.
        axes[0].minorticks_off()
        for ax, own in zip(axes, shown.values(), strict=True):
            for curve in own:
                draw_curve(ax, curve, signs)
            ax.locator_params(axis="x", nbins=4)
            ax.set_xlabel("Training step")
            if ax.get_subplotspec().is_first_col():  # type: ignore[union-attr]
                ax.set_ylabel("Terms of the loss")
    words = "; ".join(f"{', '.join(panel)} ({len(own)})" for panel, own in shown.items())
    return Drawn(drawing, f"Terms of the loss by training step; in brackets the number of seeds. {words}.")


def by_panel(records: Sequence[CellRecord]) -> dict[tuple[str, str], list[pd.DataFrame]]:
    """Curves by the names of method and group."""
    shown: dict[tuple[str, str], list[pd.DataFrame]] = {}
    for record in in_order(records):
        if record.curve is not None:
            panel = record.settings.label, cell_group(record.settings)
            shown.setdefault(panel, []).append(record.curve)
    return shown


def draw_curve(ax: Axes, curve: pd.DataFrame, signs: dict[str, Sign]) -> None:
    """Draw the terms of one training, phase after phase."""
    start = 0
    for number, (_, phase) in enumerate(curve.groupby("phase", sort=False)):
        if number:
            ax.axvline(start, color=MUTED, linewidth=0.6)
        for term in phase.columns.difference(list(CURVE), sort=False):
            values = phase[term].to_numpy(dtype=float)
            # A logarithmic axis has no place for zero or less.
            values = np.where(values > 0, values, np.nan)
            if np.isfinite(values).any():
                thinned = _thinned(start + phase["step"].to_numpy(dtype=float), values)
                colour, dashes = signs[term]
                ax.plot(*thinned, color=colour, linestyle=dashes, linewidth=1, label=term)  # type: ignore[arg-type]
        start += int(phase["step"].max())


def _thinned(steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Averages of neighbours, at most `POINTS`."""
    size = -(-len(steps) // POINTS)
    starts = np.arange(0, len(steps), size)
    counts = np.diff(np.append(starts, len(steps)))
    return np.add.reduceat(steps, starts) / counts, np.add.reduceat(values, starts) / counts
