"""What a run says of itself: what it is going to do, and where things are in the end."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lordbench import components, splits
from lordbench.results.store import Store
from lordbench.runner.cell import pending
from lordbench.runner.identity import Cell, DataKey
from lordbench.runner.plan import Plan
from lordbench.splits import SplitName

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
    for error in [*components.broken("metrics").values(), *components.broken("experiments").values()]:
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
