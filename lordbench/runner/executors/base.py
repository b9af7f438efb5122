"""What executors share: their contract, tasks for workers in other processes, and retries of lost ones."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import warnings
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field

from lordbench.config import registry
from lordbench.data import ImageSet
from lordbench.results.run_folder import Store
from lordbench.runner.cell import Cell
from lordbench.runner.plan import Plan, method_source
from lordbench.runner.run_cell import Outcome, Status, WorkerState, now, record_failure, run_cell
from lordbench.utils.errors import HIDES_NOTICES, Notice, UserError, hidden_notices
from lordbench.utils.terminal import spell_missing_characters

PASSED_ON = (
    "LORDBENCH_",
    "TORCH_HOME",
    "WANDB_PROJECT",
    "WANDB_MODE",
    "MLFLOW_TRACKING_URI",
    "MLFLOW_EXPERIMENT",
)
"""Prefixes of the environment variables that workers get: where data, weights, plug-ins and trackers are."""
LOOK_SECONDS = 1.0
LAST = 2
"""Evaluations that run one after the other at the end of a run."""


@dataclass(frozen=True)
class Watch:
    """Callbacks of a run.

    Attributes:
        ready: called once, when nothing stands in the way of the first cell.
        started: called with each cell that begins.
        look: called about once a second while cells run in other processes.
        note: called with a message about each lost worker.
    """

    ready: Callable[[], None] = field(default=lambda: None)
    started: Callable[[Cell], None] = field(default=lambda cell: None)
    look: Callable[[], None] = field(default=lambda: None)
    note: Callable[[str], None] = field(default=lambda text: None)


class Executor(ABC):
    """Runs plans, with `jobs` cells at a time, as far as that is known."""

    jobs: int

    def sized(self, plan: Plan, unfinished: int, device: torch.device) -> Executor:
        """The executor of a plan of which some cells are not finished; by default this one."""
        return self

    @abstractmethod
    def run(self, plan: Plan, state: WorkerState, watch: Watch) -> Iterator[Outcome]:
        """Run the cells of a plan, and yield each outcome as it comes."""


class RetriesConfig(BaseModel):
    """Settings of executors whose workers can be lost.

    Attributes:
        retries: of a cell whose worker was lost; it resumes from its checkpoint. A cell that fails with an
            error is not retried: it would fail again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    retries: int = Field(2, ge=0)


class WorkerLostError(Exception):
    """A worker ended without a result: killed, out of memory, or its machine is gone."""


@dataclass(frozen=True)
class Attempt:
    """A part of a cell that a worker is to run for the `number`-th time."""

    cell: Cell
    part: Literal["all", "training", "evaluation"] = "all"
    number: int = 1


@dataclass
class Queue:
    """What waits for a worker: cells or their trainings, and evaluations of what was trained.

    Trainings go first, since they are long: three on two cores would leave one idle during the last.
    Evaluations fill the gaps. Fewer wait than there are workers, so results come while others are trained.

    The last evaluations run one after the other, each on the cores of all workers: a worker that has not yet
    evaluated any would first fit the judges and measure the floors, as long as the rest of an evaluation.
    """

    workers: int
    trainings: deque[Attempt]
    evaluations: deque[Attempt] = field(default_factory=deque)

    def __len__(self) -> int:
        return len(self.trainings) + len(self.evaluations)

    def add(self, attempt: Attempt) -> None:
        (self.evaluations if attempt.part == "evaluation" else self.trainings).append(attempt)

    def is_ending(self, running: Collection[Attempt]) -> bool:
        """Whether only the last evaluations are left, beside one that is running or none."""
        last = not self.trainings and len(self.evaluations) <= LAST
        return last and all(attempt.part == "evaluation" for attempt in running)

    def take(self) -> Attempt:
        evaluate = len(self.evaluations) >= self.workers or not self.trainings
        return (self.evaluations if evaluate else self.trainings).popleft()


