"""State of a run folder, read from its files while a run may be writing them."""

import contextlib
import functools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel

from lordbench.results.cells import Failure
from lordbench.results.damage import Damage, damage
from lordbench.results.progress import CellProgress, PlannedCell, RunPlan, read_progress
from lordbench.results.run_folder import CellFolder, Store
from lordbench.utils.errors import UserError
from lordbench.utils.files import Stamp, read_json, stamps
from lordbench.utils.integrity import read_verified
from lordbench.utils.locks import is_held

State = Literal["planned", "running", "trained", "done", "failed", "interrupted"]
ENDED: tuple[State, ...] = ("done", "failed")
"""States that a run does not change."""
LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
"""Latest time that a date can represent, in seconds since the epoch."""
UNREADABLE = (OSError, ValueError, KeyError, TypeError, IndexError, OverflowError)
"""Errors of a damaged file of JSON."""
Inspection = tuple[tuple[Damage, ...], float | None, tuple[str, ...]]
"""A cell's damage, the seconds of its training, and notes."""


class CellStatus(BaseModel, frozen=True):
    """State of one cell.

    Attributes:
        state: `planned`: not started; `running`; `trained`: its experiments wait; `done`: trained, with all
            experiments; `failed`: the last attempt ended with an error; `interrupted`: started, and no run
            holds the folder; the same command resumes it.
        progress: of a running cell; the last known of an interrupted one.
        finished: when the last experiment of a cell that is done ended.
        train_seconds: of a trained cell, over all attempts.
        missing: experiments that are still to be run.
        error: last line of the error of a failed cell; `failure`: file with its traceback.
        notes: damaged files.
        has_checkpoint: whether its training can resume.
    """

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
    has_checkpoint: bool = False


class RunStatus(BaseModel, frozen=True):
    """State of a run folder.

    Attributes:
        alive: whether a run holds it.
        plan: of the latest run; None if it does not exist or is damaged.
        cells: those of the plan, in its order; `others`: of earlier runs, not requested by the latest.
        notes: damaged files of the folder itself.
    """

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


def read_status(root: Path, plan: RunPlan | None = None) -> RunStatus:
    """Read the state of a run folder; UserError if it is none.

    A `plan` takes the place of that of the latest run; the folder then need not exist.
    """
    store, notes, latest = Store(root), [], plan is None
    if latest and not (store.plan.exists() or (root / "cells").is_dir()):
        raise UserError(
            f"{root}: not a run folder: neither plan.json nor cells/ exists",
            "Give a folder that `lordbench run --out` wrote.",
        )
    alive = is_held(store.lock)
    try:
        plan = plan or RunPlan.model_validate(read_verified(store.plan))
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        problem = f"{store.plan}: no readable plan: {type(error).__name__}"
        notes.append(f"{problem}. The next `lordbench run` writes it again.")
    since = plan.began if plan is not None and (alive or not latest) else None
    planned = () if plan is None else plan.cells
    cells = tuple(_cell_status(store.cell(cell.id), cell, alive, since) for cell in planned)
    ids = {cell.id for cell in planned}
    unplanned = [folder for folder in store.cells() if folder.path.name not in ids]
    # A run with another plan does not run these.
    others = tuple(_cell_status(folder, None, alive and plan is None, None) for folder in unplanned)
    return RunStatus(root=root, alive=alive, plan=plan, cells=cells, others=others, notes=tuple(notes))


def _cell_status(
    folder: CellFolder, cell: PlannedCell | None, alive: bool, since: datetime | None
) -> CellStatus:
    """State of a cell; one that is not in the plan is named by its own description.

    `since` is when the current run began, which retries what failed before.
    """
    progress, failure, problems = None, None, list[str]()
    # Read first, as it is removed when the cell ends: all else is then at least as recent.
    with _noted(folder.progress, problems):
        progress = read_progress(folder.progress)
    damaged, train_seconds, notes = _inspected(folder)
    if cell is None:
        try:
            cell = PlannedCell.of(read_verified(folder.description))
        except UNREADABLE as error:
            unknown = dict.fromkeys(("label", "dataset", "split", "preset"), "?")
            cell = PlannedCell(id=folder.path.name, seed=0, experiments=(), **unknown)
            if all(found.file != folder.description for found in damaged):
                notes = (_unreadable(folder.description, error), *notes)
    redone = {path for found in damaged for path in found.aside}
    timings, ends = folder.timings(), dict[str, float]()
    for name in cell.experiments:
        with _noted(folder.path, problems):
            file = folder.record_file(name)
            if file not in redone:
                written, timing = file.stat().st_mtime, timings.get(name)
                # A copied file has the time of the copy.
                ends[name] = timing.ended.timestamp() if timing and timing.ended else written
    with _noted(folder.failure, problems):
        failure = _time(folder.failure.stat().st_mtime), "(not readable)"
        found = Failure.model_validate(read_json(folder.failure))
        failure = datetime.fromisoformat(found.when).astimezone(UTC), found.error.strip().splitlines()[-1]
    fields: dict[str, Any] = {
        "cell": cell,
        "train_seconds": train_seconds,
        "missing": tuple(name for name in cell.experiments if name not in ends),
        "experiment_seconds": {name: timing.seconds for name, timing in timings.items()},
        "notes": (*notes, *problems),
        "has_checkpoint": folder.checkpoint.exists(),
    }
    if alive and progress is not None:
        return CellStatus(state="running", progress=progress, **fields)
    if train_seconds is not None and not fields["missing"]:
        last = max(ends.values()) if ends else folder.model.stat().st_mtime
        return CellStatus(state="done", finished=_time(last), **fields)
    fields["progress"] = progress
    if failure is not None and not (since is not None and failure[0] < since):
        return CellStatus(state="failed", error=failure[1], failure=folder.failure, **fields)
    started = fields["has_checkpoint"] or folder.is_trained() or folder.progress.exists()
    waiting: State = "planned" if train_seconds is None else "trained"
    return CellStatus(state="interrupted" if started and not alive else waiting, **fields)


@contextlib.contextmanager
def _noted(path: Path, problems: list[str]) -> Iterator[None]:
    """Note that a file cannot be read; do nothing if it does not exist."""
    try:
        yield
    except FileNotFoundError:
        pass
    except UNREADABLE as error:
        problems.append(_unreadable(path, error))


def _unreadable(path: Path, error: Exception) -> str:
    return f"{path}: cannot be read: {type(error).__name__}"


def _time(seconds: float) -> datetime:
    """Time of a file, which an archive may have set to any year."""
    return datetime.fromtimestamp(min(max(seconds, 0.0), LATEST), UTC)


def _inspected(folder: CellFolder) -> Inspection:
    """Inspect a cell, unless no file was written since the last time."""
    written = stamps(folder.path)
    written.pop(folder.progress, None)
    return _inspect(folder.path, tuple(written.items()))


@functools.lru_cache(maxsize=65_536)
def _inspect(path: Path, written: tuple[tuple[Path, Stamp], ...]) -> Inspection:
    folder, seconds = CellFolder(path), None
    damaged = tuple(damage(folder))
    notes = list(map(str, damaged))
    if folder.is_trained() and not any(path in found.aside for found in damaged):
        try:
            seconds = folder.provenance().train_seconds
        except UserError as error:
            notes.append(str(error))
    return damaged, seconds, tuple(notes)
