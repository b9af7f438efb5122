"""The headline: the few quantities a person compares, per group of comparable lines, and which is best."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lordbench.report.marks import NOTHING, Entry, mark_best
from lordbench.report.sections import Column, pick, sections
from lordbench.results.leaderboard import GROUP, LINE, aggregate, label, line_name

LEGEND = (
    "± reaches the farther end of the 95 % interval (one seed: bootstrap over classes and what else goes "
    "together, see docs/protocol.md; several: Student's t over seeds). * best value; ≈ not told apart from "
    "the best: the intervals overlap. Values without ± are compared as they stand."
)


@dataclass(frozen=True)
class Line:
    """One method or reference, with an entry per column; `key` holds its values of `LINE`, if it has any."""

    label: str
    is_reference: bool
    n_seeds: int
    entries: tuple[Entry, ...]
    key: tuple[Hashable, ...] = ()


@dataclass(frozen=True)
class Board:
    """One table: a section of the headline for one group.

    Attributes:
        title: the group and the section.
        columns: titles of the columns, with ↑ or ↓ for the direction of merit.
        decimals: digits after the point, per column.
        lines: methods, then references.
        notes: what has to be known beside the numbers, such as why a column is missing.
        quantities: what stands in each column, where its entries are values of rows.
    """

    title: str
    columns: tuple[str, ...]
    decimals: tuple[int, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    quantities: tuple[Column, ...] = ()

    @property
    def header(self) -> tuple[str, ...]:
        """Titles of all columns; the number of seeds has one where there are several."""
        return ("method", *(["seeds"] if self._shows_seeds else []), *self.columns)

    def start(self, line: Line) -> tuple[str, ...]:
        """What stands in a line before its entries."""
        return (line.label, str(line.n_seeds)) if self._shows_seeds else (line.label,)

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
    for group, lines in aggregate(rows).groupby(GROUP, sort=False):
        for section, columns in sections(lines):
            board = _board(f"{group_title(group)}: {section}", lines, columns)
            if board is not None:
                made.append(board)
    return made


def group_title(group: Sequence[Hashable]) -> str:
    """Name a group by its data set, split and preset, the values of `GROUP`."""
    dataset, settings, split, preset = map(str, group)
    return f"{label(dataset, settings)}, {split} split, preset {preset}"


def _board(title: str, group: pd.DataFrame, columns: Sequence[Column]) -> Board | None:
    found = {column: pick(group, column) for column in columns}
    shown = {column: lines for column, lines in found.items() if lines["value"].notna().any()}
    if not shown:
        return None
    entries = {column: _entries(lines) for column, lines in shown.items()}
    lines = []
    for key, mine in group.groupby(LINE, sort=False):
        line = tuple(entries[column].get(key, NOTHING) for column in shown)
        if line.count(NOTHING) < len(line):
            name = line_name(key)
            lines.append(Line(name, bool(mine["reference"].any()), int(mine["n_seeds"].max()), line, key))
    return Board(
        title,
        columns=tuple(column.title + arrow(lines) for column, lines in shown.items()),
        decimals=tuple(decimals(lines["value"]) for lines in shown.values()),
        lines=tuple(lines),
        notes=remarks({column.title: _notes(lines) for column, lines in found.items()}),
        quantities=tuple(shown),
    )


def _entries(lines: pd.DataFrame) -> dict[Hashable, Entry]:
    """Entries of one column by the key of their line, the methods' among them marked."""
    keys = list(lines[LINE].itertuples(index=False, name=None))
    numbers = zip(lines["value"], lines["ci_low"], lines["ci_high"], strict=True)
    entries: dict[Hashable, Entry] = {key: Entry.of(*three) for key, three in zip(keys, numbers, strict=True)}
    methods = [key for key, reference in zip(keys, lines["reference"], strict=True) if not reference]
    direction = _direction(lines)
    if direction is not None:
        marked = mark_best([entries[key] for key in methods], higher_is_better=direction)
        entries |= zip(methods, marked, strict=True)
    return entries


def _direction(lines: pd.DataFrame) -> bool | None:
    found = lines["higher_is_better"].dropna()
    return bool(found.iloc[0]) if len(found) else None


def arrow(lines: pd.DataFrame) -> str:
    """The direction of merit, as it ends the title of a column."""
    return {True: " ↑", False: " ↓", None: ""}[_direction(lines)]


def _notes(lines: pd.DataFrame) -> list[tuple[str, str]]:
    names = map(label, *(lines[name] for name in LINE[len(GROUP) :]))
    return list(zip(names, lines["notes"], strict=True))


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
