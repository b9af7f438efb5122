"""What a run would do and how long it would take, without training anything that is kept."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import torch
from rich.console import Console

from lordbench.data import ImageSet
from lordbench.report.progress import tracker
from lordbench.results.run_folder import Store
from lordbench.results.status import RunStatus, read_status
from lordbench.results.time_left import Estimate, Kind
from lordbench.runner.announce import NOTHING_TO_DO, print_plan, to_do
from lordbench.runner.cell import Cell, DataKey
from lordbench.runner.plan import Request, make_plan
from lordbench.runner.run_cell import WorkerState, build
from lordbench.runner.run_log import RunLog
from lordbench.runner.session import RunOptions, only_trained, require_comparable
from lordbench.runner.trackers import require_trackers
from lordbench.training import Context, DataSpec, Precision
from lordbench.training.loop import Silent
from lordbench.training.method import placed
from lordbench.utils import hardware, seeds
from lordbench.utils.errors import UserError
from lordbench.utils.parallel import limited_threads

WARM_STEPS, TRIAL_STEPS, TRIAL_SECONDS = 3, 5, 1.0
"""Steps that are not measured; least number and duration of those that are."""
HOW = (
    "Times: from this folder. About: trainings that are new here at the speed of their first steps, with "
    "the processor to themselves; experiments as others here, or half as long as the training. Nothing was "
    "written."
)


def dry_run(request: Request, out: Path, options: RunOptions, messages: Console) -> None:
    """Print the plan of a request with estimated times; the run folder is left as it is.

    UserError: as from `run_session`.
    """
    require_trackers(options.trackers)
    plan, device = make_plan(request, tracker(messages)), hardware.resolve_device(options.device)
    if options.force:
        message = "--dry-run shows what is missing, and --force repeats what is there"
        raise UserError(message, "Give one of them, or another --out.")
    store, log = Store(out), RunLog(messages, Console(quiet=True))
    require_comparable(plan, store)
    if options.only_evaluate:
        plan, _ = only_trained(plan, store)
    tasks = {cell.id: to_do(cell, store) for cell in plan.cells}
    unfinished = [cell for cell in plan.cells if tasks[cell.id] != NOTHING_TO_DO]
    jobs = options.executor.sized(plan, len(unfinished), device).jobs
    status = read_status(out, plan.begun(jobs))
    measured, problems = _measured(unfinished, plan.images, status, out, options)
    estimate = Estimate(status, datetime.now(UTC), measured)
    times = {each.cell.id: estimate.cell(each) for each in status.cells}
    name = f"{hardware.device_name(device)}, {Precision.resolve(plan.cells[0].preset.precision, device).name}"
    print_plan(plan, tasks, name, log, times)
    log.print(
        f"{len(unfinished)} of {len(plan.cells)} cells to run, {jobs} at a time: [bold]{estimate.run()}[/]"
    )
    log.print(f"[dim]{HOW}[/]", soft_wrap=True)
    for problem in problems:
        log.warn("Not tried", problem)


def _measured(
    cells: list[Cell], images: Mapping[DataKey, ImageSet], status: RunStatus, out: Path, options: RunOptions
) -> tuple[dict[Kind, float], list[str]]:
    """Seconds of a whole training of each kind of cell that was not trained yet, and what failed instead."""
    known = {each.cell.kind for each in (*status.cells, *status.others) if each.train_seconds is not None}
    state, measured = WorkerState(Store(out), options.device), dict[Kind, float]()
    problems: dict[Kind, str] = {}
    kinds = {each.cell.id: each.cell.kind for each in status.cells}
    for cell in cells:
        kind = kinds[cell.id]
        if kind not in known and kind not in measured and kind not in problems:
            try:
                measured[kind] = training_seconds(cell, images[cell.data], state)
            except Exception as error:  # The method's own.
                problems[kind] = f"{cell.label}: {type(error).__name__}: {error}"
    return measured, list(problems.values())


class _EnoughError(Exception):
    """The trial has lasted long enough."""


class _Stopwatch(Silent):
    """Measures the seconds per image of the steps after the first few, and ends the training.

    On a CPU only this thread's own time counts, not what other processes take while it is measured.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.ends, self.paces = device, list[float](), list[float]()
        self.clock = time.monotonic if device.type == "cuda" else time.thread_time

    def step(self, done: int, images: int, loss: float | None) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.ends.append(self.clock())
        if len(self.ends) <= WARM_STEPS:
            return
        self.paces.append((self.ends[-1] - self.ends[-2]) / images)
        if len(self.paces) >= TRIAL_STEPS and self.ends[-1] - self.ends[WARM_STEPS - 1] >= TRIAL_SECONDS:
            raise _EnoughError


def training_seconds(cell: Cell, images: ImageSet, state: WorkerState) -> float:
    """Seconds that a cell's training takes, at the speed of the first steps of its first phase.

    Later phases may be faster or slower. Nothing is written. TrainingDivergedError: a loss is not finite.
    """
    device = hardware.resolve_device(state.device)
    train = state.split(cell, images).train
    method = placed(build(cell, DataSpec.of(train)), device)
    budget, watch = cell.preset.budget.budget(len(train)), _Stopwatch(device)
    seed = seeds.derive(cell.seed, "training")
    context = Context(device, Precision.resolve(cell.preset.precision, device), seed, budget, watch)
    began = time.monotonic()
    try:
        with limited_threads(cell.preset.threads or torch.get_num_threads()):
            method.fit(train, context)
    except _EnoughError:
        return budget.images * median(watch.paces)
    return time.monotonic() - began
