"""One `lordbench run`: fetch weights, plan, execute, write the tables, say what happened."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lordbench.config import registry
from lordbench.data import splits
from lordbench.data.splits import SplitName
from lordbench.nn import weights
from lordbench.report.leaderboard import rich_leaderboard, write_tables
from lordbench.report.progress import RunProgress, tracker
from lordbench.results.differences import differences
from lordbench.results.leaderboard import collect
from lordbench.results.loading import SampleFiles
from lordbench.results.progress import CellProgress, PlannedCell, RunPlan, read_progress
from lordbench.results.run_folder import Store
from lordbench.runner.cell import Cell, DataKey
from lordbench.runner.executors.base import Executor, Watch
from lordbench.runner.plan import Plan, Request, make_plan
from lordbench.runner.run_cell import Outcome, WorkerState, pending
from lordbench.runner.run_folder import RunFolder, repair
from lordbench.runner.watchers import require_tensorboard
from lordbench.training.checkpoints import CHECKPOINT_SECONDS
from lordbench.training.precision import Precision
from lordbench.utils.errors import UserError
from lordbench.utils.hardware import device_name, resolve_device


class RateLimited:
    """Calls a function when it is asked to, unless calls would take more than a tenth of the time.

    Writing the results of a thousand cells reads a thousand cells: after each of them would take hours.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        self.function = function
        self.not_before = 0.0

    def __call__(self) -> None:
        began = time.monotonic()
        if began >= self.not_before:
            self.function()
            ended = time.monotonic()
            self.not_before = ended + 9 * (ended - began)


NOTHING_TO_DO = "nothing: done before"


def print_plan(plan: Plan, to_do: Mapping[str, str], hardware: str, messages: Console) -> None:
    first = plan.cells[0]
    budget = first.preset.budget
    amount = f"{budget.images:,} images" if budget.images else f"{budget.epochs:g} epochs"
    messages.print(
        f"preset [bold]{escape(first.preset_name)}[/]: {amount} seen by each method, "
        f"batches of {budget.batch_size}; on {escape(hardware)}"
    )
    for (key, split), cells in _by_data(plan.cells).items():
        images = plan.images[key]
        messages.print(
            f"[bold]{escape(images.name)}[/]: {len(images):,} images of {images.size} px, "
            f"{images.n_classes} classes, "
            + (f"{len(images.content_names)} contents" if images.content_names else "contents not labelled")
            + f"; split {splits.title(images, split)}"
        )
        table = Table("method", "seed", "cell", "to do", box=None, pad_edge=False)
        for cell in cells:
            table.add_row(escape(cell.label), str(cell.seed), cell.id, to_do[cell.id])
        messages.print(table)


def print_damage(text: str, messages: Console) -> None:
    """Name a damaged file, and what is done about it."""
    messages.print(f"[yellow]Damaged:[/] {escape(text)}", soft_wrap=True)


def print_left_out(messages: Console) -> None:
    """Name the metrics and experiments that cannot be loaded: rows of theirs will be missing."""
    for error in [*registry.broken("metrics").values(), *registry.broken("experiments").values()]:
        messages.print(f"[yellow]Left out:[/] {escape(str(error))}", soft_wrap=True)


def _by_data(cells: list[Cell]) -> dict[tuple[DataKey, SplitName], list[Cell]]:
    """Cells by the images that they are about and how these are split."""
    found: dict[tuple[DataKey, SplitName], list[Cell]] = {}
    for cell in cells:
        found.setdefault((cell.data, cell.split), []).append(cell)
    return found


def to_do(cell: Cell, store: Store) -> str:
    folder = store.cell(cell.id)
    missing = pending(cell, folder)
    if folder.is_trained():
        return ", ".join(missing) if missing else NOTHING_TO_DO
    start = "train on from checkpoint" if folder.checkpoint.exists() else "train"
    return ", ".join([start, *missing])


def print_paths(plan: Plan, store: Store, messages: Console) -> None:
    pictures = [path for cell in plan.cells for path in store.cell(cell.id).pictures()]
    messages.print(
        f"results: {store.results}\nleaderboard: {store.root / 'leaderboard.csv'} and .md\n"
        f"comparison: {store.root / 'differences.csv'} and ranks.csv",
        soft_wrap=True,
    )
    for path in pictures:
        messages.print(f"transfers: {path}", soft_wrap=True)


def title(cell: Cell) -> str:
    return f"{cell.label} on {cell.dataset}, seed {cell.seed}"


