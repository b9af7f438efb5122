"""How long a run goes on: from what its cells under way say, and from how long others of their kind took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from datetime import datetime
from statistics import fmean

from pydantic import BaseModel, ConfigDict

from lordbench.results.status import CellStatus, RunStatus

TRAINING = ""
"""Stands beside the names of experiments, for what comes before them."""


class TimeLeft(BaseModel):
    """An estimate, and what it does not cover.

    Attributes:
        seconds: of all parts that there is something to go by for.
        is_whole: whether these are all parts; else the time left is longer than that.
    """

    model_config = ConfigDict(frozen=True)

    seconds: float
    is_whole: bool

    @property
    def is_known(self) -> bool:
        """Whether it says anything."""
        return self.is_whole or self.seconds > 0


class Estimate:
    """Estimates from one look at a run folder.

    A training under way goes on at the rate of its present phase. Any other training, and each experiment,
    takes the mean time that it took in this folder for cells of the same kind: method, data set, split and
    preset. Times taken with another number of jobs, or on another machine, are counted as they stand.

    Args:
        status: of the folder.
        now: when it was read, UTC.
    """

    def __init__(self, status: RunStatus, now: datetime) -> None:
        self.status = status
        self.now = now
        self.means = _means((*status.cells, *status.others))

    def cell(self, status: CellStatus) -> TimeLeft:
        """Time until a cell is done, from when its turn comes; a failed one is not tried again by itself."""
        if status.state in ("done", "failed"):
            return TimeLeft(seconds=0.0, is_whole=True)
        kind = status.cell.kind
        parts = [self.means.get((kind, name)) for name in status.missing]
        now = status.progress
        if status.train_seconds is None:
            parts.append(self._training(status))
        elif status.state == "running" and now is not None and (kind, now.doing) in self.means:
            parts.append(-min(self.means[kind, now.doing], now.elapsed(self.now)))
        known = [part for part in parts if part is not None]
        return TimeLeft(seconds=sum(known), is_whole=len(known) == len(parts))

    def run(self) -> TimeLeft:
        """Time until all cells of the latest run are done, with as many at a time as it was given."""
        cells = [self.cell(status) for status in self.status.cells]
        seconds = [left.seconds for left in cells]
        jobs = 1 if self.status.plan is None else self.status.plan.jobs
        # No number of jobs makes a cell shorter than it is.
        shared = max(sum(seconds) / max(jobs, 1), max(seconds, default=0.0))
        return TimeLeft(seconds=shared, is_whole=all(left.is_whole for left in cells))

    def _training(self, status: CellStatus) -> float | None:
        now, mean = status.progress, self.means.get((status.cell.kind, TRAINING))
        if now is None or not now.training:
            return mean
        if status.state == "running" and now.training_left is not None:
            return now.training_left
        return None if mean is None else mean * (1 - (now.share or 0.0))


def _means(cells: Iterable[CellStatus]) -> dict[tuple[Hashable, str], float]:
    """Mean seconds by kind of cell and part; trainings under way count where none of the kind has ended."""
    ended: dict[tuple[Hashable, str], list[float]] = defaultdict(list)
    under_way: dict[tuple[Hashable, str], list[float]] = defaultdict(list)
    for status in cells:
        kind, now = status.cell.kind, status.progress
        for experiment, seconds in status.experiment_seconds.items():
            ended[kind, experiment].append(seconds)
        if status.train_seconds is not None:
            ended[kind, TRAINING].append(status.train_seconds)
        elif now is not None and now.training and now.rate:
            under_way[kind, TRAINING].append(now.images_in_all / now.rate)
    return {part: fmean(seconds) for part, seconds in (under_way | ended).items()}
