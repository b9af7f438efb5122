"""Rows of results: one measured value each, with everything needed to trust it; columns, types and files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from lordbench.evaluation.measurement import Measurement
from lordbench.utils.errors import UserError, require_package
from lordbench.utils.files import replacing

SCHEMA_VERSION = 2
"""Raised whenever a column changes its meaning; written into every row."""
Seconds = Annotated[float, Field(ge=0, le=1e12)]
"""A duration; bounded, so that sums are finite."""


class Provenance(BaseModel):
    """Where a cell's values come from; the same for all rows of a cell.

    Attributes:
        cell: id, 16 hex digits.
        method: name.
        variant: settings that differ from the preset's, e.g. `regularizer=kl`; empty for none.
        dataset: name.
        data_settings: settings of the data set that differ from its defaults.
        split: `samples` or `classes`; `official samples` and the like for the data set's own split.
        labels: class labels given to methods, as a selector: empty for the data set's own classes, `clusters`
            of each domain with their settings, or `truth` for the true styles of each domain.
        preset: name, with its settings that were overridden.
        seed: of the cell.
        protocol_version: version of the experiments' definitions.
        schema_version: version of these columns.
        lordbench_version: version of the suite.
        git_sha: commit of the checkout, `+` for uncommitted changes; empty outside a checkout.
        method_source: hash of the method's source and of the training code it uses.
        data_fingerprint: hash of the data set.
        device: name of the hardware.
        precision: arithmetic of training.
        threads: CPU threads of each operation; they decide the order of sums, and so their last bits.
        torch_version: version of torch.
        cuda_version: version of CUDA; empty on a CPU.
        train_seconds: time in training, over all attempts.
        train_images_per_second: images seen in training, per second.
        peak_memory_mib: peak memory of the process (or of the GPU) up to the end of training.
        started: when training began, ISO 8601, UTC.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cell: str
    method: str
    variant: str
    dataset: str
    data_settings: str
    split: str
    labels: str = ""
    preset: str
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
COLUMNS = (
    *_FIRST,
    *Measurement.model_fields,
    *(name for name in Provenance.model_fields if name not in _FIRST),
)
"""Columns of a results CSV, in order: what was run, what was measured, provenance."""
ColumnType = Literal["text", "whole number", "number", "truth value"]
COLUMN_TYPES: dict[Any, ColumnType] = {
    int: "whole number",
    float: "number",
    float | None: "number",
    bool | None: "truth value",
}
"""Type of a column by that of its field; any other field is text."""
DTYPES = {"text": "str", "whole number": "int64", "number": "float64", "truth value": "boolean"}
"""Type of a data frame's column by the type of a column."""


def column_types() -> dict[str, ColumnType]:
    """Type of the values in each of `COLUMNS`."""
    fields = Measurement.model_fields | Provenance.model_fields
    return {name: COLUMN_TYPES.get(fields[name].annotation, "text") for name in COLUMNS}


def frame(provenance: Provenance, measurements: Iterable[Measurement]) -> pd.DataFrame:
    """Make a table with `COLUMNS` of a cell's measurements, one row each."""
    shared: dict[str, Any] = provenance.model_dump()
    records = [shared | measurement.model_dump() for measurement in measurements]
    return pd.DataFrame.from_records(records, columns=list(COLUMNS))


def read_csv(file: Path | StringIO) -> pd.DataFrame:
    """Read a results CSV; text columns never become numbers or NaN."""
    text = [name for name, kind in column_types().items() if kind == "text"]
    return pd.read_csv(
        file,
        compression=None,
        dtype=dict.fromkeys(text, "str"),
        keep_default_na=False,
        na_values={c: [""] for c in ("value", "ci_low", "ci_high", "higher_is_better")},
    )


def typed(values: pd.Series[Any], kind: ColumnType) -> pd.Series[Any]:
    """Convert a column as read by `read_csv` to its type.

    Numbers are finite or NaN, whole numbers have 64 bits; truth values may be missing, text may not.

    Raises:
        ValueError: some values have another type.
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
    """Check that rows can be written to a file of this name.

    Raises:
        UserError: the name ends in neither `.csv` nor `.parquet`, or pyarrow is not installed for Parquet.
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
    """Write rows to a file, atomically.

    Args:
        rows: as from `collect`.
        path: ends in `.csv` or `.parquet`. In Parquet text is string, whole numbers are int64, other numbers
            float64, and `higher_is_better` is a boolean; missing values are null.

    Raises:
        UserError: as from `check_name`.
    """
    check_name(path)
    table = rows.astype({name: DTYPES[kind] for name, kind in column_types().items()})
    with replacing(path) as temporary:
        WRITERS[path.suffix](table, temporary)


def _write_csv(rows: pd.DataFrame, path: Path) -> None:
    rows.to_csv(path, index=False, lineterminator="\n")


def _write_parquet(rows: pd.DataFrame, path: Path) -> None:
    rows.to_parquet(path, engine="pyarrow", index=False)


WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {".csv": _write_csv, ".parquet": _write_parquet}
