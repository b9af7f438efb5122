"""Figures for papers: leakage against transfer, training curves, and grids of transfers.

Colours are distinguishable by colour-blind readers, and nothing is shown by colour alone.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lordbench.report.boards import group_title, method_names
from lordbench.report.picture_comparisons import Comparison, cell_group
from lordbench.report.quantities import LEAKAGE, PROBE, TRANSFER, Column, keys, pick
from lordbench.results.cells import CURVE, CellRecord
from lordbench.results.leaderboard import GROUP, aggregate, parts
from lordbench.utils.errors import UserError
from lordbench.utils.files import replacing

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#4d4d4d", "#8c510a")
"""Okabe & Ito's palette (2008); grey and brown stand for its black, which is too strong, and its yellow."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<")
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)))
MUTED = "#767676"
"""Colour of floors, ceilings and rules."""
SETTINGS: dict[Any, Any] = {
    "font.family": ["DejaVu Sans", "sans-serif"], "font.size": 9,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True,
    "grid.color": "#e6e6e6", "grid.linewidth": 0.6, "legend.frameon": False,
    "figure.dpi": 100, "savefig.dpi": 200, "svg.fonttype": "none",
}  # fmt: skip
FORMATS = ("png", "svg", "pdf")

LEAK = Column("class leak", LEAKAGE, "encoded", "class from content", PROBE)
PANELS_ACROSS = 3
"""Most panels side by side."""
TRADEOFF, CURVES, LEGEND_ROW, SIDE = (4.2, 3.6), (3.8, 2.7), 0.22, 0.8
"""Inches: width and height of a panel, a row of the legend of `tradeoff`, and an image."""
Value = tuple[float, float, float]
"""A value and the ends of its interval; NaN for none."""
Point = tuple[Value, Value]
"""Class leakage and quality of transfer."""
POINTS = 150
"""Most points of a curve; if it has more, neighbours are averaged."""


class Drawn(NamedTuple):
    """A figure and its description in words, for those who cannot see it. A notebook shows the figure."""

    figure: Figure
    words: str

    def __repr__(self) -> str:
        return self.words

    def _repr_png_(self) -> bytes:
        return rendered(self, "png", "figure")


