"""What all executors have in common: they run the cells of a plan, and say how each ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from lordbench.runner.cell import Outcome, Workshop, record_failure
from lordbench.runner.identity import Cell
from lordbench.runner.plan import Plan
from lordbench.runner.task import Result, Task

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
    def run(self, plan: Plan, workshop: Workshop, watch: Watch) -> Iterator[Outcome]:
        """Run the cells of a plan, and yield each outcome as it comes.

        Args:
            plan: what to run.
            workshop: where to write, and whom to tell.
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


class Elsewhere(Executor):
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
    def open(self, workshop: Workshop) -> None:
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
        """What `carry_out` returned for a task that has ended.

        Raises:
            WorkerLostError: it returned nothing.
        """

    @abstractmethod
    def close(self) -> None:
        """End all workers, also those at work: their files are whole or absent, and the next run goes on."""

    def run(self, plan: Plan, workshop: Workshop, watch: Watch) -> Iterator[Outcome]:
        """Run the cells of a plan, those of lost workers again."""
        waiting = deque((cell, 1) for cell in plan.cells)
        running: dict[Hashable, tuple[Cell, int]] = {}
        try:
            self.open(workshop)
            while waiting or running:
                batch = [waiting.popleft() for _ in range(min(len(waiting), self.room - len(running)))]
                tasks = [Task.of(cell, workshop, self.threads) for cell, _ in batch]
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
                        found = _given_up(cell, workshop, f"{error}, {attempt} times")
                    yield Outcome(cell, found.status, found.error)
                watch.look()
        finally:
            self.close()


def _given_up(cell: Cell, workshop: Workshop, summary: str) -> Result:
    folder = workshop.store.cell(cell.id)
    record_failure(folder, cell, summary, "The worker left none: see the system's log.\n")
    folder.progress.unlink(missing_ok=True)
    return Result(status="failed", error=summary)
