"""Trials: settings of a method that are tried, and which of them are trained for longer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from lordbench.results.rows import Seconds

SHARES = (1 / 9, 1 / 3, 1.0)
"""Budgets of a trial, as shares of the preset's: successive halving (Jamieson & Talwalkar 2016)."""
FACTOR = 3
"""One in so many trials at a budget goes on to the next, which is as many times larger."""
Source = Literal["start", "random", "sampler"]


class Trial(BaseModel, extra="forbid", frozen=True):
    """One try: settings, and what came of them.

    Attributes:
        number: within its method, from 0.
        source: `start`: the preset's settings; `random`; `sampler`: proposed from earlier trials.
        settings: the searched ones.
        scores: at each budget it was trained with, in the order of `SHARES`; higher is better.
        seconds: of each training, times its threads.
        values: at the largest of these budgets, by the full names of quantities.
        collapsed: whether its last training has collapsed.
        error: why its last training failed; empty if it did not.
        cells: ids of the trainings.
    """

    number: int = Field(ge=0)
    source: Source
    settings: dict[str, Any]
    scores: tuple[Annotated[float, Field(allow_inf_nan=False)], ...] = ()
    seconds: tuple[Seconds, ...] = ()
    values: dict[str, float] = {}
    collapsed: bool = False
    error: str = ""
    cells: tuple[str, ...] = ()

    def with_result(self, **fields: Any) -> Trial:
        """Return the trial with other fields."""
        return self.model_copy(update=fields)

    @property
    def complete(self) -> bool:
        """Whether it was trained with the whole budget, without an error."""
        return len(self.scores) == len(SHARES) and not self.error


def survivors(trials: Sequence[Trial], rung: int) -> set[int]:
    """Numbers of the trials that go on after budget `rung`: the best of all that were trained with it.

    The start goes on in any case, so that it is known what the search has gained. A trial that failed does
    not.
    """
    reached = [trial for trial in trials if len(trial.scores) > rung]
    kept = sorted(reached, key=lambda trial: (-trial.scores[rung], trial.number))
    numbers = {trial.number for trial in kept[: math.ceil(len(kept) / FACTOR)]}
    numbers |= {trial.number for trial in reached if trial.source == "start"}
    failed = {trial.number for trial in reached if trial.error and len(trial.scores) == rung + 1}
    return numbers - failed


def best(trials: Sequence[Trial]) -> Trial | None:
    """The complete trial of the highest score, of equal ones the first; None if there is none."""
    complete = [trial for trial in trials if trial.complete]
    return max(complete, key=lambda trial: (trial.scores[-1], -trial.number), default=None)


def processor_seconds(trials: Sequence[Trial]) -> float:
    """Seconds of all trainings of trials, times their threads."""
    return sum(sum(trial.seconds) for trial in trials)
