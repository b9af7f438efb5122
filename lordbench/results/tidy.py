"""Merged rows as one tidy file, for other programs: CSV, which `collect` reads again, or Parquet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from lordbench.errors import UserError, require_package
from lordbench.files import replacing
from lordbench.results.row import column_types

DTYPES = {"text": "str", "whole number": "int64", "number": "float64", "truth value": "boolean"}
"""Types of columns in a data frame, by what `row.column_types` calls them."""


def check_name(path: Path) -> None:
    """Make sure that rows can be written to a file of this name.

    Raises:
        UserError: it ends in neither `.csv` nor `.parquet`, or Parquet cannot be written on this machine.
    """
    if path.suffix not in WRITERS:
        raise UserError(f"{path}: unknown kind of file", f"Give a name that ends in {' or '.join(WRITERS)}.")
    if path.suffix == ".parquet":
        require_package(
            "pyarrow",
            f"{path}: Parquet is written by pyarrow, which is not installed",
            'Install it with `pip install "lordbench[parquet]"`, or write CSV.',
        )


def write_tidy(rows: pd.DataFrame, path: Path) -> None:
    """Write rows to a file, atomically; the end of its name says how.

    Args:
        rows: as from `collect`.
        path: ends in `.csv` or `.parquet`. In Parquet text is string, whole numbers are int64, other numbers
            float64, and `higher_is_better` is a boolean; null stands for what there is not.

    Raises:
        UserError: as from `check_name`.
    """
    check_name(path)
    typed = rows.astype({name: DTYPES[kind] for name, kind in column_types().items()})
    with replacing(path) as temporary:
        WRITERS[path.suffix](typed, temporary)


def _csv(rows: pd.DataFrame, path: Path) -> None:
    rows.to_csv(path, index=False, lineterminator="\n")


def _parquet(rows: pd.DataFrame, path: Path) -> None:
    rows.to_parquet(path, engine="pyarrow", index=False)


WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {".csv": _csv, ".parquet": _parquet}
