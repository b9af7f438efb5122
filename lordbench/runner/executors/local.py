"""Cells on this machine: one after another in this process, or several at once in processes of their own."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Collection, Iterator, Sequence
from multiprocessing import connection
from multiprocessing.connection import Connection

from pydantic import Field

from lordbench.runner.executors.base import (
    Executor,
    RetriesConfig,
    Task,
    Watch,
    WorkerExecutor,
    WorkerLostError,
    run_task,
)
from lordbench.runner.plan import Plan
from lordbench.runner.run_cell import Outcome, WorkerState, run_cell
from lordbench.utils import hardware


class Config(RetriesConfig):
    """Settings.

    Attributes:
        jobs: cells at a time; each gets its share of the CPU's cores.
    """

    jobs: int = Field(1, ge=1)


def make(config: Config) -> Executor:
    """The executor: with one job, this process works by itself, and shows its bars."""
    return SerialExecutor() if config.jobs == 1 else Processes(config)


class SerialExecutor(Executor):
    """Runs one cell after another."""

    jobs = 1

    def run(self, plan: Plan, state: WorkerState, watch: Watch) -> Iterator[Outcome]:
        """Run the cells of a plan."""
        for cell in plan.cells:
            watch.started(cell)
            yield run_cell(cell, plan.images[cell.data], state)


class Processes(WorkerExecutor):
    """Runs cells in worker processes of this machine; a task's handle is the worker that it is given to."""

    def __init__(self, config: Config) -> None:
        super().__init__(config.jobs, config.retries, max(1, hardware.cores() // config.jobs))
        self.workers: list[Worker] = []
        self.idle: list[Worker] = []

    def open(self, state: WorkerState) -> None:
        """Nothing is to be got ready: workers begin with their first task."""

    def send(self, tasks: Sequence[Task]) -> list[Worker]:
        """Give each task to a worker that is idle, or new."""
        chosen = []
        for task in tasks:
            worker = self.idle.pop() if self.idle else self._begin()
            with contextlib.suppress(OSError):
                # Of a worker that has died idle, `result` hears soon enough.
                worker.pipe.send_bytes(task.model_dump_json().encode())
            chosen.append(worker)
        return chosen

    def ended(self, running: Collection[Worker], seconds: float) -> list[Worker]:
        """Those who have answered, or are gone."""
        heard = connection.wait([worker.pipe for worker in running], seconds)
        return [worker for worker in running if worker.pipe in heard]

    def result(self, handle: Worker) -> str:
        """What the worker sent; one whose pipe has broken is gone."""
        try:
            found = handle.pipe.recv_bytes().decode()
        except (EOFError, OSError):
            self.workers.remove(handle)
            raise WorkerLostError(f"a worker process died ({handle.end()})") from None
        self.idle.append(handle)
        return found

    def close(self) -> None:
        """End all workers."""
        for worker in self.workers:
            worker.process.terminate()
        for worker in self.workers:
            worker.end()

    def _begin(self) -> Worker:
        self.workers.append(Worker())
        return self.workers[-1]


class Worker:
    """A process that carries out one task after another, and ends when this one does."""

    def __init__(self) -> None:
        # Spawned, not forked: a forked child inherits torch's threads and CUDA's state, and hangs in them.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()

    def end(self) -> str:
        """Wait until the process has ended, and say how."""
        self.process.join()
        self.pipe.close()
        code = self.process.exitcode or 0
        return f"exit status {code}" if code >= 0 else signal.Signals(-code).name


def _serve(pipe: Connection) -> None:
    # Ctrl-C reaches all processes of a terminal; the run ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError):
        while True:
            pipe.send_bytes(run_task(pipe.recv_bytes().decode()).encode())


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    # At once, in the middle of whatever it is: nobody is left to want the result, and the next run goes on.
    os._exit(1)
