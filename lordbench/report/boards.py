"""The leaderboard's tables of headline metrics: one per section and group of comparable results."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from lordbench.report.quantities import Column, keys, pick, sections
from lordbench.report.tables import NOTHING, Entry, Mark, Row, Table, decimals, footnotes
from lordbench.results.leaderboard import (
    GROUP,
    LINE,
    QUANTITY,
    aggregate,
    has_all_seeds,
    label,
    row_name,
)

LEGEND = (
    "±: the larger half-width of the 95 % confidence interval (one seed: bootstrap over classes and content "
    "images; several seeds: Student's t). * best; ≈ not significantly different from the best (95 % "
    "intervals overlap). Values without ± have no interval; their order is not tested."
)


FEWER_SEEDS = "better than *, but from fewer seeds"


class EntryColumn(NamedTuple):
    """A column of a table: its entries by the names of their rows."""

    title: str
    decimals: int
    entries: Mapping[tuple[str, ...], Entry]


def boards(rows: pd.DataFrame) -> list[Table]:
    """Make the headline tables of collected rows: for each group, each section that has a value."""
    tables = []
    for group, means in marked(aggregate(rows)).groupby(GROUP, sort=False):
        values = {
            f"{group_title(group)}: {section}": {column: pick(means, column) for column in columns}
            for section, columns in sections(means)
        }
        tables += headline_tables(means, method_names(means), values.items())
    return tables


def marked(means: pd.DataFrame, apart: Sequence[str] = ()) -> pd.DataFrame:
    """Add a column `entry` to aggregated results: each an `Entry`, with its mark; extend `notes`.

    Marks compare methods in one quantity and group, and with the same values in the columns `apart`; floors
    and ceilings have none. The best is one of those with the most seeds; a note says if another is better.
    """
    sources = keys(means[[*LINE, *QUANTITY]])
    numbers = zip(means["value"], means["ci_low"], means["ci_high"], sources, strict=True)
    entries = pd.Series([Entry.of(*each) for each in numbers], means.index, dtype=object)
    complete = has_all_seeds(means, apart)
    methods = means[~means["reference"].astype(bool)]
    better: list[Hashable] = []
    for _, same in methods.groupby([*GROUP, *QUANTITY, *apart], sort=False):
        direction = _direction(same)
        if direction is not None:
            has_all = complete[same.index]
            marks = mark_best(list(entries[same.index]), list(has_all), higher_is_better=direction)
            entries[same.index] = marks
            best = same["value"][has_all].agg("max" if direction else "min")
            better.extend(same.index[(same["value"] > best) if direction else (same["value"] < best)])
    notes = with_notes(means["notes"], FEWER_SEEDS, means.index.to_series().isin(better))
    return means.assign(entry=entries, notes=notes)


def with_notes(notes: pd.Series[str], more: str | pd.Series[str], where: pd.Series[bool]) -> pd.Series[str]:
    """Add to the notes of some results."""
    return notes.mask(where, (notes + "; " + more).str.removeprefix("; "))


def mark_best(
    entries: Sequence[Entry], has_all_seeds: Sequence[bool], *, higher_is_better: bool
) -> list[Entry]:
    """Mark the best entry of those with all seeds, those whose interval overlaps its own, and the runner-up.

    Two 95 % intervals that do not overlap differ at a level well below 5 %; overlap does not mean that the
    values are equal. Fewer than two values are not marked, and of two there is no runner-up.
    """
    values = sorted((e.value for e in entries if e.value is not None), reverse=higher_is_better)
    if len(values) < 2:
        return list(entries)
    complete = [entry for entry, has_all in zip(entries, has_all_seeds, strict=True) if has_all]
    best = next(value for value in values if value in [entry.value for entry in complete])
    second = [*values[values.index(best) + 1 :], None][0]
    lows, highs = zip(*(e.interval for e in complete if e.value == best and e.interval), strict=True)

    def mark(entry: Entry, has_all: bool) -> Mark:
        if entry.interval is None:
            return ""
        if has_all and entry.value == best:
            return "best"
        if entry.interval[0] <= max(highs) and entry.interval[1] >= min(lows):
            return "tied"
        return "second" if entry.value == second and len(values) > 2 else ""

    return [replace(entry, mark=mark(entry, has)) for entry, has in zip(entries, has_all_seeds, strict=True)]


def headline_tables(
    means: pd.DataFrame, names: pd.DataFrame, tables: Iterable[tuple[str, Mapping[Column, pd.DataFrame]]]
) -> list[Table]:
    """Make tables of results as from `marked`, in their order, without those that have no value.

    `names` (str, indexed like `means`) has the names of the rows, in one or several columns; `tables` has for
    each table its title, and the results in each of its columns.
    """
    boards, row_names = [], keys(names)
    for title, values in tables:
        columns, notes = [], {}
        shown = means[means.index.isin([i for own in values.values() for i in own.index])]
        for column, own in values.items():
            own_names = row_names[own.index]
            notes[column.title] = list(zip(own_names.map(", ".join), own["notes"], strict=True))
            if own["value"].notna().any():
                entries = dict(zip(own_names, own["entry"], strict=True))
                columns.append(EntryColumn(column.title + arrow(own), decimals(own["value"]), entries))
        if columns:
            boards.append(lay_out(title, shown, names, columns, footnotes(notes)))
    return boards


def lay_out(
    title: str, means: pd.DataFrame, names: pd.DataFrame, columns: Sequence[EntryColumn], notes: Sequence[str]
) -> Table:
    """Make a table with a row for each name that has an entry.

    A column counts the seeds of the results in the table, `means`, if any has several.
    """
    rows, counts = [], []
    for key, own in means.groupby(keys(names.loc[means.index]), sort=False):
        entries = tuple(column.entries.get(key, NOTHING) for column in columns)
        if entries.count(NOTHING) < len(entries):
            rows.append(Row(key, entries, bool(own["reference"].all())))
            counts.append(int(own["n_seeds"].max()))
    header = [*map(str, names), *(column.title for column in columns)]
    if max(counts, default=1) > 1:
        header.insert(names.shape[1], "seeds")
        rows = [replace(row, texts=(*row.texts, str(n))) for row, n in zip(rows, counts, strict=True)]
    digits = tuple(column.decimals for column in columns)
    return Table(title, tuple(header), tuple(rows), digits, frozenset({"seeds"}), tuple(notes))


def method_names(means: pd.DataFrame) -> pd.DataFrame:
    """The names of rows in a table of one group: a column `method`."""
    return keys(means[LINE]).map(row_name).to_frame("method")


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
