"""Criteria: by which quantity of the validation images a search chooses settings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from lordbench.evaluation.measurement import Measurement
from lordbench.report.quantities import LEAKAGE, PROBE, TRANSFER, Column
from lordbench.results.leaderboard import COLLAPSED
from lordbench.utils.errors import UserError, did_you_mean

COLLAPSED_SCORE, DIVERGED_SCORE = -1e6, -2e6
"""Added to the score of a collapsed training; score of one whose loss became NaN. All others are higher."""


STEP = 0.02
"""Shares of samples within a step count as equal: two standard errors of 500 pairs at a share of 0.05. With a
ninth of the budget most trainings differ by less."""


@dataclass(frozen=True)
class Criterion:
    """A quantity to choose by.

    With `then`, which is in [0, 1] and better if lower, the first is a share of which more is better. It is
    compared in steps of `STEP`, and `then` decides within a step.
    """

    name: str
    first: Column
    then: Column | None = None

    def __str__(self) -> str:
        if self.then is None:
            return self.first.title
        return f"{self.first.title} in steps of {STEP:g}, then {self.then.title}"

    @property
    def columns(self) -> list[Column]:
        """The quantities, in order."""
        return [column for column in (self.first, self.then) if column]

    @property
    def experiments(self) -> list[str]:
        """Experiments that measure the quantities, and whether a training has collapsed."""
        return list(dict.fromkeys([*(column.experiment for column in self.columns), RECONSTRUCTION]))

    def score(self, measured: Mapping[str, Measurement]) -> float:
        """Return the score of a training by its measurements, as from `by_name`: higher is better.

        Raises:
            UserError: a quantity of the criterion has no value.
        """
        found = [self._measurement(column, measured) for column in self.columns]
        values = [each.value for each in found if each.value is not None]
        merit = self.merit(values, bool(found[0].higher_is_better))
        return merit + COLLAPSED_SCORE * has_collapsed(measured)

    def merit(self, values: Sequence[float], higher_is_better: bool) -> float:
        """Combine values of its quantities into one, higher is better; the direction is that of the first."""
        first, *then = values
        if then:
            # Less than a step, for any value in [0, 1].
            return STEP * (round(first / STEP) + (1 - then[0]) / 2)
        return first if higher_is_better else -first

    def require(
        self,
        measured: Mapping[str, Measurement],
        data: str,
        left_out: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Raise UserError, with the reason, if a data set cannot have the quantities of the criterion.

        `left_out` are experiments that do not apply, with the reason.
        """
        for column in self.columns:
            if column.experiment in left_out:
                message = f"{data}, --criterion {self.name}: {column.experiment} does not apply"
                raise UserError(message, f"It {left_out[column.experiment]}.")
            try:
                self._measurement(column, measured)
            except UserError as error:
                possible = [
                    name for name, known in CRITERIA.items() if known.first.full_name in valued(measured)
                ]
                hint = f"Possible here: --criterion {' or '.join(possible)}." if possible else ""
                raise UserError(f"{data}, --criterion {self.name}: {error.message}", hint) from None

    def _measurement(self, column: Column, measured: Mapping[str, Measurement]) -> Measurement:
        found = measured.get(column.full_name)
        if found is None or found.value is None or found.higher_is_better is None:
            reason = "it is not measured" if found is None else found.note
            raise UserError(f"no value of {column.full_name}: {reason or 'no direction is better'}")
        return found


def _encoded(title: str, experiment: str, subject: str, metric: str) -> Column:
    return Column(title, experiment, "encoded", subject, metric)


RECONSTRUCTION = COLLAPSED[0]
L1 = _encoded("L1", TRANSFER, "transfer", "l1")
CRITERIA = {
    criterion.name: criterion
    for criterion in (
        Criterion("both", _encoded("right in both", TRANSFER, "transfer", "both_agreement"), L1),
        Criterion("class", _encoded("class agreement", TRANSFER, "transfer", "class_agreement")),
        Criterion("l1", L1),
        Criterion("lpips", _encoded("LPIPS", TRANSFER, "transfer", "lpips")),
        Criterion("reconstruction", _encoded("recon. L1", RECONSTRUCTION, "reconstruction", "l1")),
        Criterion("leak", _encoded("class leak", LEAKAGE, "class from content", PROBE)),
        Criterion(
            "one-shot", _encoded("right in both, one-shot", "one-shot", "transfer, K = 1", "both_agreement")
        ),
        Criterion(
            "expression",
            _encoded("right in both, expression", "expression-transfer", "transfer", "both_accuracy"),
        ),
    )
}
"""Criteria by name; the first is the protocol's, the same for all methods."""


def parse_criterion(text: str) -> Criterion:
    """Return the criterion of a name or quantity, EXPERIMENT/CODES/SUBJECT/METRIC; or raise UserError."""
    if text in CRITERIA:
        return CRITERIA[text]
    parts = text.split("/")
    if len(parts) != 4:
        raise UserError(
            f"unknown criterion {text!r}{did_you_mean(text, CRITERIA)}",
            f"There are: {', '.join(CRITERIA)}; or a quantity, EXPERIMENT/CODES/SUBJECT/METRIC.",
        )
    return Criterion(text, Column(text, *parts))


def by_name(measurements: Iterable[Measurement]) -> dict[str, Measurement]:
    """Return measurements by the full name of their quantity."""
    return {m.full_name: m for m in measurements}


def valued(measured: Mapping[str, Measurement]) -> dict[str, float]:
    """Return the values of those measurements that have one and a better direction, by the same names."""
    return {
        name: m.value
        for name, m in measured.items()
        if m.value is not None and m.higher_is_better is not None
    }


def has_collapsed(measured: Mapping[str, Measurement]) -> bool:
    """Whether the training has collapsed, as `reconstruction` measures it."""
    verdict = measured.get("/".join(COLLAPSED))
    return verdict is not None and verdict.value == 1
