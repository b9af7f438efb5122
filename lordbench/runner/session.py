"""One `lordbench run`: fetch weights, plan, execute, write the tables, say what happened."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lordbench import components, splits, weights
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
from lordbench.runner.cell import Outcome, Workshop, pending
from lordbench.runner.event_files import require_tensorboard
from lordbench.runner.executor import RunFolder, execute
from lordbench.runner.identity import Cell, DataKey
from lordbench.runner.mending import mend
from lordbench.runner.plan import Plan, Request, make_plan
from lordbench.splits import SplitName

FETCHED = ("alexnet", "vgg16")
"""Weights that a run fetches by itself; Inception's are used where they are found."""
NOTHING_TO_DO = "nothing: done before"


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes:
        rows: of the cells that were asked for, with `results.row.COLUMNS`.
        failures: for each cell that failed and each method that is broken, what and why, in a line.
    """

    rows: pd.DataFrame
    failures: list[str]


def run_session(
    request: Request,
    out: Path,
    device: str,
    force: bool,
    jobs: int,
    tensorboard: bool,
    console: Console,
    messages: Console,
) -> Ended:
    """Carry out a request.

    Args:
        request: what to run.
        out: run folder.
        device: name of the device.
        force: run cells again that are done.
        jobs: cells at a time.
        tensorboard: write event files of what is run.
        console: for the tables.
        messages: for the plan, the progress bars and the warnings.

    Raises:
        UserError: the request cannot be carried out; nothing has been trained then.
    """
    if tensorboard:
        require_tensorboard()
    resolved = resolve_device(device)
    plan = make_plan(request, tracker(messages))
    with RunFolder(out) as store:
        if force:
            for cell in plan.cells:
                store.cell(cell.id).clear()
        mend(plan.cells, store, lambda text: _print_damage(text, messages))
        _record(plan, store, jobs)
        _fetch_weights(plan.weights, messages)
        precision = Precision.resolve(plan.cells[0].preset.precision, resolved).name
        to_do = {cell.id: _to_do(cell, store) for cell in plan.cells}
        _print_plan(plan, to_do, f"{device_name(resolved)}, {precision}", messages)
        if any(text != NOTHING_TO_DO for text in to_do.values()):
            _print_left_out(messages)
        outcomes = _execute(plan, Workshop(store, device, tensorboard=tensorboard), jobs, messages)
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
    _print_paths(plan, store, messages)
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


def _execute(plan: Plan, workshop: Workshop, jobs: int, messages: Console) -> list[Outcome]:
    outcomes, store = [], workshop.store
    with RunProgress(messages, len(plan.cells)) as progress:
        workshop.reporter, workshop.log = progress, progress.note

        def begin(cell: Cell) -> None:
            progress.begin(_title(cell))

        def look() -> None:
            progress.show(_under_way(plan, store))

        for outcome in execute(plan, workshop, jobs, begin, look):
            progress.end()
            outcomes.append(outcome)
            if outcome.status != "kept":
                # After each cell, not only at the end: whatever happens next, what is done can be read.
                store.write_results()
            if outcome.status == "done":
                messages.print(f"[green]✓[/] {escape(_title(outcome.cell))}")
    return outcomes


def _under_way(plan: Plan, store: Store) -> dict[str, tuple[str, CellProgress]]:
    """Title and progress of the cells under way, by id."""
    found = {}
    for cell in plan.cells:
        # What cannot be read now is looked at again in a second.
        with contextlib.suppress(OSError, ValueError):
            now = read_progress(store.cell(cell.id).progress)
            if now is not None:
                found[cell.id] = (_title(cell), now)
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


def _print_plan(plan: Plan, to_do: Mapping[str, str], hardware: str, messages: Console) -> None:
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


def _print_damage(text: str, messages: Console) -> None:
    messages.print(f"[yellow]Damaged:[/] {escape(text)}", soft_wrap=True)


def _print_left_out(messages: Console) -> None:
    """Name the metrics and experiments that cannot be loaded: rows of theirs will be missing."""
    for error in [*components.broken("metrics").values(), *components.broken("experiments").values()]:
        messages.print(f"[yellow]Left out:[/] {escape(str(error))}", soft_wrap=True)


def _by_data(cells: list[Cell]) -> dict[tuple[DataKey, SplitName], list[Cell]]:
    """Cells by the images that they are about and how these are split."""
    found: dict[tuple[DataKey, SplitName], list[Cell]] = {}
    for cell in cells:
        found.setdefault((cell.data, cell.split), []).append(cell)
    return found


def _to_do(cell: Cell, store: Store) -> str:
    folder = store.cell(cell.id)
    missing = pending(cell, folder)
    if folder.is_trained():
        return ", ".join(missing) if missing else NOTHING_TO_DO
    start = "train on from checkpoint" if folder.checkpoint.exists() else "train"
    return ", ".join([start, *missing])


def _print_paths(plan: Plan, store: Store, messages: Console) -> None:
    pictures = [path for cell in plan.cells for path in sorted(store.cell(cell.id).path.glob("*.png"))]
    messages.print(
        f"results: {store.results}\nleaderboard: {store.root / 'leaderboard.csv'} and .md\n"
        f"comparison: {store.root / 'differences.csv'} and ranks.csv",
        soft_wrap=True,
    )
    for path in pictures:
        messages.print(f"transfers: {path}", soft_wrap=True)


def _title(cell: Cell) -> str:
    return f"{cell.label} on {cell.dataset}, seed {cell.seed}"
