"""The headline: the few quantities a person compares, per group of comparable lines, and which is best."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from lordbench.report.quantities import Column, pick, sections
from lordbench.results.leaderboard import GROUP, LINE, QUANTITY, aggregate, label, row_name

Mark = Literal["", "best", "tied", "second"]


@dataclass(frozen=True)
class Entry:
    """One value of a table.

    Attributes:
        value: the value, or None where there is none.
        low: lower end of its 95 % interval, or None where there is none.
        high: upper end.
        mark: `best`; `tied` where the interval overlaps that of the best; `second` for the runner-up of
            three or more, where its interval does not.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    mark: Mark = ""

    @classmethod
    def of(cls, value: float, low: float, high: float) -> Entry:
        """Make an entry of numbers as they stand in a data frame, NaN for what there is not."""
        value_, low_, high_ = (None if math.isnan(x) else float(x) for x in (value, low, high))
        return cls(value_, low_, high_)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its ends; a value without an interval counts as a point, None stands for no value."""
        if self.value is None:
            return None
        return (self.value, self.value) if self.low is None or self.high is None else (self.low, self.high)

    @property
    def reach(self) -> float | None:
        """Distance from the value to the farther end of the interval, or None where there is none."""
        if self.value is None or self.low is None or self.high is None:
            return None
        return max(self.value - self.low, self.high - self.value)


NOTHING = Entry()


def mark_best(entries: Sequence[Entry], *, higher_is_better: bool) -> list[Entry]:
    """Mark the best of some entries, those whose interval overlaps its own, and the runner-up.

    Two 95 % intervals that do not overlap differ at a level well below 5 %; that they overlap does not mean
    that the values are equal. Fewer than two values are not marked: there is nothing to be better than.
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


LEGEND = (
    "± reaches the farther end of the 95 % interval (one seed: bootstrap over classes and what else goes "
    "together, see docs/protocol.md; several: Student's t over seeds). * best value; ≈ not told apart from "
    "the best: the intervals overlap. Values without ± are compared as they stand."
)


@dataclass(frozen=True)
class TableLine:
    """One line of a table, with an entry per column.

    Attributes:
        names: what it is called, a name for each column of the table's stub.
        is_reference: whether it is a floor or a ceiling.
        n_seeds: seeds behind it, the most of any entry.
        entries: one per column.
        key: its values of `LINE`, if it has any.
    """

    names: tuple[str, ...]
    is_reference: bool
    n_seeds: int
    entries: tuple[Entry, ...]
    key: tuple[Hashable, ...] = ()

    @property
    def label(self) -> str:
        """All its names, as one."""
        return ", ".join(self.names)


@dataclass(frozen=True)
class Board:
    """One table, such as a section of the headline for one group.

    Attributes:
        title: what all its values have in common.
        columns: titles of the columns, with ↑ or ↓ for the direction of merit.
        decimals: digits after the point, per column.
        lines: methods, then references.
        notes: what has to be known beside the numbers, such as why a column is missing.
        quantities: what stands in each column, where its entries are values of rows.
        stub: headings of the lines' names.
    """

    title: str
    columns: tuple[str, ...]
    decimals: tuple[int, ...]
    lines: tuple[TableLine, ...]
    notes: tuple[str, ...]
    quantities: tuple[Column, ...] = ()
    stub: tuple[str, ...] = ("method",)

    @property
    def header(self) -> tuple[str, ...]:
        """Titles of all columns; the number of seeds has one where there are several."""
        return (*self.stub, *(["seeds"] if self._shows_seeds else []), *self.columns)

    def start(self, line: TableLine) -> tuple[str, ...]:
        """What stands in a line before its entries."""
        return (*line.names, str(line.n_seeds)) if self._shows_seeds else line.names

    @property
    def first_reference(self) -> int | None:
        """Index of the line that a rule parts from the methods above it."""
        return next((i for i, line in enumerate(self.lines) if line.is_reference), None)

    @property
    def _shows_seeds(self) -> bool:
        return any(line.n_seeds > 1 for line in self.lines)


def boards(rows: pd.DataFrame) -> list[Board]:
    """Make the headline tables of collected rows: for each group, each section that holds anything."""
    made = []
    for group, lines in marked(aggregate(rows)).groupby(GROUP, sort=False):
        names = [row_name(key) for key in lines[LINE].itertuples(index=False, name=None)]
        stub = pd.DataFrame({"method": names}, index=lines.index)
        for section, columns in sections(lines):
            picked = {column: pick(lines, column) for column in columns}
            board = lay_out(f"{group_title(group)}: {section}", lines, stub, picked)
            if board is not None:
                made.append(board)
    return made


