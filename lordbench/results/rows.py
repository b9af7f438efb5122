"""Rows of results: one measured value each, with everything needed to trust it; columns, types and files."""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from lordbench.evaluation.measurement import Measurement
from lordbench.utils.errors import UserError, require_extra
from lordbench.utils.files import replacing

SCHEMA_VERSION = 2
"""Raised whenever a column changes its meaning; written into every row."""
Seconds = Annotated[float, Field(ge=0, le=1e12)]
"""A duration; bounded, so that sums are finite."""
NOT_SEARCHED = "not searched"
"""Content of the column `searched` where no search has chosen the settings; rows written before have none."""


class Provenance(BaseModel, extra="forbid", frozen=True):
    """Where a cell's values come from: its part of the columns described in docs/results-files.md."""

    cell: str
    method: str
    variant: str
    dataset: str
    data_settings: str
    split: str
    labels: str = ""
    preset: str
    searched: str = ""
    seed: int
    protocol_version: int
    schema_version: int = SCHEMA_VERSION
    lordbench_version: str
    git_sha: str
    method_source: str
    data_fingerprint: str
    device: str
    precision: str
    threads: int
    torch_version: str
    cuda_version: str
    train_seconds: Seconds
    train_images_per_second: float = Field(allow_inf_nan=False)
    peak_memory_mib: float = Field(allow_inf_nan=False)
    started: str


_FIRST = ("cell", "method", "variant", "dataset", "data_settings", "split", "labels", "preset", "seed")
COLUMNS = (*_FIRST, *Measurement.model_fields, *(n for n in Provenance.model_fields if n not in _FIRST))
"""Columns of a results CSV, in order: what was run, what was measured, provenance."""
ADDED = {"searched": "", "section": "", "title": ""}
"""Columns added since the schema's version began, and what they hold where a file has none."""
ColumnType = Literal["text", "whole number", "number", "truth value"]
DTYPES = {"text": "str", "whole number": "int64", "number": "float64", "truth value": "boolean"}
"""Type of a data frame's column by the type of a column."""


# Before 3.1 pandas loses the last digit by default; since then it is exact, and warns of the option.
_PRECISION: Literal["round_trip"] | None = (
    None if tuple(map(int, pd.__version__.split(".")[:2])) >= (3, 1) else "round_trip"
)


def column_types() -> dict[str, ColumnType]:
    """Type of the values in each of `COLUMNS`."""
    fields = Measurement.model_fields | Provenance.model_fields
    kinds: dict[Any, ColumnType] = {
        int: "whole number", float: "number", float | None: "number", bool | None: "truth value"
    }  # fmt: skip
    return {name: kinds.get(fields[name].annotation, "text") for name in COLUMNS}


def stack(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Concatenate tables with `COLUMNS`, of which any may be empty."""
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(COLUMNS))


def frame(provenance: Provenance, measurements: Iterable[Measurement]) -> pd.DataFrame:
    """Make a table with `COLUMNS` of a cell's measurements, one row each."""
    records = [provenance.model_dump() | measurement.model_dump() for measurement in measurements]
    return pd.DataFrame.from_records(records, columns=list(COLUMNS))


def read_csv(file: Path | StringIO) -> pd.DataFrame:
    """Read a results CSV; text columns never become numbers or NaN."""
    text = [name for name, kind in column_types().items() if kind == "text"]
    table = pd.read_csv(
        file,
        compression=None,
        dtype=dict.fromkeys(text, "str"),
        keep_default_na=False,
        float_precision=_PRECISION,
        na_values={c: [""] for c in ("value", "ci_low", "ci_high", "higher_is_better")},
    )
    return table.assign(**{name: value for name, value in ADDED.items() if name not in table.columns})


def typed(values: pd.Series[Any], kind: ColumnType) -> pd.Series[Any]:
    """Convert a column as read by `read_csv` to its type; ValueError if some values have another type.

    Numbers are finite or NaN, whole numbers have 64 bits; truth values may be missing, text may not.
    """
    if kind == "text":
        if values.isna().any():
            raise ValueError("a row is truncated")
        return values
    if kind == "truth value":
        if not values.dropna().isin([True, False]).all():
            raise ValueError("neither True nor False nor empty")
        return values
    numbers = pd.to_numeric(values)
    if kind == "whole number" and len(numbers) and numbers.dtype != "int64":
        raise ValueError("not all are whole numbers of 64 bits")
    if kind == "number" and (numbers.dtype == bool or np.isinf(numbers.to_numpy("float64")).any()):
        raise ValueError("not all are finite numbers")
    return numbers


def check_name(path: Path) -> None:
    """Check that rows can be written to a file of this name, `.csv` or `.parquet`; UserError if not."""
    if path.suffix not in (".csv", ".parquet"):
        raise UserError(f"{path}: unknown kind of file", "Give a name that ends in .csv or .parquet.")
    if path.suffix == ".parquet":
        need = f"{path}: Parquet is written by pyarrow"
        require_extra("pyarrow", "parquet", need, ", or give a name that ends in .csv")


def write_tidy(rows: pd.DataFrame, path: Path) -> None:
    """Write rows, as from `collect`, to a file, atomically; UserError as from `check_name`.

    In Parquet text is string, whole numbers are int64, other numbers float64, and `higher_is_better` is a
    boolean; missing values are null.
    """
    check_name(path)
    table = rows.astype({name: DTYPES[kind] for name, kind in column_types().items()})
    with replacing(path) as temporary:
        if path.suffix == ".parquet":
            table.to_parquet(temporary, engine="pyarrow", index=False)
        else:
            table.to_csv(temporary, index=False, lineterminator="\n")
