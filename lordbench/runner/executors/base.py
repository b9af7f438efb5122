"""What all executors have in common: they run the cells of a plan, and say how each ended."""

from __future__ import annotations

import contextlib
import functools
import json
import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field

from lordbench.config.registry import load_dataset
from lordbench.data.images import ImageSet
from lordbench.results.run_folder import Store
from lordbench.runner.cell import Cell
from lordbench.runner.plan import Plan
from lordbench.runner.run_cell import Outcome, WorkerState, record_failure, run_cell
from lordbench.utils.errors import UserError

PASSED_ON = ("LORDBENCH_", "TORCH_HOME")
"""Beginnings of the names of those environment variables that a worker gets from the run that sends it."""


class Task(BaseModel):
    """What a worker is sent.

    Attributes:
        cell: to be run.
        root: run folder, absolute.
        device: name of the device, as given.
        threads: of each operation on a CPU.
        tensorboard: whether event files are written.
        checkpoint_seconds: between two checkpoints.
        folder: that relative paths, such as a data set's, start from.
        environment: variables that say where data, weights and plug-ins are.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cell: Cell
    root: Path
    device: str
    threads: int
    tensorboard: bool
    checkpoint_seconds: float
    folder: Path
    environment: dict[str, str]

    @classmethod
    def of(cls, cell: Cell, state: WorkerState, threads: int) -> Task:
        """The task of running a cell as this process would."""
        return cls(
            cell=cell,
            root=state.store.root.resolve(),
            device=state.device,
            threads=threads,
            tensorboard=state.tensorboard,
            checkpoint_seconds=state.checkpoint_seconds,
            folder=Path.cwd(),
            environment={key: value for key, value in os.environ.items() if key.startswith(PASSED_ON)},
        )


class Result(BaseModel):
    """What a worker sends back; see `lordbench.runner.run_cell.Outcome`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Literal["done", "kept", "failed"]
    error: str = ""


def run_task(task_json: str) -> str:
    """Run a task in this process, a worker's, and return its `Result` as JSON.

    The worker loads the data set by itself, from the cache: images are not sent around.
    """
    task = Task.model_validate_json(task_json)
    os.environ.update(task.environment)
    with contextlib.suppress(OSError):
        # On a machine without this folder, what is named by absolute paths can still be found.
        os.chdir(task.folder)
    torch.set_num_threads(task.threads)
    outcome = _run(task)
    return Result(status=outcome.status, error=outcome.error).model_dump_json()


def _run(task: Task) -> Outcome:
    cell = task.cell
    try:
        images = _images(*cell.data)
    except UserError as error:
        return Outcome(cell, "failed", str(error))
    except Exception as error:
        # As with any other error of a cell: it ends this one only.
        return Outcome(cell, "failed", f"{type(error).__name__}: {error}")
    if images.fingerprint != cell.data_fingerprint:
        return Outcome(cell, "failed", f"{cell.dataset}: the data changed while the run was under way")
    return run_cell(
        cell, images, _workshop(task.root, task.device, task.tensorboard, task.checkpoint_seconds)
    )


@functools.lru_cache(maxsize=1)
def _images(dataset: str, settings: str, size: int) -> ImageSet:
    """The images that a worker's cells are about: as a rule, all its cells are about the same."""
    return load_dataset(dataset, json.loads(settings)).load(size)


@functools.cache
def _workshop(root: Path, device: str, tensorboard: bool, checkpoint_seconds: float) -> WorkerState:
    """One a worker process, as its cells share what no method changes."""
    return WorkerState(Store(root), device, tensorboard=tensorboard, checkpoint_seconds=checkpoint_seconds)


LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Watch:
    """Who wants to know how a run goes.

    Attributes:
        started: is told of each cell that begins.
        look: is called about once a second while cells run in other processes, and say nothing by themselves.
        note: is told of workers that were lost.
    """

    started: Callable[[Cell], None] = field(default=lambda cell: None)
    look: Callable[[], None] = field(default=lambda: None)
    note: Callable[[str], None] = field(default=lambda text: None)


