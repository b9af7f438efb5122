"""What is measured: a value with its interval, what it is of, and the samples behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from lordbench.data.images import Int64Array
from lordbench.evaluation.statistics import Groups

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


@dataclass(frozen=True, eq=False)
class Samples:
    """The values that a mean is made of.

    Attributes:
        values: float32 (N,).
        groups: which values go together, int64 (F, N), in each of F ways.
    """

    values: npt.NDArray[np.float32]
    groups: Int64Array

    @classmethod
    def of(cls, values: npt.NDArray[np.floating] | npt.NDArray[np.bool_], groups: Groups) -> Samples:
        """Make samples of values and groups as intervals take them."""
        return cls(np.asarray(values, dtype=np.float32), np.atleast_2d(np.asarray(groups, dtype=np.int64)))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Samples)
            and np.array_equal(self.values, other.values)
            and np.array_equal(self.groups, other.groups)
        )


class MeasurementKey(NamedTuple):
    """Which measurement it is, as in a row.

    Attributes:
        experiment: name of the experiment.
        subject: what is measured.
        codes: how its codes were had.
    """

    experiment: str
    subject: str
    codes: CodeKind
