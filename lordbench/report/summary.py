"""What a run shows last: the headline quantities, and a verdict in a few sentences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import pandas as pd
from rich.console import Group
from rich.markup import escape

from lordbench.config.controls import NAME as CONTROL
from lordbench.report.boards import headline_tables, method_names, unsearched, with_entries
from lordbench.report.quantities import Column, choose, missing, pick, summarised
from lordbench.report.tables import Table, decimals, footnotes, number, rich_table
from lordbench.results.leaderboard import (
    CEILING,
    GROUP,
    QUANTITY,
    aggregate,
    group_title,
    is_floor,
    is_for_testing,
    parts,
)
from lordbench.results.marks import Mark, marked

LEGEND = "* best  ≈ not significantly different  ▽ not better than a floor  † collapsed"
BEST_FLOOR, BEST_CEILING = "best floor", "ceiling"
FOR_TESTING = "This preset is for testing: the numbers mean nothing."
ONE_SEED = "One seed: trainings vary, and a difference may be chance. Add --seeds 0,1,2."


class Summary(NamedTuple):
    """The methods of one group of comparable results with their best floor and ceiling, and sentences."""

    table: Table
    verdict: list[str]

    @property
    def has_marks(self) -> bool:
        """Whether a value is marked."""
        return any(entry.mark for row in self.table.rows for entry in row.entries)


def rich_summary(found: Sequence[Summary]) -> list[Group]:
    """Make summaries for the terminal."""
    groups = [Group(rich_table(each.table), *map(escape, each.verdict)) for each in found]
    return [*groups, Group(LEGEND)] if any(each.has_marks for each in found) else groups


def summaries(rows: pd.DataFrame, differences: pd.DataFrame) -> list[Summary]:
    """Summarise each group of collected rows; `differences` are those of the rows."""
    return summarise(with_entries(marked(aggregate(rows), differences)))


def summarise(
    averaged: pd.DataFrame, columns: Sequence[str] = (), methods: Sequence[str] = ()
) -> list[Summary]:
    """Summarise each group of results as from `boards.with_entries`.

    `columns` are names for `quantities.choose`, in place of the headline columns; `methods` the order of the
    methods. UserError: a column is unknown here, or has no value.
    """
    found = []
    chosen = choose(averaged, columns) if columns else None
    for group, means in in_order(averaged, methods).groupby(GROUP, sort=False):
        shown_columns, names = chosen or summarised(means), _names(means)
        shown = means[names != ""]
        values = {column: pick(shown, column) for column in shown_columns}
        title = group_title(group)
        for table in headline_tables(shown, names[shown.index].to_frame("method"), [(title, values)]):
            if table.header:
                absent = {column.title: [("", why)] for column, why in missing(means, values).items()}
                verdict = list(_verdict(shown, shown_columns))
                found.append(Summary(replace(table, notes=footnotes(absent)), verdict))
    return found


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


def _names(means: pd.DataFrame) -> pd.Series[str]:
    """Names of the rows of a summary's table; empty for references that are neither best nor ceilings."""
    names = method_names(means)["method"]
    of_methods = pd.Series(list(map(is_floor, names, means["experiment"], means["metric"])), means.index)
    merits = means["value"] * means["higher_is_better"].map({True: 1.0, False: -1.0})
    floors = means.assign(merit=merits)[of_methods & merits.notna()]
    best = floors.groupby(QUANTITY)["merit"].idxmax()
    others = means["reference"] & (means["method"] != CONTROL)
    names = names.mask(others, "").mask(names.str.startswith(CEILING), BEST_CEILING)
    return names.mask(names.index.isin(best), BEST_FLOOR)


def _verdict(means: pd.DataFrame, columns: Sequence[Column]) -> Iterator[str]:
    """Sentences about the methods of one group, from the marks of their values."""
    if is_for_testing(means["preset"].iloc[0]):
        yield FOR_TESTING
        return
    methods = means[~means["reference"]]
    titles: dict[Mark, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    equal: dict[str, list[str]] = defaultdict(list)
    for column in columns:
        own = pick(methods, column)
        for name, mark in zip(method_names(own)["method"], own["mark"], strict=True):
            titles[mark][name].append(column.title)
            if mark == "tied":
                equal[column.title].append(name)
    for name, best in titles["best"].items():
        ties = [f"{title} (≈ {', '.join(equal[title])})" for title in best if title in equal]
        yield f"{name} is best in {_joined([title for title in best if title not in equal] + ties)}."
    if floors := titles["floor"]:
        each = [f"{name} in {_joined(own)}" for name, own in floors.items()]
        yield f"Not better than a floor: {'; '.join(each)}."
    if collapsed := titles["collapsed"]:
        yield f"Collapsed, which says nothing about the method: {', '.join(collapsed)}."
    yield from unsearched(means, method_names(means))
    if methods["n_seeds"].max() <= 1:
        yield ONE_SEED


def _joined(texts: Sequence[str]) -> str:
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)