class Executor(ABC):
    """Runs plans.

    Attributes:
        jobs: cells at a time, as far as that is known.
    """

    jobs: int

    @abstractmethod
    def run(self, plan: Plan, state: WorkerState, watch: Watch) -> Iterator[Outcome]:
        """Run the cells of a plan, and yield each outcome as it comes.

        Args:
            plan: what to run.
            state: where to write, and whom to tell.
            watch: who wants to know.
        """


class WorkerLostError(Exception):
    """A worker ended without a word: killed, out of memory, or gone with its machine. Says what is known."""


class RetriesConfig(BaseModel):
    """Settings of executors whose workers can be lost.

    Attributes:
        retries: times that a cell is tried again whose worker was lost; each goes on from its checkpoint. A
            cell that fails with an error is not tried again: it would fail in the same way.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    retries: int = Field(2, ge=0)


class WorkerExecutor(Executor):
    """Runs cells as tasks in other processes. To be told: how tasks are sent, and how their ends are noticed.

    Args:
        jobs: cells at a time.
        retries: see `RetriesConfig`.
        threads: of each operation on a CPU.
    """

    def __init__(self, jobs: int, retries: int, threads: int) -> None:
        self.jobs = jobs
        self.retries = retries
        self.threads = threads

    @property
    def room(self) -> int:
        """Tasks that may be under way: sent, and not ended."""
        return self.jobs

    @abstractmethod
    def open(self, state: WorkerState) -> None:
        """Get ready for tasks.

        Raises:
            UserError: there is nowhere to run them.
        """

    @abstractmethod
    def send(self, tasks: Sequence[Task]) -> Sequence[Hashable]:
        """Send tasks off, and return a handle for each."""

    @abstractmethod
    def ended(self, running: Collection[Any], seconds: float) -> Collection[Hashable]:
        """Those handles whose tasks have ended; waits for the first of them for some seconds at most."""

    @abstractmethod
    def result(self, handle: Any) -> str:
        """What `run_task` returned for a task that has ended.

        Raises:
            WorkerLostError: it returned nothing.
        """

    @abstractmethod
    def close(self) -> None:
        """End all workers, also those at work: their files are whole or absent, and the next run goes on."""

    def run(self, plan: Plan, state: WorkerState, watch: Watch) -> Iterator[Outcome]:
        """Run the cells of a plan, those of lost workers again."""
        waiting = deque((cell, 1) for cell in plan.cells)
        running: dict[Hashable, tuple[Cell, int]] = {}
        try:
            self.open(state)
            while waiting or running:
                batch = [waiting.popleft() for _ in range(min(len(waiting), self.room - len(running)))]
                tasks = [Task.of(cell, state, self.threads) for cell, _ in batch]
                running |= zip(self.send(tasks) if tasks else (), batch, strict=True)
                for cell in (cell for cell, attempt in batch if attempt == 1):
                    watch.started(cell)
                for handle in self.ended(running.keys(), LOOK_SECONDS):
                    cell, attempt = running.pop(handle)
                    try:
                        found = Result.model_validate_json(self.result(handle))
                    except WorkerLostError as error:
                        if attempt <= self.retries:
                            watch.note(f"{cell.label}, seed {cell.seed}: {error}; trying again")
                            waiting.append((cell, attempt + 1))
                            continue
                        found = _given_up(cell, state, f"{error}, {attempt} times")
                    yield Outcome(cell, found.status, found.error)
                watch.look()
        finally:
            self.close()


def _given_up(cell: Cell, state: WorkerState, summary: str) -> Result:
    folder = state.store.cell(cell.id)
    record_failure(folder, cell, summary, "The worker left none: see the system's log.\n")
    folder.progress.unlink(missing_ok=True)
    return Result(status="failed", error=summary)
