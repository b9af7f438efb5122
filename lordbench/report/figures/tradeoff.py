"""What the content code leaks of the class, against how well content is transferred."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from lordbench.errors import UserError
from lordbench.report.figures.style import MUTED, Drawn, Sign, figure, legend_below, signs, styled
from lordbench.report.headline import group_title
from lordbench.report.marks import Entry
from lordbench.report.sections import LEAKAGE, PROBE, TRANSFER, Column, pick
from lordbench.results.leaderboard import GROUP, LINE, aggregate, line_name

LEAK = Column("class leak", LEAKAGE, "encoded", "class from content", PROBE)
COLUMNS = 3
"""Panels beside one another, at most."""
WIDTH, HEIGHT, LEGEND = 4.2, 3.6, 0.22
"""Inches: of a panel, and of a line of the legend."""

Point = tuple[Entry, Entry]
"""Leakage and quality of transfer."""


def tradeoff(rows: pd.DataFrame, metric: str = "lpips") -> Drawn:
    """Draw leakage against transfer, a panel for each data set and split that has both.

    Bars are 95 % intervals, as in the tables; floors are lines across, since they have no codes to leak.

    Args:
        rows: as from `collect`.
        metric: of content transfer, against the true image or by a judge.

    Raises:
        UserError: no method has both values.
    """
    transfer = Column(metric, TRANSFER, "encoded", "transfer", metric)
    table = aggregate(rows)
    groups = {group_title(key): lines for key, lines in table.groupby(GROUP, sort=False)}
    points = {title: found for title, lines in groups.items() if (found := _points(lines, transfer))}
    if not points:
        raise UserError(
            f"no method has both {metric} of transfers and leakage",
            "Run the experiments content-transfer and leakage, or choose another --metric.",
        )
    look = signs(name for found in points.values() for name in found)
    across, down = min(len(points), COLUMNS), -(-len(points) // COLUMNS)
    with styled():
        made = figure(WIDTH * across, HEIGHT * down + LEGEND * -(-(len(look) + 2) // (2 * across)))
        axes = made.subplots(down, across, squeeze=False).flatten().tolist()
        for ax, (title, found) in zip(axes, points.items(), strict=False):
            _panel(ax, groups[title], transfer, found, look)
            ax.set_title(title, fontsize="small", loc="left")
        legend_below(made, axes, len(points), columns=2 * across)
    return Drawn(made, _words(points, metric))


def _points(lines: pd.DataFrame, transfer: Column) -> dict[str, Point]:
    """Methods that have both values, by name."""
    methods = lines[~lines["reference"].astype(bool)]
    leak, quality = _entries(methods, LEAK), _entries(methods, transfer)
    return {name: (leak[name], quality[name]) for name in leak if name in quality}


def _words(points: dict[str, dict[str, Point]], metric: str) -> str:
    panels = []
    for title, found in points.items():
        said = (f"{name} {leak.value:.3g} and {quality.value:.3g}" for name, (leak, quality) in found.items())
        panels.append(f"{title}: {'; '.join(said)}")
    return f"Class leakage, and {metric} of transfers. {'. '.join(panels)}."


def _panel(
    ax: Axes, lines: pd.DataFrame, transfer: Column, points: dict[str, Point], look: dict[str, Sign]
) -> None:
    for name, (x, y) in points.items():
        sign = look[name]
        ax.errorbar(
            [_middle(x)], [_middle(y)], xerr=_reach(x), yerr=_reach(y), label=name, linestyle="none",
            color=sign.colour, marker=sign.marker, markersize=7, markeredgecolor="white",
            elinewidth=1, capsize=2,
        )  # fmt: skip
    floors = _entries(lines[lines["reference"].astype(bool)], transfer)
    for dashes, (name, floor) in zip(("--", ":"), floors.items(), strict=False):
        ax.axhline(_middle(floor), color=MUTED, linestyle=dashes, linewidth=1, label=name)
    higher = pick(lines, transfer)["higher_is_better"].dropna().astype(bool).any()
    ax.axvline(0, color=MUTED, linewidth=0.8)
    ax.set_xlabel("← class leakage from content code (MLP)")
    ax.set_ylabel(f"{transfer.metric} of transfers {'→' if higher else '←'}")


def _entries(lines: pd.DataFrame, column: Column) -> dict[str, Entry]:
    """Values of one quantity by the name of their line."""
    found = pick(lines, column)
    found = found[found["value"].notna()]
    keys = found[LINE].itertuples(index=False, name=None)
    numbers = zip(found["value"], found["ci_low"], found["ci_high"], strict=True)
    return {line_name(key): Entry.of(*three) for key, three in zip(keys, numbers, strict=True)}


def _middle(entry: Entry) -> float:
    return float("nan") if entry.value is None else entry.value


def _reach(entry: Entry) -> Sequence[list[float]] | None:
    """The interval as Matplotlib wants it: how far it reaches below and above."""
    if entry.value is None or entry.low is None or entry.high is None:
        return None
    return [max(entry.value - entry.low, 0.0)], [max(entry.high - entry.value, 0.0)]
