"""One `lordbench run`: plan, fetch weights, execute, write and print the tables."""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lordbench.config import registry
from lordbench.data import SplitName, splits
from lordbench.nn import weights
from lordbench.report.leaderboard import rich_leaderboard, write_tables
from lordbench.report.progress import ProgressLines, RunProgress, tracker
from lordbench.report.summary import rich_summary
from lordbench.results.differences import differences
from lordbench.results.leaderboard import collect
from lordbench.results.loading import SampleFiles
from lordbench.results.progress import CellProgress, PlannedCell, RunPlan, read_progress
from lordbench.results.run_folder import Store
from lordbench.results.status import Estimate, read_status
from lordbench.runner.cell import Cell, DataKey
from lordbench.runner.executors.base import Executor, Watch
from lordbench.runner.plan import Plan, Request, make_plan
from lordbench.runner.run_cell import Outcome, WorkerState, pending
from lordbench.runner.run_folder import open_run_folder, repair
from lordbench.runner.run_log import RunLog, run_log
from lordbench.training.checkpoints import CHECKPOINT_SECONDS
from lordbench.training.precision import Precision
from lordbench.utils.errors import UserError, require_package
from lordbench.utils.hardware import device_name, resolve_device
from lordbench.utils.progress import duration

FETCHED = ("alexnet", "vgg16")
"""Weights that a run fetches by itself; Inception's are used if they are found."""
NOTHING_TO_DO = "nothing: done before"


