"""Merged rows as one tidy file, for other programs: CSV, which `collect` reads again, or Parquet."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from lordbench.errors import UserError
from lordbench.files import replacing
from lordbench.results.row import column_types

DTYPES = {"text": "str", "whole number": "int64", "number": "float64", "truth value": "boolean"}
"""Types of columns in a data frame, by what `row.column_types` calls them."""


def write_tidy(rows: pd.DataFrame, path: Path) -> None:
    """Write rows to a file, atomically; the end of its name says how.

    Args:
        rows: as from `collect`.
        path: ends in `.csv` or `.parquet`. In Parquet text is string, whole numbers are int64, other numbers
            float64, and `higher_is_better` is a boolean; null stands for what there is not.

    Raises:
        UserError: the name ends in something else, or Parquet cannot be written on this machine.
    """
    writer = WRITERS.get(path.suffix)
    if writer is None:
        raise UserError(f"{path}: unknown kind of file", f"Give a name that ends in {' or '.join(WRITERS)}.")
    typed = rows.astype({name: DTYPES[kind] for name, kind in column_types().items()})
    with replacing(path) as temporary:
        writer(typed, temporary)


def _csv(rows: pd.DataFrame, path: Path) -> None:
    rows.to_csv(path, index=False, lineterminator="\n")


def _parquet(rows: pd.DataFrame, path: Path) -> None:
    if find_spec("pyarrow") is None:
        raise UserError(
            "Parquet is written by pyarrow, which is not installed",
            'Install it with `pip install "lordbench[parquet]"`, or write CSV.',
        )
    rows.to_parquet(path, engine="pyarrow", index=False)


WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {".csv": _csv, ".parquet": _parquet}
