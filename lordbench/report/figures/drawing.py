"""What all figures share: sizes, style, panels, legends, files."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure, FigureBase
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
LEGEND_ROW, LEGEND_ENTRY = 0.15, 0.5
"""Inches: height of a row of a legend, and width of an entry without its letters."""
LETTER = 0.062
"""Inches: width of a letter of a name."""
LETTERS, LINE = 14, 0.134
"""Letters of a title per inch, and height of a line of it in inches."""
LEFT, ABOVE, BELOW, GAP = 0.6, 0.1, 0.42, 0.14
"""Inches around a panel: labels to the left, above its title, labels below, and to the right."""
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
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


def figure(width: float, height: float, layout: Literal["constrained"] | None = None) -> Figure:
    """Make an empty figure, sides in inches, without a window; a `layout` makes room for labels."""
    drawing = Figure(figsize=(width, height), layout=layout)
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
    heading: str = "",
    *,
    sharey: bool = False,
) -> tuple[Figure, list[Axes]]:
    """Make a figure with a panel for each title, one legend below all of them, and a heading above them.

    Sizes in inches: the whole width, and of a panel the least width and the height. Panels that share their
    axis have its labels on the left only.
    """
    across = max(1, min(len(titles), int(width // narrowest)))
    down = -(-len(titles) // across)
    entry = LEGEND_ENTRY + LETTER * max(map(len, legend), default=0)
    columns = max(1, min(len(legend), int(width // entry)))
    rows = -(-len(legend) // columns)
    height = max(height, LOWEST * width / across)
    titles = [wrapped(title, width / across - LEFT) for title in titles]
    heading = wrapped(heading, width)
    above = text_height(*titles)
    top, bottom = text_height(heading), ABOVE + LEGEND_ROW * rows if legend else 0.0
    drawing = figure(width, height * down + top + bottom)
    size, margins = (width, drawing.get_figheight()), (LEFT, GAP, top + above, bottom + BELOW)
    gaps = GAP if sharey else LEFT, above + BELOW
    grid = divided(drawing, size, (down, across), margins, gaps, sharey=sharey)
    for ax, title in zip(grid, titles, strict=False):
        ax.set_title(title, loc="left")
    for ax in grid[len(titles) :]:
        ax.set_visible(False)
    if legend:
        drawing.legend(list(legend.values()), list(legend), loc="lower center", ncols=columns)
    head(drawing, heading, size[1])
    return drawing, grid[: len(titles)]


def divided(
    parent: FigureBase,
    size: tuple[float, float],
    shape: tuple[int, int],
    margins: tuple[float, float, float, float],
    gaps: tuple[float, float],
    *,
    sharey: bool = False,
) -> list[Axes]:
    """Divide a figure, or a part of one, into panels, by sizes in inches.

    A layout engine would measure all labels, twice: half of the time that a figure takes.

    Args:
        parent: the figure, or a part of one.
        size: its width and height.
        shape: rows and columns.
        margins: left, right, above and below all panels.
        gaps: between columns, and between rows.
        sharey: whether all panels have the same vertical axis, with labels on the left only.
    """
    (width, height), (down, across), (left, right, above, below) = size, shape, margins
    inner = width - left - right - gaps[0] * (across - 1), height - above - below - gaps[1] * (down - 1)
    grid = {
        "left": left / width, "right": 1 - right / width, "top": 1 - above / height, "bottom": below / height,
        "wspace": gaps[0] / (inner[0] / across), "hspace": gaps[1] / (inner[1] / down),
    }  # fmt: skip
    made: np.ndarray = parent.subplots(down, across, squeeze=False, sharey=sharey, gridspec_kw=grid)
    return made.flatten().tolist()


def head(part: FigureBase, heading: str, height: float) -> None:
    """Write a heading, if there is one, above a figure, or a part of one, of a height in inches."""
    if heading:
        part.suptitle(heading, x=0.01, y=1 - ABOVE / 2 / height, ha="left", va="top", fontsize=8)


def text_height(*texts: str) -> float:
    """Inches that texts side by side need above a panel or a figure; 0 if they are empty."""
    lines = max(len(text.splitlines()) for text in texts)
    return ABOVE + LINE * lines if lines else 0.0


def power_of_ten(value: float, _: object = None) -> str:
    """The label of a tick of a logarithmic axis, such as 10⁻³: far faster than Matplotlib's, in TeX."""
    return f"10{str(round(math.log10(value))).translate(RAISED)}" if value > 0 else ""


def wrapped(title: str, width: float) -> str:
    """Break the lines of a title that is wider than so many inches."""
    return "\n".join(textwrap.fill(line, max(1, int(width * LETTERS))) for line in title.splitlines())


def handle(sign: Sign, **line: Any) -> Line2D:
    """Make the legend's entry of a method: its marker alone, or with a line if `linestyle` is given."""
    return Line2D([], [], **marker(sign), **({"linestyle": "none"} | line))


def marker(sign: Sign) -> dict[str, Any]:
    """How Matplotlib draws the points of a method."""
    return {
        "color": sign.colour, "marker": sign.shape, "markersize": 6, "markeredgecolor": "white",
        "markeredgewidth": 0.6,
    }  # fmt: skip


def draw_intervals(ax: Axes, points: Iterable[tuple[Value, Value, str]]) -> None:
    """Draw the 95 % intervals of points, given by x, y and colour: bars along each axis that has an interval.

    All are one collection: Matplotlib's `errorbar` takes longer for a point than the rest of its panel.
    """
    bars = []
    for x, y, colour in points:
        bars += [([(x.low, y.value), (x.high, y.value)], colour)] if not math.isnan(x.low) else []
        bars += [([(x.value, y.low), (x.value, y.high)], colour)] if not math.isnan(y.low) else []
    if bars:
        segments, colours = zip(*bars, strict=True)
        ax.add_collection(LineCollection(segments, colors=colours, linewidths=1, capstyle="butt"))


def draw_floor(ax: Axes, text: str, floor: Value, points: Iterable[tuple[float, float]]) -> None:
    """Draw a floor as a line with its interval; its label keeps away from the points of the panel."""
    level = floor.value
    if not math.isnan(floor.low):
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
