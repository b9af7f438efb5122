"""What a run shows last: the headline quantities, and a verdict in a few sentences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import pandas as pd
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.text import Text

from lordbench.config.controls import NAME as CONTROL
from lordbench.report.boards import headline_tables, method_names, unsearched, with_entries
from lordbench.report.quantities import Column, choose, missing, pick, summarised
from lordbench.report.tables import Entry, Table, decimals, footnotes, markdown, number
from lordbench.report.terminal import TerminalTable
from lordbench.results.differences import Differences
from lordbench.results.leaderboard import FLOOR, aggregate, is_ceiling, is_floor, is_of_real_images, parts
from lordbench.results.marks import FEWER_SEEDS, marked
from lordbench.results.names import GROUP, QUANTITY, Mark, group_title, is_for_testing

LEGEND: dict[Mark, str] = {
    "best": "* best", "tied": "≈ not significantly different",
    "no interval": "? no interval of the difference", "floor": "▽ not better than a floor",
    "collapsed": "† collapsed",
}  # fmt: skip
BEST_FLOOR, REAL_IMAGES = "best floor", "real images"
SHUFFLED = ", shuffled"
"""Subjects that end so have what probes predict of shuffled labels."""
FOR_TESTING = "This preset is for testing: the numbers mean nothing."
ONE_SEED = "One seed: trainings vary, and a difference may be chance. Add --seeds 0,1,2."
MANY = 6
"""Methods from which on intervals are left out, so that a summary fits on a terminal."""
BELOW = 3
"""Lines of a terminal below the summary: the next commands and the prompt."""


class Summary(NamedTuple):
    """The methods of one group of comparable results with their references, and sentences about them."""

    table: Table
    verdict: list[str]

    @property
    def marks(self) -> set[Mark]:
        """The marks of its values."""
        return {entry.mark for row in self.table.rows for entry in row.entries}


@dataclass(frozen=True)
class TerminalSummary:
    """Summaries that rich prints; of several groups, the tables only if all of them fit on the terminal.

    With `whole`, the tables in any case.
    """

    found: Sequence[Summary]
    whole: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        whole = Group(*self._parts(with_tables=True))
        if len(self.found) > 1 and console.is_terminal and not self.whole:
            height = len(console.render_lines(whole, options.update(height=None)))
            if height + BELOW > console.height:
                whole = Group(*self._parts(with_tables=False))
        yield whole

    def _parts(self, *, with_tables: bool) -> Iterator[RenderableType]:
        for i, (table, verdict) in enumerate(self.found):
            if i:
                yield Text()
            n_methods = sum(row.part == 0 for row in table.rows)
            if with_tables:
                yield TerminalTable(table, margins=n_methods < MANY, apart=False)
            else:
                yield Text(table.title, style="bold")
            yield Text(" ".join(verdict))
        if with_tables and (legend := _legend(self.found)):
            yield Text(legend, style="dim")


def summaries(rows: pd.DataFrame, differences: Differences, columns: Sequence[str] = ()) -> list[Summary]:
    """Summarise each group of collected rows; `differences` are those of the rows, `columns` as below."""
    return summarise(with_entries(marked(aggregate(rows), differences)), columns)


def summarise(
    averaged: pd.DataFrame, columns: Sequence[str] = (), methods: Sequence[str] = ()
) -> list[Summary]:
    """Summarise each group of results as from `boards.with_entries`.

    `columns` are names for `quantities.choose`, in place of the headline columns; `methods` the order of the
    methods, by default by the first column, the best first. UserError: a column is unknown here, or has no
    value.
    """
    found = []
    chosen = choose(averaged, columns) if columns else None
    for group, own in averaged.groupby(GROUP, sort=False):
        means = _with_shuffled(own)
        shown_columns = chosen or summarised(means)
        means = in_order(means, methods or _best_first(means, shown_columns))
        names = _names(means)
        shown = means[names != ""]
        values = {column: pick(shown, column) for column in shown_columns}
        title = group_title(group)
        for table in headline_tables(shown, names[shown.index].to_frame("method"), [(title, values)]):
            if table.header:
                absent = {column.title: [("", why)] for column, why in missing(means, values).items()}
                verdict = list(_verdict(shown, shown_columns))
                found.append(Summary(replace(table, notes=footnotes(absent)), verdict))
    return found


def summaries_markdown(found: Iterable[Summary]) -> str:
    """Write summaries as Markdown that ends with a line break."""
    found = list(found)
    parts = [f"{markdown(table)}\n{' '.join(verdict)}\n" for table, verdict in found]
    if legend := _legend(found):
        parts.append(legend.replace("*", r"\*") + "\n")
    return "\n".join(parts)


def _legend(found: Iterable[Summary]) -> str:
    """What the signs in summaries mean."""
    marks = set[Mark]().union(*(summary.marks for summary in found))
    return "  ".join(text for mark, text in LEGEND.items() if mark in marks)


def first_values(rows: pd.DataFrame, most: int) -> list[str]:
    """The first values of the summary in the rows of one cell, with titles, such as `right in both 0.630`."""
    values = [(column.title, pick(rows, column)["value"].dropna()) for column in summarised(rows)]
    return [f"{title} {number(own.iloc[0], decimals(own))}" for title, own in values if len(own)][:most]


def in_order(averaged: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """Sort results by the given order of methods, within each part of their table."""
    places = {name: i for i, name in enumerate(methods)}
    place = method_names(averaged)["method"].map(places).fillna(len(places))
    order = pd.DataFrame({"part": parts(averaged), "place": place}).sort_values(
        ["part", "place"], kind="stable"
    )
    return averaged.loc[order.index]


def _best_first(averaged: pd.DataFrame, columns: Sequence[Column]) -> list[str]:
    """Names of the methods with a value in the first column that has any, by merit."""
    own = averaged[~averaged["reference"]]
    found = (_merits(pick(own, column)).dropna() for column in columns)
    merits = next((values for values in found if len(values)), pd.Series(dtype=float))
    ordered = merits.sort_values(ascending=False, kind="stable").index
    return list(method_names(averaged.loc[ordered])["method"])


def _merits(means: pd.DataFrame) -> pd.Series[float]:
    """Values, turned so that more is better; NaN where there is none, or no direction of merit."""
    return means["value"] * means["higher_is_better"].map({True: 1.0, False: -1.0})


def _with_shuffled(averaged: pd.DataFrame) -> pd.DataFrame:
    """Add the floors of shuffled labels, the mean over methods, to what codes should not reveal."""
    own = averaged[averaged["subject"].str.endswith(SHUFFLED) & ~averaged["reference"]]
    means = own.groupby([*GROUP, *QUANTITY])["value"].transform("mean")
    floors = own.assign(
        method=f"{FLOOR}shuffled labels", variant="", labels="", reference=True, higher_is_better=False,
        subject=own["subject"].str.removesuffix(SHUFFLED), value=means, notes="",
        entry=means.map(lambda value: Entry.of(value, float("nan"), float("nan"))),
    )  # fmt: skip
    floors = floors.drop_duplicates([*GROUP, *QUANTITY])
    return pd.concat([floors, averaged], ignore_index=True)


def _names(means: pd.DataFrame) -> pd.Series[str]:
    """Names of the rows of a summary's table; empty for floors other than the best, and for what is neither
    floor nor ceiling.
    """
    names = method_names(means)["method"]
    of_methods = pd.Series(list(map(is_floor, names, means["experiment"], means["metric"])), means.index)
    merits = _merits(means)
    floors = means.assign(merit=merits)[of_methods & merits.notna()]
    best = floors.groupby(QUANTITY)["merit"].idxmax()
    others = means["reference"] & (means["method"] != CONTROL) & ~names.map(is_ceiling).astype(bool)
    names = names.mask(others, "").mask(names.map(is_of_real_images).astype(bool), REAL_IMAGES)
    return names.mask(names.index.isin(best), BEST_FLOOR)


def _verdict(means: pd.DataFrame, columns: Sequence[Column]) -> Iterator[str]:
    """Sentences about the methods of one group, from the marks of their values."""
    if is_for_testing(means["preset"].iloc[0]):
        yield FOR_TESTING
        return
    methods = means[~means["reference"]]
    by_mark: dict[Mark, dict[str, list[str]]] = defaultdict(dict)
    fewer: dict[str, list[str]] = {}
    for column in columns:
        own = pick(methods, column)
        names = method_names(own)["method"]
        for mark, same in names.groupby(own["mark"]):
            by_mark[mark][column.title] = _named(same, names) if mark == "floor" else list(same)
        if len(better := names[own["notes"].str.contains(FEWER_SEEDS, regex=False)]):
            fewer[column.title] = list(better)
    if best := by_mark["best"]:
        yield f"Best: {_where(best)}."
    if fewer:
        yield f"Better, but from fewer seeds: {_where(fewer)}."
    if tied := by_mark["tied"]:
        yield f"Not significantly different from the best: {_where(tied)}."
    if floors := by_mark["floor"]:
        yield f"Not better than a floor: {_where(floors)}."
    if collapsed := by_mark["collapsed"]:
        each = dict.fromkeys(name for same in collapsed.values() for name in same)
        yield f"Collapsed, which says nothing about the method: {', '.join(each)}."
    yield from unsearched(means, method_names(means))
    run = methods["n_seeds"] + methods["n_collapsed"]
    seeds = run.groupby(method_names(methods)["method"], sort=False).max()
    if seeds.max() <= 1:
        yield ONE_SEED
    elif single := list(seeds.index[seeds <= 1]):
        yield f"{_joined(single)}: {ONE_SEED[0].lower()}{ONE_SEED[1:]}"


def _named(names: Iterable[str], of: Iterable[str]) -> list[str]:
    """Some of the methods, shorter where they are all or nearly all."""
    named = set(names)
    others = [name for name in of if name not in named]
    if not others:
        return ["all methods"] if len(named) > 1 else list(named)
    if 3 * len(others) < len(named):
        return [f"all but {_joined(others)}"]
    return [name for name in of if name in named]


def _where(methods: Mapping[str, Sequence[str]]) -> str:
    """Methods with the quantities that they are named for, `methods` by the title of each quantity."""
    titles: dict[str, list[str]] = defaultdict(list)
    for title, names in methods.items():
        # In a sentence, "right in both" must be seen to be one name.
        titles[_joined(names)].append(f'"{title}"' if " " in title else title)
    return "; ".join(f"{names} in {_joined(own)}" for names, own in titles.items())


def _joined(texts: Iterable[str]) -> str:
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last
