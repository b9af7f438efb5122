"""Values of all methods with their intervals, one panel for each quantity, beside floors and real images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes

from lordbench.report.boards import method_names
from lordbench.report.figures.drawing import (
    BAND,
    MUTED,
    PAGE,
    SETTINGS,
    SMALL,
    Drawn,
    figure,
    marker,
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

NARROWEST, NAMES = 1.25, 0.8
"""Inches: the least width of a panel, and what names of methods take."""
MARK = 0.14
"""Inches: width of a mark."""
ROW, REST, TITLE, LINE = 0.17, 0.75, 0.25, 0.13
"""Inches: height of a method, of what else a panel has, of a group's title, and of each further line."""

Panel = tuple[Quantity, Mapping[str, Mark]]


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
    across = max(1, int((width - NAMES) // NARROWEST))
    across = min(across, max(map(len, groups.values())))
    with mpl.rc_context(SETTINGS):
        panel = (width - NAMES) / across
        heights = [_height(own, across, panel) for own in groups.values()]
        drawing = figure(width, sum(heights))
        # Marks stand to the right of each panel.
        drawing.set_layout_engine("constrained", rect=(0, 0, 1 - MARK / width, 1), w_pad=MARK / 2)
        for part, (title, own) in zip(
            drawing.subfigures(len(groups), squeeze=False, height_ratios=heights)[:, 0],
            groups.items(),
            strict=True,
        ):
            part.suptitle(wrapped(title, width), x=0.01, ha="left", fontsize=8)
            axes = part.subplots(-(-len(own) // across), across, squeeze=False).flatten()
            names = list(dict.fromkeys(name for q, _ in own for name in q.methods))
            for i, ax in enumerate(axes):
                if i < len(own):
                    _draw(ax, *own[i], names, signs, first=i % across == 0)
                    ax.set_title(wrapped(own[i][0].title, panel), loc="left")
                else:
                    ax.set_visible(False)
        watermark(drawing, groups)
    return Drawn(drawing, " ".join(_words(title, own) for title, own in groups.items()))


def _shown(means: pd.DataFrame, column: Column) -> Panel:
    own = pick(means, column)
    return read(own, column), dict(zip(method_names(own)["method"], own["mark"], strict=True))


def _height(shown: Sequence[Panel], across: int, panel: float) -> float:
    n_names = len({name for q, _ in shown for name in q.methods})
    lines = max(wrapped(q.title, panel).count("\n") for q, _ in shown)
    return TITLE + -(-len(shown) // across) * (n_names * ROW + REST + lines * LINE)


def _draw(
    ax: Axes,
    shown: Quantity,
    marks: Mapping[str, Mark],
    names: Sequence[str],
    signs: Mapping[str, Sign],
    first: bool,
) -> None:
    for name, value in shown.methods.items():
        line = names.index(name)
        ax.errorbar(
            [value.value], [line], xerr=value.reach, linestyle="none", elinewidth=1, capsize=2, label=name,
            **marker(signs[name]),
        )  # fmt: skip
        sign = SIGNS.get(marks.get(name, ""), "").strip().replace("*", "∗")
        place = ax.get_yaxis_transform()
        mark = ax.text(1.01, line, sign, va="center", fontsize=SMALL, transform=place)
        mark.set_in_layout(False)
    # Floors are named below the methods, real images above them, so that the two labels never meet.
    if shown.floor:
        _reference(ax, "floor", shown.floor[1], len(names) - 0.15, "--")
    if shown.real:
        _reference(ax, short(shown.real[0]), shown.real[1], -0.85, ":")
    ax.set_ylim(len(names) + 0.25, -1.25)
    ax.grid(visible=False, axis="y")
    ax.set_yticks(range(len(names)), names if first else [""] * len(names))
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
