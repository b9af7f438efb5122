"""Reading a results CSV: that of a run folder, or one by itself."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import pandas as pd

from lordbench.errors import UserError
from lordbench.results.cell_folder import CellFolder
from lordbench.results.checksum_file import checksum_file, differs_from_checksum
from lordbench.results.damage import DamageWarning, warn_of_damage
from lordbench.results.row import COLUMNS, column_types, read_csv
from lordbench.results.store import Store
from lordbench.results.typed import typed
from lordbench.seals import ALTERED

HINT = "A leaderboard is made of results.csv files as `lordbench run` writes them."


def results_file(path: Path) -> Path:
    """The results CSV of a run folder, or the one that a path names.

    Raises:
        UserError: it is not there.
    """
    file = path / "results.csv" if path.is_dir() else path
    if not file.is_file():
        raise UserError(f"{file}: no such file", "Name a run folder (it holds results.csv) or a results CSV.")
    return file.resolve()


def read_results(file: Path) -> pd.DataFrame:
    """Read a results CSV, and name what is damaged of it and of the cells beside it in warnings.

    In a run folder the cells give the rows where the file is not as it was written.

    Raises:
        UserError: it is not a results CSV or, without cells beside it, not as it was written.
    """
    warn_of_damage(_cells_beside(file))
    try:
        table = read_csv(_whole(file))
    except (ValueError, OSError) as error:
        raise UserError(f"{file}: not a readable results CSV: {error}", HINT) from None
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise UserError(f"{file}: not a results CSV: no column {', '.join(missing)}", HINT)
    for name, kind in column_types().items():
        try:
            table[name] = typed(table[name], kind)
        except (ValueError, TypeError) as error:
            raise UserError(f"{file}: column {name}: {error}", HINT) from None
    return table


def _cells_beside(file: Path) -> list[CellFolder]:
    store = Store(file.parent)
    return store.cells() if file == store.results else []


def _whole(file: Path) -> Path | io.StringIO:
    """The text of a results CSV as it was written."""
    if not differs_from_checksum(file):
        return file
    checksum = checksum_file(file)
    if not _cells_beside(file):
        raise UserError(
            f"{file}: {ALTERED}: its hash is not the one in {checksum.name}",
            f"Copy both again from where they were written; if the change was yours, delete {checksum}.",
        )
    warnings.warn(f"{file}: {ALTERED}; the cells beside it give the rows", DamageWarning, stacklevel=2)
    return io.StringIO(Store(file.parent).rows().to_csv(index=False))
