"""The leaderboard's tables of headline metrics: one per section and group of comparable results."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from lordbench.report.quantities import Column, pick, sections
from lordbench.report.tables import NOTHING, Entry, Mark, Row, Table, decimals, footnotes
from lordbench.results.leaderboard import GROUP, LINE, QUANTITY, aggregate, label, row_name

LEGEND = (
    "±: the larger half-width of the 95 % confidence interval (one seed: bootstrap over classes and content "
    "images; several seeds: Student's t). * best; ≈ not significantly different from the best (95 % "
    "intervals overlap). Values without ± have no interval; their order is not tested."
)


def boards(rows: pd.DataFrame) -> list[Table]:
    """Make the headline tables of collected rows: for each group, each section that has a value."""
    tables = []
    for group, means in marked(aggregate(rows)).groupby(GROUP, sort=False):
        names = method_names(means)
        for section, columns in sections(means):
            values = {column: pick(means, column) for column in columns}
            tables.append(headline_table(f"{group_title(group)}: {section}", means, names, values))
    return [table for table in tables if table is not None]


def marked(means: pd.DataFrame, apart: Sequence[str] = ()) -> pd.DataFrame:
    """Add a column `entry` to aggregated results: each an `Entry`, with its mark.

    Marks compare methods in one quantity and group, and with the same values in the columns `apart`;
    floors and ceilings have none.
    """
    entries: dict[Hashable, Entry] = {}
    for _, same in means.groupby([*GROUP, *QUANTITY, *apart], sort=False):
        sources = same[[*LINE, *QUANTITY]].itertuples(index=False, name=None)
        numbers = zip(same["value"], same["ci_low"], same["ci_high"], sources, strict=True)
        own = dict(zip(same.index, (Entry.of(*each) for each in numbers), strict=True))
        methods = same.index[~same["reference"].astype(bool)]
        direction = _direction(same)
        if direction is not None:
            best = mark_best([own[i] for i in methods], higher_is_better=direction)
            own |= zip(methods, best, strict=True)
        entries |= own
    return means.assign(entry=pd.Series(entries, means.index, dtype=object))


def mark_best(entries: Sequence[Entry], *, higher_is_better: bool) -> list[Entry]:
    """Mark the best entry, those whose interval overlaps its own, and the runner-up of three or more.

    Two 95 % intervals that do not overlap differ at a level well below 5 %; overlap does not mean that the
    values are equal. Fewer than two values are not marked.
    """
    values = [entry.value for entry in entries if entry.value is not None]
    if len(values) < 2:
        return list(entries)
    ranked = sorted(values, reverse=higher_is_better)
    ends = [entry.interval for entry in entries if entry.value == ranked[0] and entry.interval]
    best = (min(low for low, _ in ends), max(high for _, high in ends))
    return [replace(entry, mark=_mark(entry, ranked, best)) for entry in entries]


def _mark(entry: Entry, ranked: list[float], best: tuple[float, float]) -> Mark:
    if entry.interval is None:
        return ""
    if entry.value == ranked[0]:
        return "best"
    low, high = entry.interval
    if low <= best[1] and high >= best[0]:
        return "tied"
    return "second" if entry.value == ranked[1] and len(ranked) > 2 else ""


class EntryColumn(NamedTuple):
    """A column of a table: its entries by the names of their rows."""

    title: str
    decimals: int
    entries: Mapping[tuple[str, ...], Entry]


def headline_table(
    title: str, means: pd.DataFrame, names: pd.DataFrame, values: Mapping[Column, pd.DataFrame]
) -> Table | None:
    """Make a table of results as from `marked`, in their order; None if it would have no value.

    `names` (str, indexed like `means`) has the names of the table's rows, in one or several columns; `values`
    has the results for each column of the table.
    """
    keys = _keys(names)
    columns = [
        EntryColumn(
            column.title + arrow(own),
            decimals(own["value"]),
            dict(zip(keys[own.index], own["entry"], strict=True)),
        )
        for column, own in values.items()
        if own["value"].notna().any()
    ]
    notes = {
        column.title: list(zip(keys[own.index].map(", ".join), own["notes"], strict=True))
        for column, own in values.items()
    }
    return lay_out(title, means, names, columns, footnotes(notes)) if columns else None


def lay_out(
    title: str,
    means: pd.DataFrame,
    names: pd.DataFrame,
    columns: Sequence[EntryColumn],
    notes: tuple[str, ...],
) -> Table:
    """Make a table with a row for each name that has an entry; a column counts seeds if any has several."""
    rows, counts = [], []
    for key, own in means.groupby(_keys(names), sort=False):
        entries = tuple(column.entries.get(key, NOTHING) for column in columns)
        if entries.count(NOTHING) < len(entries):
            rows.append(Row(key, entries, bool(own["reference"].all())))
            counts.append(int(own["n_seeds"].max()))
    header = tuple(map(str, names))
    if max(counts, default=1) > 1:
        header += ("seeds",)
        rows = [replace(row, texts=(*row.texts, str(n))) for row, n in zip(rows, counts, strict=True)]
    return Table(
        title,
        (*header, *(column.title for column in columns)),
        tuple(rows),
        tuple(column.decimals for column in columns),
        right=frozenset({"seeds"}),
        notes=notes,
    )


def method_names(means: pd.DataFrame) -> pd.DataFrame:
    """The names of rows in a table of one group: a column `method`."""
    names = [row_name(key) for key in means[LINE].itertuples(index=False, name=None)]
    return pd.DataFrame({"method": names}, index=means.index)


def _keys(names: pd.DataFrame) -> pd.Series:  # type: ignore[type-arg]
    return pd.Series(list(names.itertuples(index=False, name=None)), names.index, dtype=object)


def group_title(group: Sequence[Hashable]) -> str:
    """Name a group by its data set, split and preset, the values of `GROUP`."""
    dataset, settings, split, preset = map(str, group)
    return f"{label(dataset, settings)}, {split} split, preset {preset}"


def _direction(means: pd.DataFrame) -> bool | None:
    directions = means["higher_is_better"].dropna()
    return bool(directions.iloc[0]) if len(directions) else None


def arrow(means: pd.DataFrame) -> str:
    """The end of a column's title: the direction that is better."""
    return {True: " ↑", False: " ↓", None: ""}[_direction(means)]
