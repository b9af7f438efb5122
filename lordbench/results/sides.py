"""The two sides of a comparison: a cell, a run folder or a CSV each, and which cells belong together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from lordbench.errors import UserError
from lordbench.results.cell_folder import CellFolder
from lordbench.results.cells import Settings, cell_records, read_settings
from lordbench.results.damage import warn_of_damage
from lordbench.results.leaderboard import LINE, collect, latest_cells, merge
from lordbench.results.sample_files import SampleFiles

CELL = [*LINE, "seed"]
"""What makes cells of two sides the same one."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes:
        name: as it was asked for.
        rows: as from `collect`, of each line and seed the newest cell.
        files: where the samples behind them are.
        settings: of its cells by id, of those whose `cell.json` is at hand.
    """

    name: str
    rows: pd.DataFrame
    files: SampleFiles
    settings: dict[str, Settings]

    @property
    def cells(self) -> pd.DataFrame:
        """The first row of each cell."""
        return self.rows.drop_duplicates("cell")


class Pair(NamedTuple):
    """Rows of two lines that are compared, of the cells that belong together only."""

    a: pd.DataFrame
    b: pd.DataFrame


class Matched(NamedTuple):
    """What is compared with what, and the cells that only one side has, by the values of `CELL`."""

    pairs: list[Pair]
    only_a: list[tuple[str | int, ...]]
    only_b: list[tuple[str | int, ...]]


def read_side(name: str) -> Side:
    """Read one side of a comparison.

    Args:
        name: a cell's folder (`runs/cells/ID`), a run folder, a results CSV, or either of these with the
            beginning of a cell's id behind a colon (`runs:6203`).

    Raises:
        UserError: there is no such thing, it holds no results yet, or an id fits no cell or several.
    """
    path, beginning = Path(name), ""
    if not path.exists() and ":" in name:
        before, _, beginning = name.rpartition(":")
        path = Path(before)
    if not path.exists():
        raise UserError(
            f"{name}: no such file or folder",
            "Name a cell's folder (RUN/cells/ID), a run folder, a results CSV, or RUN:BEGINNING-OF-ID.",
        )
    if (path / "cell.json").is_file() or CellFolder(path).is_trained():
        return _cell(name, CellFolder(path.resolve()))
    rows = collect([path])
    rows = _of_cell(rows, name, beginning) if beginning else latest_cells(rows)
    settings = {record.settings.id: record.settings for record in cell_records([path])}
    return Side(name, rows, SampleFiles([path]), settings)


def match(a: Side, b: Side) -> Matched:
    """Find what is compared with what: a cell with a cell as they are, runs by line and seed."""
    if a.cells.shape[0] == b.cells.shape[0] == 1:
        return Matched([Pair(a.rows, b.rows)], [], [])
    of_a, of_b = _keys(a.rows), _keys(b.rows)
    common = set(of_a) & set(of_b)
    pairs = list(_pairs(a.rows[of_a.isin(common)], b.rows[of_b.isin(common)]))
    only_a, only_b = (list(dict.fromkeys(keys[~keys.isin(common)])) for keys in (of_a, of_b))
    return Matched(pairs, only_a, only_b)


def _cell(name: str, folder: CellFolder) -> Side:
    warn_of_damage([folder])
    rows = folder.rows()
    if rows.empty:
        raise UserError(
            f"{name}: this cell has no results yet", "The `lordbench run` that began it goes on with it."
        )
    settings = read_settings(folder.path / "cell.json")
    return Side(
        name,
        merge({name: rows}),
        SampleFiles([folder.path.parents[1]]),
        {} if settings is None else {rows["cell"].iloc[0]: settings},
    )


def _of_cell(rows: pd.DataFrame, name: str, beginning: str) -> pd.DataFrame:
    found = rows[rows["cell"].str.startswith(beginning)]
    ids = list(found["cell"].unique())
    if len(ids) != 1:
        listed = ", ".join(sorted(ids or rows["cell"].unique()))
        raise UserError(
            f"{name}: {'several cells have' if ids else 'no cell has'} an id that begins so",
            f"{'They' if ids else 'The cells there'} are: {listed}.",
        )
    return found.reset_index(drop=True)


def _keys(rows: pd.DataFrame) -> pd.Series[Any]:
    """The values of `CELL` of each row, as a tuple."""
    return pd.Series(list(rows[CELL].itertuples(index=False, name=None)), rows.index, dtype=object)


def _pairs(a: pd.DataFrame, b: pd.DataFrame) -> Iterator[Pair]:
    of_b = dict(list(b.groupby(LINE)))
    for line, rows in a.groupby(LINE, sort=False):
        yield Pair(rows, of_b[line])
