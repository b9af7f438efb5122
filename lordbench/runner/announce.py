"""What a run prints before it begins: the plan, with times where they are estimated."""

from collections.abc import Iterator, Mapping

from rich.markup import escape
from rich.table import Table

from lordbench.data import SplitName, splits
from lordbench.results.run_folder import Store
from lordbench.results.time_left import TimeLeft
from lordbench.runner.cell import Cell, DataKey
from lordbench.runner.plan import Plan
from lordbench.runner.run_cell import pending
from lordbench.runner.run_log import RunLog
from lordbench.utils.files import component_name

NOTHING_TO_DO = "nothing: done before"


def to_do(cell: Cell, store: Store, anew: bool = False) -> str:
    """What is missing of a cell, which may be trained `anew`."""
    folder = store.cell(cell.id)
    missing = list(cell.experiments) if anew else pending(cell, folder)
    every = len(missing) == len(cell.experiments) and len(missing) > 1
    experiments = f"{len(missing)} experiments" if every else ", ".join(map(component_name, missing))
    if folder.is_trained() and not anew:
        return experiments or NOTHING_TO_DO
    start = "train"
    if folder.is_trained():
        start = "train again"
    elif folder.checkpoint.exists() and not anew:
        start = "train on from checkpoint"
    return " + ".join(filter(None, (start, experiments)))


def print_plan(
    plan: Plan,
    tasks: Mapping[str, str],
    hardware: str,
    log: RunLog,
    times: Mapping[str, TimeLeft] | None = None,
) -> None:
    """Print the plan; `tasks` from `to_do` and `times` by the cell's id."""
    budget = plan.cells[0].preset.budget
    log.print(
        f"preset [bold]{escape(plan.cells[0].preset_name)}[/]: {budget} seen by each method, "
        f"batches of {budget.batch_size}; on {escape(hardware)}",
        soft_wrap=True,
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
            f"split {splits.title(images, split)}",
            soft_wrap=True,
        )
        experiments = dict.fromkeys(component_name(name) for cell in cells for name in cell.experiments)
        log.print(f"experiments: {escape(', '.join(experiments)) or 'none'}", soft_wrap=True)
        for name, reason in plan.left_out.get((key, split), {}).items():
            text = f"not applicable: {component_name(name)} ({reason})"
            log.print(f"[dim]{escape(text)}[/]", soft_wrap=True)
        log.print(_table(cells, tasks, times or {}))


def _table(cells: list[Cell], tasks: Mapping[str, str], times: Mapping[str, TimeLeft]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("method", overflow="fold")
    for name in ("seed", "cell", "to do", *(["time"] if times else [])):
        table.add_column(name, justify="right" if name == "seed" else "left", no_wrap=name != "to do")
    for row in _rows(cells, tasks, times):
        table.add_row(*map(escape, row))
    return table


def _rows(
    cells: list[Cell], tasks: Mapping[str, str], times: Mapping[str, TimeLeft]
) -> Iterator[tuple[str, ...]]:
    for cell in cells:
        row = (cell.label, str(cell.seed), cell.id, tasks[cell.id])
        yield (*row, str(times[cell.id])) if times else row
