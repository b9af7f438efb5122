"""The leaderboard's tables of headline metrics: one per section and group of comparable results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from lordbench.report.quantities import Column, keys, missing, pick, sections
from lordbench.report.tables import NOTHING, Entry, Row, Table, decimals, footnotes
from lordbench.results.differences import Differences
from lordbench.results.leaderboard import aggregate, parts
from lordbench.results.marks import marked
from lordbench.results.names import GROUP, LINE, QUANTITY, is_for_testing, row_name
from lordbench.results.rows import NOT_SEARCHED

LEGEND = (
    "±: the larger half-width of the 95 % confidence interval (one seed: bootstrap over classes and content "
    "images; several seeds: Student's t). * best; ≈ not significantly different from it (paired differences: "
    "`lordbench differences`); ? no interval of that difference; ▽ not better than a floor; † a training has "
    "collapsed. About 1 in 20 comparisons of equal methods looks significant."
)


class EntryColumn(NamedTuple):
    """A column of a table: its entries by the names of their rows."""

    title: str
    decimals: int
    entries: Mapping[tuple[str, ...], Entry]


def boards(rows: pd.DataFrame, differences: Differences, averaged: pd.DataFrame | None = None) -> list[Table]:
    """Make the headline tables of collected rows: for each group, each section that has a value.

    `averaged`, if they are known already, are the rows averaged and marked, as from `with_entries`.
    """
    tables = []
    averaged = with_entries(marked(aggregate(rows), differences)) if averaged is None else averaged
    for group, means in averaged.groupby(GROUP, sort=False):
        values = {
            section: {column: pick(means, column) for column in columns}
            for section, columns in sections(means)
        }
        tables += [
            replace(table, group=group)
            for table in headline_tables(means, method_names(means), values.items())
        ]
    return tables


def with_entries(means: pd.DataFrame) -> pd.DataFrame:
    """Add a column `entry` to `marked` results: the `Entry` of each value."""
    sources = keys(means[[*LINE, *QUANTITY]])
    columns = [means[name] for name in ("value", "ci_low", "ci_high", "mark")]
    entries = [Entry.of(*each) for each in zip(*columns, sources, strict=True)]
    return means.assign(entry=pd.Series(entries, means.index, dtype=object))


def headline_tables(
    means: pd.DataFrame, names: pd.DataFrame, tables: Iterable[tuple[str, Mapping[Column, pd.DataFrame]]]
) -> list[Table]:
    """Make tables of results as from `with_entries`, in their order; of those without a value, the reasons.

    `names` (str, indexed like `means`) has the names of the rows, in one or several columns; `tables` has for
    each table its heading, and the results in each of its columns.
    """
    boards, row_names = [], keys(names)
    for heading, values in tables:
        columns, notes = [], {}
        shown = means[means.index.isin([i for own in values.values() for i in own.index])]
        absent = missing(means, values)
        for column, own in values.items():
            own_names = row_names[own.index]
            notes[column.title] = list(zip(own_names.map(", ".join), own["notes"], strict=True))
            if own["value"].notna().any():
                entries = dict(zip(own_names, own["entry"], strict=True))
                columns.append(EntryColumn(column.title + arrow(own), decimals(own["value"]), entries))
        if columns:
            notes |= {column.title: [("", why)] for column, why in absent.items()}
            boards.append(lay_out(heading, shown, names, columns, footnotes(notes)))
        elif reasons := footnotes(notes):
            boards.append(Table(heading, notes=reasons))
    return boards


def lay_out(
    heading: str,
    means: pd.DataFrame,
    names: pd.DataFrame,
    columns: Sequence[EntryColumn],
    notes: Sequence[str],
) -> Table:
    """Make a table with a row for each name that has an entry.

    A column counts the seeds of the results in the table, `means`, if any has several.
    """
    notes = [*notes, *unsearched(means, names)]
    rows, counts = [], []
    for key, own in means.groupby(keys(names.loc[means.index]), sort=False):
        entries = tuple(column.entries.get(key, NOTHING) for column in columns)
        if entries.count(NOTHING) < len(entries):
            rows.append(Row(key, entries, int(parts(own).min())))
            collapsed = f" (+{n} †)" if (n := own["n_collapsed"].max()) else ""
            counts.append(f"{own['n_seeds'].max()}{collapsed}")
    header = [*map(str, names), *(column.title for column in columns)]
    if set(counts) - {"1"}:
        header.insert(names.shape[1], "seeds")
        rows = [replace(row, texts=(*row.texts, n)) for row, n in zip(rows, counts, strict=True)]
    digits = tuple(column.decimals for column in columns)
    return Table(heading, tuple(header), tuple(rows), digits, frozenset({"seeds"}), tuple(notes))


def unsearched(means: pd.DataFrame, names: pd.DataFrame) -> list[str]:
    """Return a note that names the methods whose settings no search has chosen, if there are any."""
    of_methods = ~means["reference"].astype(bool) & ~means["preset"].map(is_for_testing).astype(bool)
    rows = means[of_methods & (means["searched"] == NOT_SEARCHED)]
    methods = keys(names.loc[rows.index]).map(", ".join).unique()
    return [f"Settings not searched: {', '.join(methods)}."] if len(methods) else []


def method_names(means: pd.DataFrame) -> pd.DataFrame:
    """The names of rows in a table of one group: a column `method`."""
    return keys(means[LINE]).map(row_name).to_frame("method")


def _direction(means: pd.DataFrame) -> bool | None:
    directions = means["higher_is_better"].dropna()
    return bool(directions.iloc[0]) if len(directions) else None


def arrow(means: pd.DataFrame) -> str:
    """The end of a column's title: the direction that is better."""
    return {True: " ↑", False: " ↓", None: ""}[_direction(means)]