def tradeoff(rows: pd.DataFrame, metric: str = "lpips") -> Drawn:
    """Draw leakage against a metric of content transfer, a panel for each data set and split that has both.

    Bars are 95 % intervals, as in the tables; floors are horizontal lines, since they have no codes.

    Raises:
        UserError: no method has both values.
    """
    transfer = Column(metric, TRANSFER, "encoded", "transfer", metric)
    groups = {group_title(key): means for key, means in aggregate(rows).groupby(GROUP, sort=False)}
    points: dict[str, dict[str, Point]] = {}
    for title, means in groups.items():
        methods = means[~means["reference"].astype(bool)]
        leak, quality = _values(methods, LEAK), _values(methods, transfer)
        if own := {name: (leak[name], quality[name]) for name in leak if name in quality}:
            points[title] = own
    if not points:
        raise UserError(
            f"no method has both {metric} of transfers and leakage",
            "Run the experiments content-transfer and leakage, or choose another --metric.",
        )
    look = signs(name for own in points.values() for name in own)
    with mpl.rc_context(SETTINGS):
        legend_rows = -(-(len(look) + 2) // (2 * min(len(points), PANELS_ACROSS)))
        drawing, axes = _grid(list(points), *TRADEOFF, LEGEND_ROW * legend_rows)
        for ax, (title, own) in zip(axes, points.items(), strict=True):
            _panel(ax, groups[title], transfer, own, look)
        _legend(drawing, columns_per_panel=2)
    words = [f"Class leakage, and {metric} of transfers"]
    for title, own in points.items():
        values = (f"{name} {x[0]:.3g} and {y[0]:.3g}" for name, (x, y) in own.items())
        words.append(f"{title}: {'; '.join(values)}")
    return Drawn(drawing, f"{'. '.join(words)}.")


def _values(means: pd.DataFrame, column: Column) -> dict[str, Value]:
    """Values of one quantity by the name of their row."""
    values = pick(means, column)
    values = values[values["value"].notna()]
    names = method_names(values)["method"]
    return dict(zip(names, keys(values[["value", "ci_low", "ci_high"]]), strict=True))


def _panel(
    ax: Axes, means: pd.DataFrame, transfer: Column, points: dict[str, Point], look: dict[str, Sign]
) -> None:
    for name, (x, y) in points.items():
        ax.errorbar(
            [x[0]], [y[0]], xerr=_error(x), yerr=_error(y), label=name, linestyle="none",
            color=look[name].colour, marker=look[name].marker, markersize=7, markeredgecolor="white",
            elinewidth=1, capsize=2,
        )  # fmt: skip
    floors = _values(means[parts(means) == 2], transfer)
    for dashes, (name, floor) in zip(("--", ":"), floors.items(), strict=False):
        ax.axhline(floor[0], color=MUTED, linestyle=dashes, linewidth=1, label=name)
    higher = pick(means, transfer)["higher_is_better"].dropna().astype(bool).any()
    ax.axvline(0, color=MUTED, linewidth=0.8)
    ax.set_xlabel("← class leakage from content code (MLP)")
    ax.set_ylabel(f"{transfer.metric} of transfers {'→' if higher else '←'}")


def _error(value: Value) -> Sequence[list[float]] | None:
    """Distances from the value to the ends of its interval, for Matplotlib."""
    middle, low, high = value
    return None if math.isnan(low) else ([max(middle - low, 0.0)], [max(high - middle, 0.0)])


def curves(records: Sequence[CellRecord]) -> Drawn:
    """Draw the training curves of cells, a panel for each method on each data set, a line for each seed.

    Raises:
        UserError: no cell has a training curve.
    """
    panels = _panels(records)
    if not panels:
        raise UserError("no cell has a training curve", "Give run folders: a results CSV has no curves.")
    columns = (name for own in panels.values() for curve in own for name in curve.columns)
    look = signs(name for name in columns if name not in CURVE)
    with mpl.rc_context(SETTINGS):
        drawing, axes = _grid(list(panels), *CURVES, legend=0.5)
        for ax, own in zip(axes, panels.values(), strict=True):
            for curve in own:
                _draw(ax, curve, look)
            ax.set_yscale("log")
            ax.set_xlabel("step")
        _legend(drawing, columns_per_panel=3)
    words = "; ".join(f"{title} ({len(own)})" for title, own in panels.items()).replace("\n", ", ")
    return Drawn(drawing, f"Terms of the loss by training step; in brackets the number of seeds. {words}.")


def _panels(records: Sequence[CellRecord]) -> dict[str, list[pd.DataFrame]]:
    panels: dict[str, list[pd.DataFrame]] = {}
    for record in records:
        if record.curve is not None:
            title = f"{record.settings.label}\n{cell_group(record.settings)}"
            panels.setdefault(title, []).append(record.curve)
    return panels


def _draw(ax: Axes, curve: pd.DataFrame, look: dict[str, Sign]) -> None:
    start = 0
    for number, (_, phase) in enumerate(curve.groupby("phase", sort=False)):
        if number:
            ax.axvline(start, color=MUTED, linewidth=0.8)
        for term in phase.columns.difference(list(CURVE), sort=False):
            values = phase[term].to_numpy(dtype=float)
            # A logarithmic axis has no place for zero or less.
            values = np.where(values > 0, values, np.nan)
            if np.isfinite(values).any():
                thinned = _thinned(start + phase["step"].to_numpy(dtype=float), values)
                colour, _, dashes = look[term]
                ax.plot(*thinned, color=colour, linestyle=dashes, linewidth=1, label=term)
        start += int(phase["step"].max())


def _thinned(steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Averages of neighbours, at most `POINTS`."""
    size = -(-len(steps) // POINTS)
    starts = np.arange(0, len(steps), size)
    counts = np.diff(np.append(starts, len(steps)))
    return np.add.reduceat(steps, starts) / counts, np.add.reduceat(values, starts) / counts


def transfers(comparison: Comparison, pairs: int = 6) -> Drawn:
    """Draw up to so many pairs: source images, the true image, and the output of each method.

    The pairs lie on the diagonals of the grid, so that contents and classes repeat late. They depend only on
    their number.
    """
    n_rows, columns = comparison.outputs[0].tiles.shape[:2]
    places = [(i, (i + shift) % columns) for shift in range(columns) for i in range(n_rows)][:pairs]
    shown = list(comparison.named("true image"))
    with mpl.rc_context(SETTINGS):
        drawing = figure(SIDE * len(shown), SIDE * len(places) + 0.5)
        axes = drawing.subplots(len(places), len(shown), squeeze=False)
        for line, (i, j) in zip(axes, places, strict=True):
            for ax, (_, _, tiles) in zip(line, shown, strict=True):
                # Source images occur once for their whole row or column.
                ax.imshow(tiles[min(i, len(tiles) - 1), min(j, tiles.shape[1] - 1)], interpolation="nearest")
                ax.set_axis_off()
        for ax, (_, name, _) in zip(axes[0], shown, strict=True):
            ax.set_title(name.replace("[", "\n[").replace(" on ", "\non "), fontsize="x-small")
    return Drawn(drawing, f"{comparison.title}: {', '.join(name for _, name, _ in shown)}.")


def save(drawn: Drawn, path: Path) -> None:
    """Write a figure as PNG, SVG or PDF, by its suffix, atomically and with reproducible bytes.

    Raises:
        UserError: the suffix is another one.
    """
    kind = path.suffix[1:].lower()
    if kind not in FORMATS:
        formats = ", .".join(FORMATS)
        raise UserError(f"{path}: figures are written as .{formats}", "Choose by the suffix of --out.")
    with replacing(path) as temporary:
        temporary.write_bytes(rendered(drawn, kind, path.stem))


def rendered(drawn: Drawn, kind: str, name: str) -> bytes:
    """Return the bytes of a figure file of one of `FORMATS`; `name` makes ids in an SVG unique on a page."""
    undated: dict[str, dict[str, Any]]
    undated = {"svg": {"Date": None, "Creator": "lordbench"}, "pdf": {"CreationDate": None}}
    buffer = io.BytesIO()
    with mpl.rc_context(SETTINGS | {"svg.hashsalt": name}):
        drawn.figure.savefig(buffer, format=kind, metadata=undated.get(kind))
    return buffer.getvalue()


class Sign(NamedTuple):
    """The colour of a line or point, and what distinguishes it without colour."""

    colour: str
    marker: str
    dashes: Any


def signs(names: Iterable[str]) -> dict[str, Sign]:
    """Give each name a sign; the first seventy differ in colour or marker."""
    # The numbers of colours and of markers have no common divisor, so pairs repeat late.
    return {
        name: Sign(COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)], DASHES[i % len(DASHES)])
        for i, name in enumerate(dict.fromkeys(names))
    }


def figure(width: float, height: float) -> Figure:
    """Make an empty figure, sides in inches, without a window."""
    drawing = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(drawing)
    return drawing


def _grid(titles: Sequence[str], width: float, height: float, legend: float) -> tuple[Figure, list[Axes]]:
    """Make a figure with a panel for each title; sizes in inches, of a panel and of the legend."""
    across, down = min(len(titles), PANELS_ACROSS), -(-len(titles) // PANELS_ACROSS)
    drawing = figure(width * across, height * down + legend)
    axes = drawing.subplots(down, across, squeeze=False).flatten().tolist()
    for ax, title in zip(axes, titles, strict=False):
        ax.set_title(title, fontsize="small", loc="left")
    for ax in axes[len(titles) :]:
        ax.set_visible(False)
    return drawing, axes[: len(titles)]


def _legend(drawing: Figure, columns_per_panel: int) -> None:
    """Put one legend of all panels below a figure, each name once."""
    named = [pair for ax in drawing.axes for pair in zip(*ax.get_legend_handles_labels(), strict=True)]
    handles = {text: handle for handle, text in named}
    drawing.legend(
        list(handles.values()), list(handles), loc="outside lower center", fontsize="small",
        ncols=columns_per_panel * min(len(drawing.axes), PANELS_ACROSS),
    )  # fmt: skip
