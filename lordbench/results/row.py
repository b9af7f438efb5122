"""The row: one measured value and everything needed to trust it. Rows are tidy: one value each."""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from lordbench.results.samples import Samples

SCHEMA_VERSION = 2
"""Raised whenever a column changes its meaning; written into every row."""


Seconds = Annotated[float, Field(ge=0, le=1e12)]
"""A time that something took; finite, so that sums are."""
CodeKind = Literal["encoded", "learned", "optimized", ""]


class Measurement(BaseModel):
    """One value, as an experiment makes it.

    Attributes:
        experiment: name of the experiment.
        subject: what was measured. In `content-transfer`: `transfer`, the floors `copy` and `random`, and
            `reconstruction`; in `leakage`: which label was read from which code, e.g. `class from content`;
            in `expression-transfer`: `transfer`, its parts such as `onto happy`, the floors `input` and
            `random`; in `clustered-domain`: what is done in which direction, e.g. `input, drawing to render`.
        codes: `encoded` for codes inferred from images, `learned` for codes that training learned,
            `optimized` for codes of unseen images found by optimization, empty where no codes are involved
            (floors).
        metric: name of the metric, e.g. `lpips` or `probe_mlp.normalized`.
        value: the value, or None where it could not be had; `note` then says why.
        ci_low: lower end of the 95 % interval, or None where there is none.
        ci_high: upper end.
        n: number of samples behind the value.
        unit: unit of the value; empty for a pure number.
        higher_is_better: direction of merit; None where there is none (chance levels).
        policy: how the value was made: resizing, range, weights' checksum, probe capacity.
        note: flags and reasons, e.g. `n < 2048: biased`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    experiment: str
    subject: str
    codes: CodeKind
    metric: str
    value: float | None = Field(allow_inf_nan=False)
    ci_low: float | None = Field(None, allow_inf_nan=False)
    ci_high: float | None = Field(None, allow_inf_nan=False)
    n: int = Field(ge=0)
    unit: str = ""
    higher_is_better: bool | None
    policy: str = ""
    note: str = ""
    _samples: Samples | None = PrivateAttr(None)

    @property
    def samples(self) -> Samples | None:
        """The samples that the value is the mean of, until it is written; a column of no row."""
        return self._samples

    def of_samples(self, samples: Samples) -> Measurement:
        """Return it with the samples that its value is the mean of."""
        made = self.model_copy()
        made._samples = samples
        return made


class Provenance(BaseModel):
    """Where a cell's values come from; the same for all rows of a cell.

    Attributes:
        cell: id of the cell, 16 hex digits.
        method: name of the method.
        variant: settings in which it differs from its preset, e.g. `regularizer=kl`; empty for none.
        dataset: name of the data set.
        data_settings: settings of the data set that differ from its defaults.
        split: `samples` or `classes`; `official samples` and the like where it is the data set's own.
        labels: what methods were told as the class, as a selector: empty for the data set's own classes,
            `clusters` of each domain with their settings, or `truth` for the true styles of each domain.
        preset: name of the preset, with the settings of it that were overridden.
        seed: of the cell.
        protocol_version: version of the experiments' definitions.
        schema_version: version of these columns.
        lordbench_version: version of the suite.
        git_sha: commit of the checkout it ran from, `+` for uncommitted changes; empty outside a checkout.
        method_source: hash of the method's source and of the training code it stands on.
        data_fingerprint: hash of the data set.
        device: name of the hardware.
        precision: arithmetic of training.
        threads: CPU threads of each operation; sums depend on their order, and so the last bits on this.
        torch_version: version of torch.
        cuda_version: version of CUDA; empty on a CPU.
        train_seconds: time in training, over all attempts.
        train_images_per_second: images seen in training, per second.
        peak_memory_mib: most memory held by the process (or by the GPU) up to the end of training.
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
"""Columns of a results CSV, in order: what was run, what came out, how it came about."""
ColumnType = Literal["text", "whole number", "number", "truth value"]
TYPES: dict[Any, ColumnType] = {
    int: "whole number",
    float: "number",
    float | None: "number",
    bool | None: "truth value",
}
"""What columns hold, by the types of their fields; any other is text."""


def frame(provenance: Provenance, measurements: Iterable[Measurement]) -> pd.DataFrame:
    """Put a cell's measurements into a table with `COLUMNS`, one row each."""
    shared: dict[str, Any] = provenance.model_dump()
    records = [shared | measurement.model_dump() for measurement in measurements]
    return pd.DataFrame.from_records(records, columns=list(COLUMNS))


def column_types() -> dict[str, ColumnType]:
    """Type of the values in each of `COLUMNS`."""
    fields = Measurement.model_fields | Provenance.model_fields
    return {name: TYPES.get(fields[name].annotation, "text") for name in COLUMNS}


def read_csv(file: Path | StringIO) -> pd.DataFrame:
    """Read a results CSV as `frame` makes it; text columns never become numbers or NaN."""
    text = [name for name, kind in column_types().items() if kind == "text"]
    table = pd.read_csv(
        file,
        compression=None,
        dtype=dict.fromkeys(text, "str"),
        keep_default_na=False,
        na_values={c: [""] for c in ("value", "ci_low", "ci_high", "higher_is_better")},
    )
    return table
