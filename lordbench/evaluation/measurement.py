"""A measured value with its interval, the key that identifies it, and the samples behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from lordbench.data.images import Int64Array
from lordbench.evaluation.statistics import Floats, Groups

CodeKind = Literal["encoded", "learned", "optimized", ""]
"""Codes inferred from images; codes learned in training; codes of unseen images found by optimization; empty
where no codes are involved (floors)."""


class MeasurementKey(NamedTuple):
    """What is measured: the first columns of a result row.

    Attributes:
        experiment: name of the experiment.
        subject: what is measured, such as `transfer` or `class from content code`.
        codes: as in `Measurement`.
    """

    experiment: str
    subject: str
    codes: CodeKind


@dataclass(frozen=True, eq=False)
class Samples:
    """The N values that a mean is taken over, and their groups, (F, N), for each of F ways of grouping."""

    values: npt.NDArray[np.float32]
    groups: Int64Array

    @classmethod
    def of(cls, values: Floats | npt.NDArray[np.bool_], groups: Groups) -> Samples:
        """Convert values and groups as `statistics.mean_interval` takes them."""
        return cls(np.asarray(values, dtype=np.float32), np.atleast_2d(np.asarray(groups, dtype=np.int64)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Samples):
            return False
        return np.array_equal(self.values, other.values) and np.array_equal(self.groups, other.groups)


class Measurement(BaseModel):
    """One value of one metric.

    Attributes:
        experiment: name of the experiment.
        subject: what is measured. In `content-transfer`: `transfer`, the floors `copy` and `random`, and
            `reconstruction`; in `leakage`: the label predicted and the code, e.g. `class from content`; in
            `expression-transfer`: `transfer`, its parts such as `onto happy`, floors such as `input`; in
            `clustered-domain`: task and direction, e.g. `input, drawing to render`. Experiments of plug-ins
            may have `floor: NAME` and `ceiling: NAME`, and behind a comma the subject that these are for.
        codes: kind of the codes.
        metric: name of the metric, e.g. `lpips` or `probe_best.normalized`.
        value: None where it could not be computed; `note` then says why.
        ci_low: lower end of the 95 % interval, or None without an interval.
        ci_high: upper end, likewise.
        n: number of samples behind the value.
        unit: unit of the value; empty for a pure number.
        higher_is_better: direction of merit; None where there is none (chance levels).
        policy: how the value was made: resizing, range, weights' checksum, probe capacity.
        note: flags and reasons, e.g. `from fewer than 2,048 images: biased`.
        section: title of the table that shows it, where a plug-in's experiment declares it; else empty.
        title: heading of its column, where a plug-in declares it: its experiment, or its metric; else empty.
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
    section: str = ""
    title: str = ""
    _samples: Samples | None = PrivateAttr(None)

    @property
    def full_name(self) -> str:
        """The quantity as users write it: EXPERIMENT/CODES/SUBJECT/METRIC."""
        return "/".join((self.experiment, self.codes, self.subject, self.metric))

    @property
    def samples(self) -> Samples | None:
        """The samples that the value is the mean of; stored in a file of their own, not in the row."""
        return self._samples

    def of_samples(self, samples: Samples) -> Measurement:
        """Return a copy that holds the samples its value is the mean of."""
        copy = self.model_copy()
        copy._samples = samples
        return copy

    def above_chance(self, metric: str, chance: float) -> Measurement:
        """Return this share, or accuracy, as another metric that is 0 at `chance` and 1 for all.

        Its interval treats chance as exact.
        """

        def scaled(share: Any) -> Any:
            return (share - chance) / (1 - chance)

        ends = {"value": self.value, "ci_low": self.ci_low, "ci_high": self.ci_high}
        known = {name: scaled(end) for name, end in ends.items() if end is not None}
        copy = self.model_copy(update={"metric": metric, **known})
        if self.samples is None:
            return copy
        # In float64: rounded twice, all samples of one answer would be off alike, and their mean with them.
        return copy.of_samples(
            Samples.of(scaled(self.samples.values.astype(np.float64)), self.samples.groups)
        )
