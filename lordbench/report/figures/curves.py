"""Training curves: every term of the loss, phase after phase."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from lordbench.errors import UserError
from lordbench.report.figures.style import MUTED, Drawn, Sign, figure, legend_below, signs, styled
from lordbench.report.headline import group_title
from lordbench.results.cells import CURVE, CellRecord

COLUMNS = 3
WIDTH, HEIGHT = 3.8, 2.7
"""Inches of a panel."""
LINE_BREAK = "\n"
POINTS = 150
"""Of a curve; means of neighbours where it has more."""


def curves(records: Sequence[CellRecord]) -> Drawn:
    """Draw the training curves of cells, a panel for each method on each data set, a line for each seed.

    Raises:
        UserError: no cell has a training curve.
    """
    panels = _panels(records)
    if not panels:
        raise UserError("no cell has a training curve", "Name run folders: a results CSV has no curves.")
    terms = [
        term for found in panels.values() for curve in found for term in curve.columns if term not in CURVE
    ]
    look = signs(terms)
    across, down = min(len(panels), COLUMNS), -(-len(panels) // COLUMNS)
    with styled():
        made = figure(WIDTH * across, HEIGHT * down + 0.5)
        axes = made.subplots(down, across, squeeze=False).flatten().tolist()
        for ax, (title, found) in zip(axes, panels.items(), strict=False):
            for curve in found:
                _draw(ax, curve, look)
            ax.set_yscale("log")
            ax.set_title(title, fontsize="small", loc="left")
            ax.set_xlabel("step")
        legend_below(made, axes, len(panels), columns=3 * across)
    said = (f"{title.replace(LINE_BREAK, ', ')} ({len(found)})" for title, found in panels.items())
    return Drawn(
        made, f"Terms of the loss by training step; in brackets the number of seeds. {'; '.join(said)}."
    )


def _panels(records: Sequence[CellRecord]) -> dict[str, list[pd.DataFrame]]:
    found: dict[str, list[pd.DataFrame]] = {}
    for record in records:
        if record.curve is not None:
            s = record.settings
            group = group_title((s.dataset, s.data_variant, s.split, s.preset_name))
            found.setdefault(f"{s.label}{LINE_BREAK}{group}", []).append(record.curve)
    return found


def _draw(ax: Axes, curve: pd.DataFrame, look: dict[str, Sign]) -> None:
    start = 0
    for number, (_, phase) in enumerate(curve.groupby("phase", sort=False)):
        if number:
            ax.axvline(start, color=MUTED, linewidth=0.8)
        for term in phase.columns.difference(list(CURVE), sort=False):
            values = phase[term].to_numpy(dtype=float)
            # A term at zero or below has no place on a logarithmic axis.
            values = np.where(values > 0, values, np.nan)
            if np.isfinite(values).any():
                steps, means = _thinned(start + phase["step"].to_numpy(dtype=float), values)
                sign = look[term]
                ax.plot(steps, means, color=sign.colour, linestyle=sign.dashes, linewidth=1, label=term)
        start += int(phase["step"].max())


def _thinned(steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of as many neighbours as leave at most `POINTS`."""
    size = -(-len(steps) // POINTS)
    starts = np.arange(0, len(steps), size)
    counts = np.diff(np.append(starts, len(steps)))
    return np.add.reduceat(steps, starts) / counts, np.add.reduceat(values, starts) / counts
