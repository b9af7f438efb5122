"""What all figures share: sizes, style, panels, legends, files."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lordbench.report.figures.signs import Sign
from lordbench.report.figures.values import Value
from lordbench.results.names import FOR_TESTING
from lordbench.utils.errors import UserError
from lordbench.utils.files import replacing

WIDTHS = {"column": 3.25, "page": 6.75}
"""Inches: a column and a page of the usual two-column styles."""
COLUMN, PAGE = WIDTHS.values()
MUTED = "#767676"
"""Colour of floors, ceilings and rules."""
SETTINGS: dict[Any, Any] = {
    "font.family": ["DejaVu Sans", "sans-serif"], "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8,
    "xtick.labelsize": 7, "ytick.labelsize": 7, "legend.fontsize": 7,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True,
    "axes.linewidth": 0.6, "grid.color": "#e6e6e6", "grid.linewidth": 0.6, "legend.frameon": False,
    # Without a place of its own, each title is moved away from ticks above it, of which there are none.
    "axes.titley": 1.0,
    "figure.dpi": 100, "savefig.dpi": 200, "svg.fonttype": "none", "pdf.fonttype": 42,
}  # fmt: skip
FORMATS = ("png", "svg", "pdf")
SMALL = 7
"""Font size of labels inside panels."""
LOWEST = 0.36
"""Least height of a panel, relative to its width."""
LEGEND_ROW, LEGEND_ENTRY = 0.17, 1.25
"""Inches: height of a row of a legend, and width of an entry."""
LETTERS = 14
"""Per inch, of a title."""
BAND: dict[str, Any] = {"color": MUTED, "alpha": 0.18, "linewidth": 0}
"""How the interval of a floor or ceiling is drawn."""


class Drawn(NamedTuple):
    """A figure and its description in words, for those who cannot see it. A notebook shows the figure."""

    figure: Figure
    words: str

    def __repr__(self) -> str:
        return self.words

    def _repr_png_(self) -> bytes:
        return rendered(self, "png", "figure")


def figure(width: float, height: float) -> Figure:
    """Make an empty figure, sides in inches, without a window."""
    drawing = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(drawing)
    return drawing


def watermark(drawing: Figure, groups: Iterable[str]) -> None:
    """Write across a figure that its numbers mean nothing, if all its groups, by title, are for testing."""
    if all(FOR_TESTING in group for group in groups):
        # Subfigures are drawn over the texts of their figure.
        top = (drawing, *drawing.subfigs)[-1]
        top.text(0.5, 0.5, "for testing", fontsize=4 * drawing.get_figwidth(), rotation=15, ha="center",
                 va="center", color=MUTED, alpha=0.35, zorder=10, transform=drawing.transFigure)  # fmt: skip


def panels(
    titles: Sequence[str],
    width: float,
    narrowest: float,
    height: float,
    legend: Mapping[str, Line2D],
    **axes: Any,
) -> tuple[Figure, list[Axes]]:
    """Make a figure with a panel for each title, and one legend below all of them.

    Sizes in inches: the whole width, and of a panel the least width and the height. `axes` are options of
    `Figure.subplots`.
    """
    across = max(1, min(len(titles), int(width // narrowest)))
    down = -(-len(titles) // across)
    columns = max(1, int(width // LEGEND_ENTRY))
    rows = -(-len(legend) // columns)
    height = max(height, LOWEST * width / across)
    drawing = figure(width, height * down + LEGEND_ROW * rows)
    grid = drawing.subplots(down, across, squeeze=False, **axes).flatten().tolist()
    for ax, title in zip(grid, titles, strict=False):
        ax.set_title(wrapped(title, width / across), loc="left")
    for ax in grid[len(titles) :]:
        ax.set_visible(False)
    if legend:
        drawing.legend(
            list(legend.values()), list(legend), loc="outside lower center", ncols=min(columns, len(legend))
        )
    return drawing, grid[: len(titles)]


def wrapped(title: str, width: float) -> str:
    """Break the lines of a title that is wider than so many inches."""
    return "\n".join(textwrap.fill(line, int(width * LETTERS)) for line in title.splitlines())


def handle(sign: Sign, **line: Any) -> Line2D:
    """Make the legend's entry of a method: its marker alone, or with a line if `linestyle` is given."""
    return Line2D([], [], **marker(sign), **({"linestyle": "none"} | line))


def marker(sign: Sign) -> dict[str, Any]:
    """How Matplotlib draws the points of a method."""
    return {
        "color": sign.colour, "marker": sign.shape, "markersize": 6, "markeredgecolor": "white",
        "markeredgewidth": 0.6,
    }  # fmt: skip


def draw_floor(ax: Axes, text: str, floor: Value, points: Iterable[tuple[float, float]]) -> None:
    """Draw a floor as a line with its interval; its label keeps away from the points of the panel."""
    level = floor.value
    if floor.reach:
        ax.axhspan(floor.low, floor.high, **BAND)
    ax.axhline(level, color=MUTED, linestyle="--", linewidth=0.9, label=text)
    points = sorted(points, key=lambda point: abs(point[1] - level))
    below = all(level <= y for _, y in points)
    left, right = ax.get_xlim()
    at_left = bool(points) and points[0][0] > (left + right) / 2
    ax.annotate(
        text, (0 if at_left else 1, level), (2 if at_left else 0, -2 if below else 2),
        xycoords=ax.get_yaxis_transform(), textcoords="offset points", ha="left" if at_left else "right",
        va="top" if below else "bottom", fontsize=SMALL, color=MUTED,
    )  # fmt: skip
    if below:
        low, high = ax.get_ylim()
        ax.set_ylim(min(low, level - 0.1 * (high - low)), high)


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


def rendered(drawn: Drawn, kind: str, name: str, **options: Any) -> bytes:
    """Return the bytes of a figure file of one of `FORMATS`; `name` makes ids in an SVG unique on a page.

    `options` are those of `Figure.savefig`.
    """
    undated: dict[str, dict[str, Any]]
    undated = {"svg": {"Date": None, "Creator": "lordbench"}, "pdf": {"CreationDate": None}}
    buffer, drawing = io.BytesIO(), drawn.figure
    with mpl.rc_context(SETTINGS | {"svg.hashsalt": name}):
        if engine := drawing.get_layout_engine():
            # Left to `savefig`, it would draw everything once more beforehand.
            engine.execute(drawing)
            drawing.set_layout_engine(None)
        drawing.savefig(buffer, format=kind, metadata=undated.get(kind), **options)
    return buffer.getvalue()