def marked(lines: pd.DataFrame, apart: Sequence[str] = ()) -> pd.DataFrame:
    """Add a column `entry` to aggregated lines: each an `Entry`, with its mark.

    Marks compare methods, in one quantity, within one group: floors and ceilings have none.

    Args:
        lines: as from `aggregate`.
        apart: further columns whose values are not compared with each other.
    """
    entries: dict[Hashable, Entry] = {}
    for _, same in lines.groupby([*GROUP, *QUANTITY, *apart], sort=False):
        numbers = zip(same["value"], same["ci_low"], same["ci_high"], strict=True)
        found = dict(zip(same.index, (Entry.of(*three) for three in numbers), strict=True))
        methods = same.index[~same["reference"].astype(bool)]
        direction = _direction(same)
        if direction is not None:
            best = mark_best([found[i] for i in methods], higher_is_better=direction)
            found |= zip(methods, best, strict=True)
        entries |= found
    return lines.assign(entry=pd.Series(entries, lines.index, dtype=object))


def lay_out(
    title: str, lines: pd.DataFrame, stub: pd.DataFrame, columns: Mapping[Column, pd.DataFrame]
) -> Board | None:
    """Make a table of marked lines; None where nothing would stand in it.

    Args:
        title: of the table.
        lines: as from `marked`, in the order in which they are to stand.
        stub: the name of each of these lines, str, in a column for each heading.
        columns: some of these lines for each column of the table, of each name one at most.
    """
    keys = pd.Series(list(stub.itertuples(index=False, name=None)), stub.index, dtype=object)
    shown = {column: its for column, its in columns.items() if its["value"].notna().any()}
    if not shown:
        return None
    entries = {c: dict(zip(keys[its.index], its["entry"], strict=True)) for c, its in shown.items()}
    made = []
    for names, mine in lines.groupby(keys, sort=False):
        line = tuple(entries[column].get(names, NOTHING) for column in shown)
        if line.count(NOTHING) < len(line):
            own = set(mine[LINE].itertuples(index=False, name=None))
            is_reference, n_seeds = bool(mine["reference"].all()), int(mine["n_seeds"].max())
            made.append(TableLine(names, is_reference, n_seeds, line, own.pop() if len(own) == 1 else ()))
    notes = {
        column.title: list(zip(keys[its.index].map(", ".join), its["notes"], strict=True))
        for column, its in columns.items()
    }
    return Board(
        title,
        columns=tuple(column.title + arrow(its) for column, its in shown.items()),
        decimals=tuple(decimals(its["value"]) for its in shown.values()),
        lines=tuple(made),
        notes=remarks(notes),
        quantities=tuple(shown),
        stub=tuple(stub.columns),
    )


def group_title(group: Sequence[Hashable]) -> str:
    """Name a group by its data set, split and preset, the values of `GROUP`."""
    dataset, settings, split, preset = map(str, group)
    return f"{label(dataset, settings)}, {split} split, preset {preset}"


def _direction(lines: pd.DataFrame) -> bool | None:
    found = lines["higher_is_better"].dropna()
    return bool(found.iloc[0]) if len(found) else None


def arrow(lines: pd.DataFrame) -> str:
    """The direction of merit, as it ends the title of a column."""
    return {True: " ↑", False: " ↓", None: ""}[_direction(lines)]


def broken(title: str) -> str:
    """Break a long title of a column into lines, between words, but not before its arrow."""
    kept = title.replace(" ↑", "\u00a0↑").replace(" ↓", "\u00a0↓")
    return textwrap.fill(kept, 12, break_long_words=False)


def remarks(notes: Mapping[str, Sequence[tuple[str, str]]]) -> tuple[str, ...]:
    """Each note once, with the columns it is about, and the lines where it is not about all.

    Args:
        notes: by the title of the column, the name and the note (empty for none) of each line.
    """
    titles: dict[str, list[str]] = {}
    for title, lines in notes.items():
        for note in dict.fromkeys(note for _, note in lines if note):
            concerned = [name for name, its in lines if its == note]
            who = "" if len(concerned) == len(lines) else f" ({', '.join(concerned)})"
            titles.setdefault(f"{who}: {note}", []).append(title)
    return tuple(", ".join(names) + note for note, names in titles.items())


def decimals(values: pd.Series[float]) -> int:
    """Three significant digits of the largest value, the same number of decimals down the column."""
    largest = float(values.abs().max())
    return 3 if largest == 0 else int(np.clip(3 - np.ceil(np.log10(largest)), 1, 4))


def number(value: float, digits: int) -> str:
    """A value with so many digits behind the point; what rounds to zero has no sign."""
    return f"{round(value, digits) + 0.0:.{digits}f}"