class WorkerExecutor(Executor):
    """Runs cells as tasks in other processes. Subclasses send tasks and notice when they have ended.

    Attributes:
        in_two: whether a cell is two tasks, its training and its evaluation, which another worker may do.

    Args:
        jobs: cells at a time.
        retries: see `RetriesConfig`.
        threads: of each operation on a CPU.
    """

    in_two = False

    def __init__(self, jobs: int, retries: int, threads: int) -> None:
        self.jobs, self.retries, self.threads = jobs, retries, threads

    @property
    def room(self) -> int:
        """Tasks that may be sent and not ended."""
        return self.jobs

    @abstractmethod
    def open(self, state: WorkerState) -> None:
        """Prepare for tasks.

        Raises:
            UserError: there is nowhere to run them.
        """

    @abstractmethod
    def send(self, tasks: Sequence[Task]) -> Sequence[Hashable]:
        """Send tasks off, and return a handle for each."""

    @abstractmethod
    def ended(self, running: Collection[Any], seconds: float) -> Collection[Hashable]:
        """The handles whose tasks have ended; waits for the first of them, at most for some seconds."""

    @abstractmethod
    def result(self, handle: Any) -> str:
        """What `run_task` returned for a task that has ended.

        Raises:
            WorkerLostError: it returned nothing.
        """

    @abstractmethod
    def close(self) -> None:
        """End all workers, even running ones: their files are whole or absent, and the next run resumes."""

    def run(self, plan: Plan, state: WorkerState, watch: Watch) -> Iterator[Outcome]:
        """Run the cells of a plan, those of lost workers again."""
        # A tracker that began a cell also ends it, with the values.
        part: Literal["all", "training"] = "training" if self.in_two and not state.trackers else "all"
        waiting = Queue(self.jobs, deque(Attempt(cell, part) for cell in plan.cells))
        running: dict[Hashable, Attempt] = {}
        try:
            self.open(state)
            watch.ready()
            while waiting or running:
                room = 1 if self.in_two and waiting.is_ending(running.values()) else self.room
                batch = [waiting.take() for _ in range(min(len(waiting), room - len(running)))]
                tasks = [Task.of(attempt, state, self.threads) for attempt in batch]
                running |= zip(self.send(tasks) if tasks else (), batch, strict=True)
                for attempt in batch:
                    if attempt.number == 1 and attempt.part != "evaluation":
                        watch.started(attempt.cell)
                for handle in self.ended(running.keys(), LOOK_SECONDS):
                    attempt = running.pop(handle)
                    cell = attempt.cell
                    try:
                        result = Result.model_validate_json(self.result(handle))
                    except WorkerLostError as error:
                        if attempt.number <= self.retries:
                            watch.note(f"{cell.title}: {error}; retrying")
                            waiting.add(replace(attempt, number=attempt.number + 1))
                            continue
                        result = _give_up(cell, state, f"{error}, {attempt.number} times")
                    if result.status == "trained":
                        waiting.add(Attempt(cell, "evaluation"))
                    else:
                        yield Outcome(cell, result.status, result.error)
                watch.look()
        finally:
            self.close()


def _give_up(cell: Cell, state: WorkerState, summary: str) -> Result:
    folder = state.store.cell(cell.id)
    record_failure(folder, summary, "The worker left none: see the system's log.\n")
    folder.progress.unlink(missing_ok=True)
    return Result(status="failed", error=summary)


class Task(BaseModel):
    """What a worker is sent.

    Attributes:
        root: run folder, absolute.
        device, trackers, checkpoint_seconds: as in `WorkerState`.
        threads: of each operation on a CPU.
        started: when it was made; `only_train`: see `run_cell` for both.
        folder: that relative paths, such as a data set's, start from.
        environment: variables whose names start with `PASSED_ON`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cell: Cell
    only_train: bool
    root: Path
    device: str
    threads: int
    trackers: tuple[str, ...]
    checkpoint_seconds: float
    started: str
    folder: Path
    environment: dict[str, str]

    @classmethod
    def of(cls, attempt: Attempt, state: WorkerState, threads: int) -> Task:
        """The task of an attempt, to be run as this process would."""
        return cls(
            cell=attempt.cell,
            only_train=attempt.part == "training",
            root=state.store.root.resolve(),
            device=state.device,
            threads=threads,
            trackers=state.trackers,
            checkpoint_seconds=state.checkpoint_seconds,
            started=now(),
            folder=Path.cwd(),
            environment={key: value for key, value in os.environ.items() if key.startswith(PASSED_ON)},
        )


class Result(BaseModel):
    """What a worker sends back: an `Outcome` without its cell."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Status
    error: str = ""


def run_task(task_json: str) -> str:
    """Run a task in this (worker) process, and return its `Result` as JSON.

    The worker loads the data set itself, from the cache: images are not sent.
    """
    spell_missing_characters()
    task = Task.model_validate_json(task_json)
    os.environ.update(task.environment)
    with contextlib.suppress(OSError):
        # On a machine without this folder, absolute paths still work.
        os.chdir(task.folder)
    torch.set_num_threads(task.threads)
    with hidden_notices() if HIDES_NOTICES in task.environment else contextlib.nullcontext():
        outcome = _run(task)
    return Result(status=outcome.status, error=outcome.error).model_dump_json()


def _run(task: Task) -> Outcome:
    cell = task.cell
    try:
        images = _images(*cell.data)
        source = method_source(registry.find("methods", cell.method))
    except Exception as error:
        # As any error of a cell, it ends this cell only.
        text = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        return Outcome(cell, "failed", text)
    if images.fingerprint != cell.data_fingerprint:
        return Outcome(cell, "failed", f"{cell.dataset}: the data changed during the run")
    if source != cell.method_source:
        return Outcome(cell, "failed", f"{cell.method_name}: its code changed during the run; run it again")
    state = _state(task.root, task.device, task.trackers, task.checkpoint_seconds)
    return run_cell(cell, images, state, task.started, only_train=task.only_train)


@functools.lru_cache(maxsize=1)
def _images(dataset: str, settings: str, size: int) -> ImageSet:
    """The images of a worker's cells, which as a rule are the same for all of them."""
    with warnings.catch_warnings():
        # The run has shown its notices.
        warnings.simplefilter("ignore", Notice)
        return registry.load_images(registry.make_dataset(dataset, json.loads(settings)), size)


@functools.cache
def _state(root: Path, *options: Any) -> WorkerState:
    """One per worker process: its cells share metrics and labels."""
    return WorkerState(Store(root), *options)
