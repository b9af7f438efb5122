"""One `lordbench run`: fetch weights, plan, execute, write the tables, say what happened."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape

from lordbench import weights
from lordbench.checkpoints import CHECKPOINT_SECONDS
from lordbench.device import Precision, device_name, resolve_device
from lordbench.errors import UserError
from lordbench.report.progress import RunProgress, tracker
from lordbench.report.tables import rich_tables
from lordbench.report.written import write_tables
from lordbench.results.leaderboard import collect
from lordbench.results.paired import differences
from lordbench.results.planned import PlannedCell, RunPlan
from lordbench.results.progress_file import CellProgress, read_progress
from lordbench.results.sample_files import SampleFiles
from lordbench.results.store import Store
from lordbench.runner.announcing import (
    NOTHING_TO_DO,
    print_damage,
    print_left_out,
    print_paths,
    print_plan,
    title,
    to_do,
)
from lordbench.runner.cell import Outcome, Workshop
from lordbench.runner.event_files import require_tensorboard
from lordbench.runner.executors.executor import Executor, Watch
from lordbench.runner.identity import Cell
from lordbench.runner.mending import mend
from lordbench.runner.plan import Plan, Request, make_plan
from lordbench.runner.run_folder import RunFolder
from lordbench.runner.sparingly import Sparingly

FETCHED = ("alexnet", "vgg16")
"""Weights that a run fetches by itself; Inception's are used where they are found."""


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes:
        rows: of the cells that were asked for, with `results.row.COLUMNS`.
        failures: for each cell that failed and each method that is broken, what and why, in a line.
    """

    rows: pd.DataFrame
    failures: list[str]


@dataclass(frozen=True)
class Manner:
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


def run_session(request: Request, out: Path, manner: Manner, console: Console, messages: Console) -> Ended:
    """Carry out a request.

    Args:
        request: what to run.
        out: run folder.
        manner: how.
        console: for the tables.
        messages: for the plan, the progress bars and the warnings.

    Raises:
        UserError: the request cannot be carried out; nothing has been trained then.
    """
    if manner.tensorboard:
        require_tensorboard()
    resolved = resolve_device(manner.device)
    plan = make_plan(request, tracker(messages))
    with RunFolder(out) as store:
        if manner.force:
            for cell in plan.cells:
                store.cell(cell.id).clear()
        mend(plan.cells, store, lambda text: print_damage(text, messages))
        _record(plan, store, manner.executor.jobs)
        _fetch_weights(plan.weights, messages)
        precision = Precision.resolve(plan.cells[0].preset.precision, resolved).name
        what = {cell.id: to_do(cell, store) for cell in plan.cells}
        print_plan(plan, what, f"{device_name(resolved)}, {precision}", messages)
        if any(text != NOTHING_TO_DO for text in what.values()):
            print_left_out(messages)
        workshop = Workshop(
            store,
            manner.device,
            tensorboard=manner.tensorboard,
            checkpoint_seconds=manner.checkpoint_seconds,
        )
        outcomes = _execute(plan, workshop, manner.executor, messages)
        rows = store.write_results()
    mine = rows
    if len(rows):
        collected, files = collect([out]), SampleFiles([out])
        compared = differences(collected, files)
        write_tables(out, collected, compared)
        mine = collected[collected["cell"].isin([cell.id for cell in plan.cells])]
        if len(mine):
            found = compared if len(mine) == len(collected) else differences(mine, files)
            console.print(*rich_tables(mine, found), sep="\n")
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
    return Ended(mine.reset_index(drop=True), failures)


def _record(plan: Plan, store: Store, jobs: int) -> None:
    """Leave the plan for `lordbench status`; what runs before left of cells under way is history now."""
    for folder in store.cells():
        folder.progress.unlink(missing_ok=True)
    cells = [PlannedCell.of(cell.model_dump()) for cell in plan.cells]
    RunPlan.begin(cells, jobs, datetime.now(timezone.utc)).write(store.plan)


def _execute(plan: Plan, workshop: Workshop, executor: Executor, messages: Console) -> list[Outcome]:
    outcomes, store = [], workshop.store
    # After cells, not only at the end: whatever happens next, what is done can be read.
    write = Sparingly(store.write_results)
    with RunProgress(messages, len(plan.cells)) as progress:
        workshop.reporter, workshop.log = progress, progress.note

        def begin(cell: Cell) -> None:
            progress.begin(title(cell))

        def look() -> None:
            progress.show(_under_way(plan, store))

        def note(text: str) -> None:
            messages.print(f"[yellow]Lost:[/] {escape(text)}", soft_wrap=True)

        for outcome in executor.run(plan, workshop, Watch(begin, look, note)):
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
