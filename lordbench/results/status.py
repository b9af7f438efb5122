"""How far a run folder has come, read from its files while the run, if there is one, goes on."""

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

LAST = datetime(9999, 1, 1, tzinfo=timezone.utc).timestamp()
"""The last year that a date can be of."""

State = Literal["planned", "running", "done", "failed", "interrupted"]


class CellStatus(BaseModel):
    """One cell, as its files say.

    Attributes:
        cell: which one.
        state: `planned`: its turn comes, or has never come; `running`; `done`: trained, and all experiments
            are there; `failed`: so the last attempt ended; `interrupted`: begun, and no run holds the folder;
            the same command goes on from there.
        progress: of a running cell; of an interrupted one, the last that was heard of it.
        finished: when its last file was written, of a cell that is done.
        train_seconds: of a trained cell, over all attempts.
        missing: experiments that are still to be run.
        experiment_seconds: by experiment; of those whose time was kept.
        error: last line of the error of a failed cell.
        failure: file with its traceback.
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
    """A run folder.

    Attributes:
        root: the folder.
        alive: whether a run holds it.
        plan: of the latest run; None where none was kept or it is damaged.
        cells: those of the plan, in its order.
        others: those that earlier runs began here, and the latest was not asked for.
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
        """Whether a cell has failed, of this run or one before."""
        return any(status.state == "failed" for status in (*self.cells, *self.others))


def read_status(root: Path) -> RunStatus:
    """Read how far a run folder has come.

    Raises:
        UserError: it is no run folder.
    """
    store, notes = Store(root), list[str]()
    if not (store.plan.exists() or (root / "cells").is_dir()):
        raise UserError(
            f"{root}: no run has begun here: neither plan.json nor cells/ is there",
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
    known = {cell.id for cell in planned}
    others = [folder for folder in store.cells() if folder.path.name not in known]
    return RunStatus(
        root=root,
        alive=alive,
        plan=plan,
        cells=tuple(_cell(cell, store.cell(cell.id), alive, since) for cell in planned),
        # The run at work will not come to these.
        others=tuple(_other(folder, alive and plan is None) for folder in others),
        notes=tuple(notes),
    )


def _other(folder: CellFolder, alive: bool) -> CellStatus:
    """A cell that the plan does not know, by what its folder says of it."""
    notes: tuple[str, ...] = ()
    try:
        cell = PlannedCell.of(read_verified(folder.description))
    except (OSError, ValueError, KeyError, TypeError) as error:
        cell = PlannedCell(
            id=folder.path.name, label="?", dataset="?", split="?", preset="?", seed=0, experiments=()
        )
        if all(found.file != folder.description for found in _damage(folder)):
            notes = (_damaged(folder.description, error),)
    return _cell(cell, folder, alive, None, notes)


def _cell(
    cell: PlannedCell, folder: CellFolder, alive: bool, since: datetime | None, notes: tuple[str, ...] = ()
) -> CellStatus:
    """Read a cell's folder; `since` is when the run at work began, which tries again what failed before."""
    found: dict[str, Any] = {}
    damaged = _damage(folder)
    problems = [*notes, *map(str, damaged)]
    try:
        # First of all, as it vanishes when the cell ends: what is read later is never of an earlier moment.
        found["progress"] = read_progress(folder.progress)
    except (OSError, ValueError) as error:
        problems.append(_damaged(folder.progress, error))
    again = {path for each in damaged for path in each.aside}
    if folder.is_trained() and folder.path not in again:
        try:
            found["train_seconds"] = _train_seconds(folder.model, folder.model.stat().st_mtime_ns)
        except (OSError, UserError) as error:
            problems.append(str(error))
    found["experiment_seconds"] = folder.experiment_seconds()
    ends = {name: _end(folder, name, again, problems) for name in cell.experiments}
    finished = [end for end in ends.values() if end is not None]
    found["missing"] = tuple(name for name, end in ends.items() if end is None)
    failure = _failure(folder, problems)

    def status(state: State) -> CellStatus:
        return CellStatus(cell=cell, state=state, notes=tuple(problems), **found)

    if alive and found.get("progress") is not None:
        return status("running")
    if "train_seconds" in found and not found["missing"]:
        last = max(finished, default=folder.model.stat().st_mtime)
        found |= {"finished": _moment(last), "progress": None}
        return status("done")
    if failure is not None and not (since is not None and failure[0] < since):
        found |= {"error": failure[1], "failure": folder.failure}
        return status("failed")
    begun = folder.checkpoint.exists() or folder.is_trained() or folder.progress.exists()
    return status("interrupted" if begun and not alive else "planned")


def _end(folder: CellFolder, experiment: str, again: set[Path], problems: list[str]) -> float | None:
    """When an experiment ended, in seconds since the epoch; None where it has not, or is run again."""
    try:
        record = folder.record(experiment)
        return None if record in again else record.stat().st_mtime
    except FileNotFoundError:
        return None
    except OSError as error:
        problems.append(_damaged(folder.path, error))
        return None


def _failure(folder: CellFolder, problems: list[str]) -> tuple[datetime, str] | None:
    """When the last attempt failed, and the last line of its error."""
    try:
        found = read_json(folder.failure)
        when = datetime.fromisoformat(found["when"]).astimezone(timezone.utc)
        return when, str(found["error"]).strip().splitlines()[-1]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
        problems.append(_damaged(folder.failure, error))
        return _moment(folder.failure.stat().st_mtime), "(not readable)"


def _moment(seconds: float) -> datetime:
    """The time of a file, which an archive may have set to any year."""
    return datetime.fromtimestamp(min(max(seconds, 0.0), LAST), timezone.utc)


def _damaged(path: Path, error: Exception) -> str:
    return f"{path}: cannot be read: {type(error).__name__}"


def _damage(folder: CellFolder) -> tuple[Damage, ...]:
    """The damaged files of a cell; looked for once, for each time that one was written."""
    written = stamps(folder.path)
    written.pop(folder.progress, None)
    return _damage_at(folder.path, tuple(written.items()))


@functools.lru_cache(maxsize=65_536)
def _damage_at(path: Path, written: tuple[tuple[Path, Stamp], ...]) -> tuple[Damage, ...]:
    return tuple(damage(CellFolder(path)))


@functools.lru_cache(maxsize=65_536)
def _train_seconds(model: Path, written: int) -> float:
    return CellFolder(model.parent).provenance().train_seconds


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
