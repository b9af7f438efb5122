"""State of a run folder and time left, read from its files while a run may be writing them."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Hashable, Iterable
from datetime import datetime, timezone
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from lordbench.results.damage import Damage, damage
from lordbench.results.progress import CellProgress, PlannedCell, RunPlan, is_held, read_plan, read_progress
from lordbench.results.run_folder import CellFolder, Store
from lordbench.utils.errors import UserError
from lordbench.utils.files import Stamp, read_json, stamps
from lordbench.utils.integrity import read_verified

State = Literal["planned", "running", "done", "failed", "interrupted"]
LATEST = datetime(9999, 1, 1, tzinfo=timezone.utc).timestamp()
"""Latest time that a date can represent, in seconds since the epoch."""
TRAINING = ""
"""Name of the training, among those of the experiments."""


class CellStatus(BaseModel):
    """State of one cell.

    Attributes:
        cell: which one.
        state: `planned`: not started; `running`; `done`: trained, with all experiments; `failed`: the last
            attempt ended with an error; `interrupted`: started, and no run holds the folder; the same command
            resumes it.
        progress: of a running cell; the last known of an interrupted one.
        finished: when the last file of a cell that is done was written.
        train_seconds: of a trained cell, over all attempts.
        missing: experiments that are still to be run.
        experiment_seconds: by experiment, where recorded.
        error: last line of the error of a failed cell; `failure`: file with its traceback.
        notes: damaged files.
    """

    model_config = ConfigDict(frozen=True)

    cell: PlannedCell
    state: State
    progress: CellProgress | None = None
    finished: AwareDatetime | None = None
    train_seconds: float | None = None
    missing: tuple[str, ...] = ()
    experiment_seconds: dict[str, float] = {}
    error: str = ""
    failure: Path | None = None
    notes: tuple[str, ...] = ()


class RunStatus(BaseModel):
    """State of a run folder.

    Attributes:
        root: the folder.
        alive: whether a run holds it.
        plan: of the latest run; None if it does not exist or is damaged.
        cells: those of the plan, in its order; `others`: of earlier runs, not requested by the latest.
        notes: damaged files of the folder itself.
    """

    model_config = ConfigDict(frozen=True)

    root: Path
    alive: bool
    plan: RunPlan | None
    cells: tuple[CellStatus, ...]
    others: tuple[CellStatus, ...]
    notes: tuple[str, ...] = ()

    @property
    def has_failed(self) -> bool:
        """Whether a cell has failed, of this run or an earlier one."""
        return any(status.state == "failed" for status in (*self.cells, *self.others))


def read_status(root: Path) -> RunStatus:
    """Read the state of a run folder.

    Raises:
        UserError: it is not a run folder.
    """
    store, notes = Store(root), list[str]()
    if not (store.plan.exists() or (root / "cells").is_dir()):
        raise UserError(
            f"{root}: not a run folder: neither plan.json nor cells/ exists",
            "Give a folder that `lordbench run --out` wrote.",
        )
    alive = is_held(store.lock)
    try:
        plan = read_plan(store.plan)
    except UserError as error:
        plan = None
        notes.append(f"{error.message} {error.hint}")
    since = plan.began if plan is not None and alive else None
    planned = () if plan is None else plan.cells
    ids = {cell.id for cell in planned}
    others = [folder for folder in store.cells() if folder.path.name not in ids]
    return RunStatus(
        root=root,
        alive=alive,
        plan=plan,
        cells=tuple(_cell_status(cell, store.cell(cell.id), alive, since) for cell in planned),
        # A run with another plan does not run these.
        others=tuple(_unplanned_status(folder, alive and plan is None) for folder in others),
        notes=tuple(notes),
    )


def _unplanned_status(folder: CellFolder, alive: bool) -> CellStatus:
    """State of a cell that is not in the plan, by its own description."""
    notes: tuple[str, ...] = ()
    try:
        cell = PlannedCell.of(read_verified(folder.description))
    except (OSError, ValueError, KeyError, TypeError) as error:
        cell = PlannedCell(
            id=folder.path.name, label="?", dataset="?", split="?", preset="?", seed=0, experiments=()
        )
        if all(found.file != folder.description for found in _damage(folder)):
            notes = (_unreadable(folder.description, error),)
    return _cell_status(cell, folder, alive, None, notes)


def _cell_status(
    cell: PlannedCell, folder: CellFolder, alive: bool, since: datetime | None, notes: tuple[str, ...] = ()
) -> CellStatus:
    """State of a cell; `since` is when the current run began, which retries what failed before."""
    damaged = _damage(folder)
    problems = [*notes, *map(str, damaged)]
    progress, train_seconds = None, None
    try:
        # Read first, as it is removed when the cell ends: all else is then at least as recent.
        progress = read_progress(folder.progress)
    except (OSError, ValueError) as error:
        problems.append(_unreadable(folder.progress, error))
    redone = {path for found in damaged for path in found.aside}
    if folder.is_trained() and folder.path not in redone:
        try:
            train_seconds = _train_seconds(folder.model, folder.model.stat().st_mtime_ns)
        except (OSError, UserError) as error:
            problems.append(str(error))
    ends = {name: _end(folder, name, redone, problems) for name in cell.experiments}
    failure = _failure(folder, problems)
    fields: dict[str, Any] = {
        "cell": cell,
        "train_seconds": train_seconds,
        "missing": tuple(name for name, end in ends.items() if end is None),
        "experiment_seconds": folder.experiment_seconds(),
        "notes": tuple(problems),
    }
    if alive and progress is not None:
        return CellStatus(state="running", progress=progress, **fields)
    if train_seconds is not None and not fields["missing"]:
        last = max((end for end in ends.values() if end is not None), default=folder.model.stat().st_mtime)
        return CellStatus(state="done", finished=_time(last), **fields)
    fields["progress"] = progress
    if failure is not None and not (since is not None and failure[0] < since):
        return CellStatus(state="failed", error=failure[1], failure=folder.failure, **fields)
    started = folder.checkpoint.exists() or folder.is_trained() or folder.progress.exists()
    return CellStatus(state="interrupted" if started and not alive else "planned", **fields)


def _end(folder: CellFolder, experiment: str, redone: set[Path], problems: list[str]) -> float | None:
    """When an experiment ended, in seconds since the epoch; None if it has not, or is to be run again."""
    try:
        file = folder.record_file(experiment)
        return None if file in redone else file.stat().st_mtime
    except FileNotFoundError:
        return None
    except OSError as error:
        problems.append(_unreadable(folder.path, error))
        return None


def _failure(folder: CellFolder, problems: list[str]) -> tuple[datetime, str] | None:
    """When the last attempt failed, and the last line of its error."""
    try:
        failure = read_json(folder.failure)
        when = datetime.fromisoformat(failure["when"]).astimezone(timezone.utc)
        return when, str(failure["error"]).strip().splitlines()[-1]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
        problems.append(_unreadable(folder.failure, error))
        return _time(folder.failure.stat().st_mtime), "(not readable)"


def _time(seconds: float) -> datetime:
    """Time of a file, which an archive may have set to any year."""
    return datetime.fromtimestamp(min(max(seconds, 0.0), LATEST), timezone.utc)


def _unreadable(path: Path, error: Exception) -> str:
    return f"{path}: cannot be read: {type(error).__name__}"


def _damage(folder: CellFolder) -> tuple[Damage, ...]:
    """The damaged files of a cell, cached until one is written."""
    written = stamps(folder.path)
    written.pop(folder.progress, None)
    return _cached_damage(folder.path, tuple(written.items()))


@functools.lru_cache(maxsize=65_536)
def _cached_damage(path: Path, written: tuple[tuple[Path, Stamp], ...]) -> tuple[Damage, ...]:
    return tuple(damage(CellFolder(path)))


@functools.lru_cache(maxsize=65_536)
def _train_seconds(model: Path, modified: int) -> float:
    return CellFolder(model.parent).provenance().train_seconds


class TimeLeft(BaseModel):
    """An estimate of the time left.

    Attributes:
        seconds: of all parts that can be estimated.
        is_whole: whether these are all parts; else `seconds` is a lower bound.
    """

    model_config = ConfigDict(frozen=True)

    seconds: float
    is_whole: bool

    @property
    def is_known(self) -> bool:
        """Whether anything can be estimated."""
        return self.is_whole or self.seconds > 0


class Estimate:
    """Estimates of the time left in a run folder.

    A running training continues at the rate of its current phase. Any other training, and each experiment,
    takes the mean time of those in this folder with the same method, data set, split and preset, whatever the
    number of jobs or the hardware.

    Args:
        status: of the folder.
        now: when it was read, UTC.
    """

    def __init__(self, status: RunStatus, now: datetime) -> None:
        self.status = status
        self.now = now
        self.means = _means((*status.cells, *status.others))

    def cell(self, status: CellStatus) -> TimeLeft:
        """Time until a cell is done, from its start; 0 for a failed one, which is not retried by itself."""
        if status.state in ("done", "failed"):
            return TimeLeft(seconds=0.0, is_whole=True)
        kind, progress = status.cell.kind, status.progress
        parts = [self.means.get((kind, name)) for name in status.missing]
        if status.train_seconds is None:
            parts.append(self._training(status))
        elif status.state == "running" and progress is not None and (kind, progress.doing) in self.means:
            parts.append(-min(self.means[kind, progress.doing], progress.elapsed(self.now)))
        known = [part for part in parts if part is not None]
        return TimeLeft(seconds=sum(known), is_whole=len(known) == len(parts))

    def run(self) -> TimeLeft:
        """Time until all cells of the latest run are done, with its number of jobs."""
        cells = [self.cell(status) for status in self.status.cells]
        seconds = [left.seconds for left in cells]
        jobs = 1 if self.status.plan is None else self.status.plan.jobs
        # No number of jobs makes a single cell faster.
        shared = max(sum(seconds) / max(jobs, 1), max(seconds, default=0.0))
        return TimeLeft(seconds=shared, is_whole=all(left.is_whole for left in cells))

    def _training(self, status: CellStatus) -> float | None:
        progress, mean = status.progress, self.means.get((status.cell.kind, TRAINING))
        if progress is None or not progress.training:
            return mean
        if status.state == "running" and progress.training_left is not None:
            return progress.training_left
        return None if mean is None else mean * (1 - (progress.share or 0.0))


def _means(cells: Iterable[CellStatus]) -> dict[tuple[Hashable, str], float]:
    """Mean seconds by kind of cell and part; running trainings count if none of the kind has finished."""
    finished: dict[tuple[Hashable, str], list[float]] = defaultdict(list)
    running: dict[tuple[Hashable, str], list[float]] = defaultdict(list)
    for status in cells:
        kind, progress = status.cell.kind, status.progress
        for experiment, seconds in status.experiment_seconds.items():
            finished[kind, experiment].append(seconds)
        if status.train_seconds is not None:
            finished[kind, TRAINING].append(status.train_seconds)
        elif progress is not None and progress.training and progress.rate:
            running[kind, TRAINING].append(progress.images_in_all / progress.rate)
    return {part: fmean(seconds) for part, seconds in (running | finished).items()}