@dataclass(frozen=True)
class RunOptions:
    """How a request is run; results do not depend on it.

    `force` runs finished cells again; `verbose` prints all tables, not the summary alone.
    """

    executor: Executor
    device: str = "auto"
    force: bool = False
    tensorboard: bool = False
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    verbose: bool = False


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes:
        rows: of the requested cells, with `results.rows.COLUMNS`.
        failures: for each failed cell and each broken method, its name and the reason.
    """

    rows: pd.DataFrame
    failures: list[str]


def run_session(
    request: Request, out: Path, options: RunOptions, console: Console, messages: Console
) -> RunResult:
    """Run a request in the folder `out`. Tables go to `console`, everything else to `messages`.

    Raises:
        UserError: the request cannot be run; nothing has been trained then.
    """
    if options.tensorboard:
        need = "--tensorboard needs the package tensorboard, which is not installed"
        require_package("tensorboard", need, "Install it: pip install 'lordbench[tensorboard]'.")
    device = resolve_device(options.device)
    plan = make_plan(request, tracker(messages))
    with open_run_folder(out) as store, run_log(messages, store.log) as log:
        if options.force:
            for cell in plan.cells:
                store.cell(cell.id).clear()
        repair(plan.cells, store, lambda text: _warn(log, "Damaged", text))
        # For `lordbench status`: the plan, without the progress of earlier, interrupted runs.
        for folder in store.cells():
            folder.progress.unlink(missing_ok=True)
        cells = [PlannedCell.of(cell.model_dump()) for cell in plan.cells]
        to_do = {cell.id: _to_do(cell, store) for cell in plan.cells}
        unfinished = sum(text != NOTHING_TO_DO for text in to_do.values())
        executor = options.executor.sized(unfinished, plan.cells[0].preset.threads, device)
        RunPlan.begin(cells, executor.jobs, datetime.now(UTC)).write(store.plan)
        fetch_weights(plan.weights, log)
        precision = Precision.resolve(plan.cells[0].preset.precision, device).name
        _print_plan(plan, to_do, f"{device_name(device)}, {precision}", log)
        if unfinished:
            # Rows of components that cannot be loaded will be missing.
            for error in [*registry.broken("metrics").values(), *registry.broken("experiments").values()]:
                _warn(log, "Left out", error)
        state = WorkerState(store, options.device, options.tensorboard, options.checkpoint_seconds)
        outcomes = execute(plan, state, executor, log)
        rows = store.write_results()
        if len(rows):
            rows = _write_and_print_tables(out, plan, console, options.verbose)
            _print_next(out, log)
        failures = []
        for outcome in (outcome for outcome in outcomes if outcome.status == "failed"):
            trace = store.cell(outcome.cell.id).failure
            where = f"\n  traceback: {trace}" if trace.exists() else ""
            failures.append(f"{outcome.cell.label}, seed {outcome.cell.seed}: {outcome.error}{where}")
        failures += [f"{method}: {error}" for method, error in plan.broken.items()]
        for failure in failures:
            log.print(f"[bold red]Failed:[/] {escape(failure)}", soft_wrap=True)
    return RunResult(rows.reset_index(drop=True), failures)


def fetch_weights(needed: frozenset[str], log: RunLog) -> None:
    """Fetch the weights of training and metrics; only those of training are required."""
    for name in sorted(needed.union(FETCHED)):
        try:
            weights.ensure(name, tracker(log.console))
        except UserError as error:
            if name in needed:
                raise
            _warn(log, f"Without {name} weights", error)


def execute(plan: Plan, state: WorkerState, executor: Executor, log: RunLog) -> list[Outcome]:
    """Run the cells of a plan with progress bars, and return how each ended; writes `results.csv`."""
    outcomes, not_before, n_cells = list[Outcome](), 0.0, len(plan.cells)

    def running() -> dict[str, tuple[str, CellProgress]]:
        return _running(plan, state.store)

    def done() -> str:
        left = _time_left(state.store)
        return f"{len(outcomes)} of {n_cells} cells done" + (f", {left} left" if left else "")

    lines = ProgressLines(log.progress, running, done)
    with RunProgress(log.console, n_cells, lambda: _time_left(state.store), lines.look) as progress:
        state.reporter, state.log = progress, progress.note
        watch = Watch(
            started=lambda cell: progress.begin(cell.title),
            look=lambda: progress.show(running()),
            note=lambda text: _warn(log, "Lost", text),
        )
        for outcome in executor.run(plan, state, watch):
            progress.end()
            outcomes.append(outcome)
            began = time.monotonic()
            if outcome.status != "kept" and began >= not_before:
                # Whatever happens next, finished cells can be read. Writing reads all cells, so it gets a
                # tenth of the time: after each of a thousand cells it would take hours.
                state.store.write_results()
                ended = time.monotonic()
                not_before = ended + 9 * (ended - began)
            if outcome.status == "done":
                log.print(f"[green]✓[/] {escape(_took(outcome.cell, state.store))}", soft_wrap=True)
    return outcomes


def _took(cell: Cell, store: Store) -> str:
    """The title of a finished cell, and how long it took."""
    folder = store.cell(cell.id)
    training = duration(folder.provenance().train_seconds)
    experiments = duration(sum(folder.experiment_seconds().values()))
    return f"{cell.title}: trained in {training}, evaluated in {experiments}"


def _time_left(store: Store) -> str:
    """Estimate of the time left, as `lordbench status` gives it; empty where nothing is known yet."""
    left = Estimate(read_status(store.root), datetime.now(UTC)).run()
    return str(left) if left.is_known else ""


def _running(plan: Plan, store: Store) -> dict[str, tuple[str, CellProgress]]:
    """Title and progress of the running cells, by id."""
    running = {}
    for cell in plan.cells:
        # A file that cannot be read at this moment is read again in a second.
        with contextlib.suppress(OSError, ValueError):
            if progress := read_progress(store.cell(cell.id).progress):
                running[cell.id] = (cell.title, progress)
    return running


def _write_and_print_tables(out: Path, plan: Plan, console: Console, verbose: bool) -> pd.DataFrame:
    """Write the tables of the whole run folder, print the plan's summary, and return the plan's rows."""
    rows, samples = collect([out]), SampleFiles([out])
    compared = differences(rows, samples)
    write_tables(out, rows, compared)
    planned = rows[rows["cell"].isin([cell.id for cell in plan.cells])]
    if len(planned):
        compared = compared if len(planned) == len(rows) else differences(planned, samples)
        if verbose:
            console.print(*rich_leaderboard(planned, compared), sep="\n")
        console.print(*rich_summary(planned, compared), sep="\n")
    return planned


def _to_do(cell: Cell, store: Store) -> str:
    folder = store.cell(cell.id)
    missing = pending(cell, folder)
    if folder.is_trained():
        return ", ".join(missing) if missing else NOTHING_TO_DO
    start = "train on from checkpoint" if folder.checkpoint.exists() else "train"
    return ", ".join([start, *missing])


def _print_plan(plan: Plan, to_do: Mapping[str, str], hardware: str, log: RunLog) -> None:
    budget = plan.cells[0].preset.budget
    log.print(
        f"preset [bold]{escape(plan.cells[0].preset_name)}[/]: {budget} seen by each method, "
        f"batches of {budget.batch_size}; on {escape(hardware)}"
    )
    by_data: dict[tuple[DataKey, SplitName], list[Cell]] = {}
    for cell in plan.cells:
        by_data.setdefault((cell.data, cell.split), []).append(cell)
    for (key, split), cells in by_data.items():
        images = plan.images[key]
        names = images.content_names
        log.print(
            f"[bold]{escape(images.name)}[/]: {len(images):,} images of {images.size} px, "
            f"{images.n_classes} classes, {f'{len(names)} contents' if names else 'contents not labelled'}; "
            f"split {splits.title(images, split)}"
        )
        table = Table("method", "seed", "cell", "to do", box=None, pad_edge=False)
        for cell in cells:
            table.add_row(escape(cell.label), str(cell.seed), cell.id, to_do[cell.id])
        log.print(table)


def _print_next(out: Path, log: RunLog) -> None:
    """Say where everything else is."""
    log.print(
        f"pictures and curves: lordbench report {escape(str(out))}\n"
        f"all tables: lordbench leaderboard {escape(str(out))}; every value: {escape(str(out))}/results.csv",
        soft_wrap=True,
    )


def _warn(log: RunLog, title: str, text: object) -> None:
    log.print(f"[yellow]{title}:[/] {escape(str(text))}", soft_wrap=True)
