"""Run cells on this machine: one by one in this process, or several at once in worker processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Collection, Hashable, Iterator, Sequence
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized

import torch
from pydantic import Field

from lordbench.runner.executors import base
from lordbench.runner.executors.base import Executor, Task, Watch
from lordbench.runner.plan import Plan
from lordbench.runner.run_cell import Outcome, WorkerState, run_cell
from lordbench.utils import hardware
from lordbench.utils.errors import Notice
from lordbench.utils.parallel import ALLOWED

CONTEXT = multiprocessing.get_context("spawn")
"""Spawned, not forked: a forked child inherits torch's threads and CUDA's state, and hangs in them."""
WORKER_BYTES = 2 << 30
"""Memory that a worker is expected to need: PyTorch, and the judges and metrics."""
COPIES = 2
"""Of the images in a worker: the training part, and the same channels last."""


class Config(base.RetriesConfig):
    """Settings: `jobs` cells at a time, each with an equal share of the CPU cores; None: see `Automatic`."""

    jobs: int | None = Field(None, ge=1)


def make(config: Config) -> Executor:
    """Make the executor; one job runs in this process, with progress bars of its training."""
    if config.jobs is None:
        return Automatic(config)
    return SerialExecutor() if config.jobs == 1 else Processes(config.jobs, config.retries)


class Automatic(Executor):
    """Fills a CPU: as many cells at a time as cores and memory have room for; on a GPU, one after another."""

    jobs = 1

    def __init__(self, config: Config) -> None:
        self.config = config

    def sized(self, plan: Plan, unfinished: int, device: torch.device) -> Executor:
        cores, threads = hardware.cores(), plan.cells[0].preset.threads
        largest = max(images.images.nbytes for images in plan.images.values())
        memory = hardware.available_memory() // (WORKER_BYTES + COPIES * largest)
        room = min(cores // (threads or cores), memory)
        at_once = 1 if device.type == "cuda" else max(1, min(unfinished, room))
        return make(self.config.model_copy(update={"jobs": at_once}))

    def run(self, plan: Plan, state: WorkerState, watch: Watch) -> Iterator[Outcome]:
        device = hardware.resolve_device(state.device)
        return self.sized(plan, len(plan.cells), device).run(plan, state, watch)


class SerialExecutor(Executor):
    """Runs one cell after another."""

    jobs = 1

    def run(self, plan: Plan, state: WorkerState, watch: Watch) -> Iterator[Outcome]:
        watch.ready()
        for cell in plan.cells:
            watch.started(cell)
            yield run_cell(cell, plan.images[cell.data], state)


class Processes(base.WorkerExecutor):
    """Runs cells in worker processes; the handle of a task is its worker."""

    in_two = True

    def __init__(self, jobs: int, retries: int) -> None:
        super().__init__(jobs, retries, max(1, hardware.cores() // jobs))
        self.workers: list[Worker] = []
        self.idle: list[Worker] = []
        self.share: Synchronized[int] = CONTEXT.Value("i", self.threads)

    def open(self, state: WorkerState) -> None:
        """Start with no workers, also where this executor has run a plan before; tasks start them."""
        self.workers, self.idle = [], []

    def send(self, tasks: Sequence[Task]) -> list[Worker]:
        """Give each task to an idle worker, or to a new one."""
        workers = []
        for task in tasks:
            if not self.idle:
                self.idle.append(Worker(self.share))
                self.workers.append(self.idle[-1])
            worker = max(self.idle, key=lambda worker: worker.suits(task))
            self.idle.remove(worker)
            worker.send(task)
            workers.append(worker)
        self._divide_cores()
        return workers

    def ended(self, running: Collection[Worker], seconds: float) -> list[Worker]:
        """The workers that have answered, or died."""
        ready = connection.wait([worker.pipe for worker in running], seconds)
        return [worker for worker in running if worker.pipe in ready]

    def result(self, handle: Worker) -> str:
        """What the worker sent; a broken pipe means that it died."""
        try:
            result = handle.pipe.recv_bytes().decode()
        except (EOFError, OSError):
            self.workers.remove(handle)
            raise base.WorkerLostError(f"a worker process died ({handle.end()})") from None
        self.idle.append(handle)
        self._divide_cores()
        return result

    def close(self) -> None:
        for worker in self.workers:
            worker.process.terminate()
        for worker in self.workers:
            worker.end()

    def _divide_cores(self) -> None:
        """Let the evaluations of busy workers use the cores of idle ones."""
        busy = len(self.workers) - len(self.idle)
        self.share.value = max(self.threads, hardware.cores() // max(busy, 1))


class Worker:
    """A process that runs one task after another, and ends when this process does.

    Args:
        share: threads that each worker's evaluation may use now.
    """

    def __init__(self, share: Synchronized[int]) -> None:
        self.evaluated: set[Hashable] = set()
        self.pipe, end = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=_serve, args=(end, share), daemon=True)
        # A process inherits what is blocked: Ctrl-C must not reach it before it ignores that itself.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        end.close()

    def suits(self, task: Task) -> bool:
        """Whether it has what evaluations of the task's data and seed share: judges, floors, features.

        A training needs none of it, and suits a worker that has not, so that this one stays for evaluations.
        """
        return (_shared_by(task) in self.evaluated) != task.only_train

    def send(self, task: Task) -> None:
        if not task.only_train:
            self.evaluated.add(_shared_by(task))
        with contextlib.suppress(OSError):
            # If it has died while idle, `Processes.result` notices.
            self.pipe.send_bytes(task.model_dump_json().encode())

    def end(self) -> str:
        """Wait until the process has ended, and return its exit status or signal."""
        self.process.join()
        self.pipe.close()
        code = self.process.exitcode or 0
        return f"exit status {code}" if code >= 0 else signal.Signals(-code).name


def _shared_by(task: Task) -> Hashable:
    """What evaluations that share judges, floors and features have in common."""
    cell = task.cell
    return cell.data, cell.split, cell.labels, cell.reserved, cell.seed


def _serve(pipe: Connection, share: Synchronized[int]) -> None:
    # Ctrl-C reaches all processes of a terminal, but the run ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ALLOWED.set(lambda: share.value)
    warnings.formatwarning = _notice
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError):
        while True:
            pipe.send_bytes(base.run_task(pipe.recv_bytes().decode()).encode())


def _notice(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """A notice without its place in the code, as in the process of the run."""
    where = "" if issubclass(category, Notice) else f"{filename}:{lineno}: "
    return f"{where}{getattr(category, 'label', category.__name__)}: {message}\n"


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    # At once: nobody waits for the result any more, and the next run resumes.
    os._exit(1)