FETCHED = ("alexnet", "vgg16")
"""Weights that a run fetches by itself; Inception's are used where they are found."""


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes:
        rows: of the cells that were asked for, with `results.row.COLUMNS`.
        failures: for each cell that failed and each method that is broken, what and why, in a line.
    """

    rows: pd.DataFrame
    failures: list[str]


@dataclass(frozen=True)
class RunOptions:
    """How a request is carried out; results do not depend on it.

    Attributes:
        executor: runs the cells.
        device: name of the device.
        force: run cells again that are done.
        tensorboard: write event files of what is run.
        checkpoint_seconds: between two checkpoints of a training.
    """

    executor: Executor
    device: str = "auto"
    force: bool = False
    tensorboard: bool = False
    checkpoint_seconds: float = CHECKPOINT_SECONDS


def run_session(
    request: Request, out: Path, options: RunOptions, console: Console, messages: Console
) -> RunResult:
    """Carry out a request.

    Args:
        request: what to run.
        out: run folder.
        options: how.
        console: for the tables.
        messages: for the plan, the progress bars and the warnings.

    Raises:
        UserError: the request cannot be carried out; nothing has been trained then.
    """
    if options.tensorboard:
        require_tensorboard()
    resolved = resolve_device(options.device)
    plan = make_plan(request, tracker(messages))
    with RunFolder(out) as store:
        if options.force:
            for cell in plan.cells:
                store.cell(cell.id).clear()
        repair(plan.cells, store, lambda text: print_damage(text, messages))
        _record(plan, store, options.executor.jobs)
        _fetch_weights(plan.weights, messages)
        precision = Precision.resolve(plan.cells[0].preset.precision, resolved).name
        what = {cell.id: to_do(cell, store) for cell in plan.cells}
        print_plan(plan, what, f"{device_name(resolved)}, {precision}", messages)
        if any(text != NOTHING_TO_DO for text in what.values()):
            print_left_out(messages)
        state = WorkerState(
            store,
            options.device,
            tensorboard=options.tensorboard,
            checkpoint_seconds=options.checkpoint_seconds,
        )
        outcomes = _execute(plan, state, options.executor, messages)
        rows = store.write_results()
    mine = rows
    if len(rows):
        collected, files = collect([out]), SampleFiles([out])
        compared = differences(collected, files)
        write_tables(out, collected, compared)
        mine = collected[collected["cell"].isin([cell.id for cell in plan.cells])]
        if len(mine):
            found = compared if len(mine) == len(collected) else differences(mine, files)
            console.print(*rich_leaderboard(mine, found), sep="\n")
    print_paths(plan, store, messages)
    failures = [
        f"{outcome.cell.label}, seed {outcome.cell.seed}: {outcome.error}\n"
        f"  traceback: {store.cell(outcome.cell.id).failure}"
        for outcome in outcomes
        if outcome.status == "failed"
    ]
    failures += [f"{method}: {error}" for method, error in plan.broken.items()]
    for failure in failures:
        messages.print(f"[bold red]Failed:[/] {escape(failure)}", soft_wrap=True)
    return RunResult(mine.reset_index(drop=True), failures)


def _record(plan: Plan, store: Store, jobs: int) -> None:
    """Leave the plan for `lordbench status`; what runs before left of cells under way is history now."""
    for folder in store.cells():
        folder.progress.unlink(missing_ok=True)
    cells = [PlannedCell.of(cell.model_dump()) for cell in plan.cells]
    RunPlan.begin(cells, jobs, datetime.now(timezone.utc)).write(store.plan)


def _execute(plan: Plan, state: WorkerState, executor: Executor, messages: Console) -> list[Outcome]:
    outcomes, store = [], state.store
    # After cells, not only at the end: whatever happens next, what is done can be read.
    write = RateLimited(store.write_results)
    with RunProgress(messages, len(plan.cells)) as progress:
        state.reporter, state.log = progress, progress.note

        def begin(cell: Cell) -> None:
            progress.begin(title(cell))

        def look() -> None:
            progress.show(_under_way(plan, store))

        def note(text: str) -> None:
            messages.print(f"[yellow]Lost:[/] {escape(text)}", soft_wrap=True)

        for outcome in executor.run(plan, state, Watch(begin, look, note)):
            progress.end()
            outcomes.append(outcome)
            if outcome.status != "kept":
                write()
            if outcome.status == "done":
                messages.print(f"[green]✓[/] {escape(title(outcome.cell))}")
    return outcomes


def _under_way(plan: Plan, store: Store) -> dict[str, tuple[str, CellProgress]]:
    """Title and progress of the cells under way, by id."""
    found = {}
    for cell in plan.cells:
        # What cannot be read now is looked at again in a second.
        with contextlib.suppress(OSError, ValueError):
            now = read_progress(store.cell(cell.id).progress)
            if now is not None:
                found[cell.id] = (title(cell), now)
    return found


def _fetch_weights(needed: frozenset[str], messages: Console) -> None:
    """Fetch what training needs, or stop; fetch what metrics want, or say that they go without."""
    for name in sorted(needed.union(FETCHED)):
        try:
            weights.ensure(name, tracker(messages))
        except UserError as error:
            if name in needed:
                raise
            messages.print(f"[yellow]Without {name} weights:[/] {escape(str(error))}", soft_wrap=True)
