"""Estimates of the time left in a run folder."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from statistics import fmean

from pydantic import BaseModel

from lordbench.results.status import ENDED, CellStatus, RunStatus
from lordbench.utils.progress import duration

TRAINING = ""
"""Name of the training, among those of the experiments."""
EVALUATION_SHARE = 0.5
"""Time of a cell's evaluation, as a share of its training's, where nothing is known about it."""
OTHERS = (1, 3)
"""Where the kinds of cells start whose times stand in for one another: the same data set, split and preset,
or the same preset."""
Kind = tuple[str, ...]
"""A cell's label, data set, split and preset, or the last of these."""


class TimeLeft(BaseModel, frozen=True):
    """An estimate of the time left.

    Attributes:
        seconds: sum of all parts for which there is an estimate.
        is_whole: whether these are all parts; if not, the sum is a lower bound.
        is_measured: whether all of them were measured here on the same method, data set, split and preset,
            or at the present speed; if not, other times stand in.
    """

    seconds: float
    is_whole: bool = True
    is_measured: bool = True

    @property
    def is_known(self) -> bool:
        """Whether anything can be estimated."""
        return self.is_whole or self.seconds > 0

    def times(self, share: float) -> TimeLeft:
        """A share of it."""
        return self.model_copy(update={"seconds": self.seconds * share})

    def after(self, seconds: float) -> TimeLeft:
        """What is left of it some seconds later; never less than nothing."""
        return self.model_copy(update={"seconds": max(0.0, self.seconds - seconds)})

    def __str__(self) -> str:
        if not self.is_known:
            return "unknown"
        if not self.is_whole:
            return f"≥ {duration(self.seconds)}"
        return duration(self.seconds) if self.is_measured else f"about {duration(self.seconds, rough=True)}"


NONE, UNKNOWN = TimeLeft(seconds=0.0), TimeLeft(seconds=0.0, is_whole=False, is_measured=False)


def total(parts: Sequence[TimeLeft], seconds: float | None = None) -> TimeLeft:
    """All parts one after another, or in some `seconds`."""
    return TimeLeft(
        seconds=sum(part.seconds for part in parts) if seconds is None else seconds,
        is_whole=all(part.is_whole for part in parts),
        is_measured=all(part.is_measured for part in parts),
    )


class Estimate:
    """Estimates of the time left in a run folder, from its status at `now` (UTC).

    A running training continues at the rate of its current phase. Any other training, and each experiment,
    takes the mean time of those in this folder with the same method, data set, split and preset, whatever the
    number of jobs or the hardware. Where there are none, these stand in, the first that is known: for
    trainings, that in `trainings`, by kind of cell; the mean of other methods on the same data set, split and
    preset, then of the same preset; for experiments, a share of `EVALUATION_SHARE` of the training.
    """

    def __init__(
        self, status: RunStatus, now: datetime, trainings: Mapping[Kind, float] | None = None
    ) -> None:
        self.status, self.now = status, now
        self.measured = _means((*status.cells, *status.others))
        self.known = {(kind, TRAINING): seconds for kind, seconds in (trainings or {}).items()}
        self.known |= self.measured
        by_others: dict[tuple[Kind, str], list[float]] = defaultdict(list)
        for (kind, part), seconds in self.known.items():
            # Controls train for no time: they say nothing of methods.
            for start in OTHERS if seconds or part != TRAINING else ():
                by_others[kind[start:], part].append(seconds)
        self.known |= {part: fmean(seconds) for part, seconds in by_others.items()}

    def cell(self, status: CellStatus) -> TimeLeft:
        """Time until a cell is done, from its start; 0 for a failed one, which is not retried by itself."""
        return total(self._parts(status))

    def run(self) -> TimeLeft:
        """Time until all cells of the latest run are done, with its number of jobs.

        As in a run, trainings begin in the order of the plan, and evaluations fill the gaps.
        """
        cells = sorted(self.status.cells, key=lambda status: status.state != "running")
        parts = [self._parts(status) for status in cells]
        jobs = 1 if self.status.plan is None else self.status.plan.jobs
        workers = [0.0] * max(1, min(jobs, len(cells)))

        def ended(seconds: float, since: float = 0.0) -> float:
            """When the next free worker is done with a part that can begin at `since`."""
            end = max(workers[0], since) + seconds
            heapq.heapreplace(workers, end)
            return end

        evaluations = []
        for status, (training, evaluation) in zip(cells, parts, strict=True):
            if status.state == "running" and status.train_seconds is not None:
                ended(evaluation.seconds)
            else:
                evaluations.append((ended(training.seconds), evaluation.seconds))
        for trained, seconds in sorted(evaluations):
            ended(seconds, trained)
        return total([part for both in parts for part in both], max(workers))

    def _parts(self, status: CellStatus) -> tuple[TimeLeft, TimeLeft]:
        """What is left of a cell's training and of its evaluation."""
        if status.state in ENDED:
            return NONE, NONE
        return self._training(status), self._evaluation(status)

    def _training(self, status: CellStatus) -> TimeLeft:
        if status.train_seconds is not None:
            return NONE
        progress, whole = status.progress, self._expected(status, TRAINING)
        if progress is None or not progress.training:
            return whole
        if status.state == "running" and progress.training_left is not None:
            return TimeLeft(seconds=progress.training_left)
        return whole.times(1 - (progress.share or 0.0))

    def _evaluation(self, status: CellStatus) -> TimeLeft:
        parts = {name: self._expected(status, name) for name in status.missing}
        progress = status.progress
        if status.state == "running" and progress is not None and progress.doing in parts:
            parts[progress.doing] = parts[progress.doing].after(progress.elapsed(self.now))
        return total(list(parts.values()))

    def _expected(self, status: CellStatus, part: str) -> TimeLeft:
        """The time that a whole training or experiment of a cell takes."""
        kind: Kind = status.cell.kind
        for start in (0, *OTHERS):
            if (seconds := self.known.get((kind[start:], part))) is not None:
                return TimeLeft(seconds=seconds, is_measured=(kind[start:], part) in self.measured)
        if part == TRAINING:
            return UNKNOWN
        share = self._expected(status, TRAINING).times(EVALUATION_SHARE / len(status.cell.experiments))
        return share.model_copy(update={"is_measured": False})


def _means(cells: Iterable[CellStatus]) -> dict[tuple[Kind, str], float]:
    """Mean seconds by kind of cell and part; running trainings count if none of the kind has finished."""
    finished: dict[tuple[Kind, str], list[float]] = defaultdict(list)
    running: dict[tuple[Kind, str], list[float]] = defaultdict(list)
    for status in cells:
        kind, progress = status.cell.kind, status.progress
        for experiment, seconds in status.experiment_seconds.items():
            finished[kind, experiment].append(seconds)
        if status.train_seconds is not None:
            finished[kind, TRAINING].append(status.train_seconds)
        elif progress is not None and progress.training and progress.rate:
            running[kind, TRAINING].append(progress.images_in_all / progress.rate)
    return {part: fmean(seconds) for part, seconds in (running | finished).items()}
