"""Values of all methods with their intervals, one panel for each quantity, beside floors and real images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes

from lordbench.report.boards import method_names
from lordbench.report.figures.drawing import (
    BAND,
    LETTER,
    MUTED,
    PAGE,
    SETTINGS,
    SMALL,
    Drawn,
    divided,
    draw_intervals,
    figure,
    head,
    marker,
    text_height,
    watermark,
    wrapped,
)
from lordbench.report.figures.signs import Sign, method_signs
from lordbench.report.figures.values import Quantity, Value, read, short
from lordbench.report.quantities import Column, choose, pick, summarised
from lordbench.report.tables import SIGNS
from lordbench.results.differences import Differences
from lordbench.results.leaderboard import aggregate
from lordbench.results.marks import marked
from lordbench.results.names import GROUP, Mark, group_title
from lordbench.utils.errors import UserError

NARROWEST = 1.25
"""Inches: the least width of a panel with its marks."""
NAMES, MOST = 0.15, 0.4
"""Inches that names of methods take beside their letters; their most share of the width."""
MARK = 0.2
"""Inches: width of a mark, and of the space that keeps panels apart."""
ROW, REFERENCES, TICKS = 0.17, 0.4, 0.28
"""Inches: height of a method, of the names of references in a panel, and of the labels below it."""

Panel = tuple[Quantity, Mapping[str, Mark]]


class _Part(NamedTuple):
    """The panels of a group of results, with their titles in lines, and the names of its methods."""

    heading: str
    titles: Sequence[str]
    shown: Sequence[Panel]
    names: Sequence[str]

    @classmethod
    def of(cls, heading: str, shown: Sequence[Panel], width: float, panel: float) -> _Part:
        """Break the lines of a group's title and those of its panels, by their widths in inches."""
        titles = [wrapped(quantity.title, panel) for quantity, _ in shown]
        names = dict.fromkeys(name for quantity, _ in shown for name in quantity.methods)
        return cls(wrapped(heading, width), titles, shown, list(names))

    @property
    def above(self) -> float:
        """Inches above a panel, for its title."""
        return text_height(*self.titles)

    def down(self, across: int) -> int:
        """Rows of panels."""
        return -(-len(self.shown) // across)

    def height(self, across: int) -> float:
        """Inches of all."""
        row = self.above + REFERENCES + ROW * len(self.names) + TICKS
        return text_height(self.heading) + self.down(across) * row


def forest(
    rows: pd.DataFrame, differences: Differences, metrics: Sequence[str] = (), width: float = PAGE
) -> Drawn:
    """Draw values and 95 % intervals, with the marks of tables.

    They are those of collected rows, with paired `differences`, or of averaged and marked results.

    Grey bands are the intervals of the best floor and of real images, or their pixels. Quantities are the
    summary's, or `metrics`, named as for `quantities.choose`. Each group of results has its own row of
    panels.

    Raises:
        UserError: a metric is unknown, or no method has a value.
    """
    groups: dict[str, list[Panel]] = {}
    means = rows if "mark" in rows else marked(aggregate(rows), differences)
    chosen = choose(means, metrics) if metrics else None
    for group, same in means.groupby(GROUP, sort=False):
        shown = [_shown(same, column) for column in chosen or summarised(same)]
        if shown := [panel for panel in shown if panel[0].methods]:
            groups[group_title(group)] = shown
    if not groups:
        raise UserError("no method has a value to draw", "Run an experiment, or choose another --metric.")
    signs = method_signs(dict.fromkeys(n for own in groups.values() for q, _ in own for n in q.methods))
    longest = max(map(len, signs))
    left = min(NAMES + LETTER * longest, MOST * width)
    across = max(1, int((width - left) // NARROWEST))
    across = min(across, max(map(len, groups.values())))
    with mpl.rc_context(SETTINGS | {"ytick.labelsize": SMALL * min(1, (left - NAMES) / (LETTER * longest))}):
        panel = (width - left) / across - MARK
        parts = [_Part.of(title, shown, width, panel) for title, shown in groups.items()]
        heights = [part.height(across) for part in parts]
        drawing = figure(width, sum(heights))
        subfigures = drawing.subfigures(len(groups), squeeze=False, height_ratios=heights)[:, 0]
        for subfigure, height, part in zip(subfigures, heights, parts, strict=True):
            head(subfigure, part.heading, height)
            margins = left, MARK, text_height(part.heading) + part.above, TICKS
            gaps = MARK, part.above + TICKS
            axes = divided(subfigure, (width, height), (part.down(across), across), margins, gaps)
            for i, (ax, title, own) in enumerate(zip(axes, part.titles, part.shown, strict=False)):
                _draw(ax, *own, part.names, signs, first=i % across == 0)
                ax.set_title(title, loc="left")
            for ax in axes[len(part.shown) :]:
                ax.set_visible(False)
        watermark(drawing, groups)
    return Drawn(drawing, " ".join(_words(title, own) for title, own in groups.items()))


def _shown(means: pd.DataFrame, column: Column) -> Panel:
    own = pick(means, column)
    return read(own, column), dict(zip(method_names(own)["method"], own["mark"], strict=True))


def _draw(
    ax: Axes,
    shown: Quantity,
    marks: Mapping[str, Mark],
    names: Sequence[str],
    signs: Mapping[str, Sign],
    first: bool,
) -> None:
    lines = {name: names.index(name) for name in shown.methods}
    draw_intervals(ax, ((value, Value(lines[n]), signs[n].colour) for n, value in shown.methods.items()))
    for name, value in shown.methods.items():
        ax.plot([value.value], [lines[name]], label=name, linestyle="none", **marker(signs[name]))
        if sign := SIGNS.get(marks.get(name, ""), "").strip().replace("*", "∗"):
            place = ax.get_yaxis_transform()
            ax.text(1.01, lines[name], sign, va="center", fontsize=SMALL, transform=place)
    # Floors are named below the methods, real images above them, so that the two labels never meet.
    if shown.floor:
        _reference(ax, "floor", shown.floor[1], len(names) - 0.15, "--")
    if shown.real:
        _reference(ax, short(shown.real[0]), shown.real[1], -0.85, ":")
    ax.set_ylim(len(names) + 0.25, -1.25)
    ax.grid(visible=False, axis="y")
    ax.set_yticks(range(len(names)) if first else [], names if first else [])
    ax.tick_params(axis="y", length=0)
    ax.locator_params(axis="x", nbins=3)
    ax.spines["left"].set_visible(False)


def _reference(ax: Axes, name: str, value: Value, y: float, style: str) -> None:
    if not math.isnan(value.low) and value.high > value.low:
        ax.axvspan(value.low, value.high, **BAND)
    ax.axvline(value.value, color=MUTED, linestyle=style, linewidth=0.9, label=name)
    low, high = ax.get_xlim()
    side = "left" if value.value < (low + high) / 2 else "right"
    offset = 2 if side == "left" else -2
    ax.annotate(name, (value.value, y), (offset, 0), textcoords="offset points", ha=side, va="center",
                fontsize=SMALL, color=MUTED)  # fmt: skip


def _words(title: str, shown: Sequence[Panel]) -> str:
    sentences = []
    for own, _ in shown:
        values = [f"{name} {value.value:.3g}" for name, value in own.methods.items()]
        if own.floor:
            values.append(f"best floor ({short(own.floor[0])}) {own.floor[1].value:.3g}")
        if own.real:
            values.append(f"{short(own.real[0])} {own.real[1].value:.3g}")
        sentences.append(f"{own.title}: {', '.join(values)}")
    return f"{title}. {'; '.join(sentences)}."
