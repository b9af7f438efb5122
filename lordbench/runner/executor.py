"""Executing a plan: one cell after another in this process, or several at once in processes of their own."""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from lordbench import machine
from lordbench.errors import UserError
from lordbench.results.store import Store
from lordbench.runner.cell import Outcome, Workshop, run_cell
from lordbench.runner.identity import Cell
from lordbench.runner.plan import Plan, load_dataset

PATIENCE_SECONDS = 1.0
"""A run that begins asks this long for its folder, since `lordbench status` holds the lock for a moment."""
LOOK_SECONDS = 1.0


def execute(
    plan: Plan,
    workshop: Workshop,
    jobs: int = 1,
    started: Callable[[Cell], None] = lambda cell: None,
    look: Callable[[], None] = lambda: None,
) -> Iterator[Outcome]:
    """Run the cells of a plan, and yield each outcome as it comes.

    Args:
        plan: what to run.
        workshop: where to write, and whom to tell.
        jobs: cells at a time; each gets its share of the CPU's cores.
        started: is told of each cell that begins.
        look: called about once a second while cells run in other processes, and say nothing by themselves.
    """
    if jobs == 1:
        for cell in plan.cells:
            started(cell)
            yield run_cell(cell, plan.images[cell.data], workshop)
        return
    threads = max(1, machine.cores() // jobs)
    settings = (workshop.store.root, workshop.device, workshop.tensorboard)
    # Spawned, not forked: a forked child inherits torch's thread pools and CUDA's state, and hangs in them.
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"))
    try:
        tasks = {
            pool.submit(_run_elsewhere, cell.model_dump_json(), settings, threads): cell
            for cell in plan.cells
        }
        for cell in plan.cells:
            started(cell)
        for task in _as_completed(tasks, look):
            try:
                yield task.result()
            except BrokenProcessPool:
                yield Outcome(tasks[task], "failed", "a worker process died (killed, or out of memory)")
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _as_completed(tasks: Iterable[Future[Outcome]], look: Callable[[], None]) -> Iterator[Future[Outcome]]:
    running = set(tasks)
    while running:
        done, running = wait(running, LOOK_SECONDS, FIRST_COMPLETED)
        look()
        yield from done


class RunFolder:
    """Holds a run folder for one run at a time, and checks that it can be written.

    Raises:
        UserError: another run holds it, or it cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock = FileLock(Store(root).lock)

    def __enter__(self) -> Store:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.lock.acquire(timeout=PATIENCE_SECONDS)
        except Timeout:
            raise UserError(
                f"{self.root}: another run is writing here",
                "Wait for it, or choose another folder with --out.",
            ) from None
        except (OSError, NotImplementedError) as error:
            raise UserError(
                f"{self.root}: cannot write here: {error}", "Choose another folder with --out, or make room."
            ) from None
        return Store(self.root)

    def __exit__(self, *exception: object) -> None:
        self.lock.release()


def _run_elsewhere(cell_json: str, settings: tuple[Path, str, bool], threads: int) -> Outcome:
    """Run a cell in a worker process; it loads the data set by itself, from the cache."""
    torch.set_num_threads(threads)
    cell = Cell.model_validate_json(cell_json)
    try:
        images = load_dataset(cell.dataset, cell.data_settings).load(cell.preset.image_size)
    except UserError as error:
        return Outcome(cell, "failed", str(error))
    except Exception as error:
        # As with any other error of a cell: it ends this one only.
        return Outcome(cell, "failed", f"{type(error).__name__}: {error}")
    if images.fingerprint != cell.data_fingerprint:
        return Outcome(cell, "failed", f"{cell.dataset}: the data changed while the run was under way")
    return run_cell(cell, images, _workshop(*settings))


@functools.cache
def _workshop(root: Path, device: str, tensorboard: bool) -> Workshop:
    """One a worker process, as its cells share what no method changes."""
    return Workshop(Store(root), device, tensorboard=tensorboard)
