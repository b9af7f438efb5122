"""What `lordbench status` shows of run folders."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from lordbench.results.progress import CellProgress
from lordbench.results.status import ENDED, CellStatus, RunStatus, State, read_status
from lordbench.results.time_left import Estimate, TimeLeft
from lordbench.utils.progress import duration

STATES: dict[State, str] = {
    "running": "cyan", "failed": "bold red", "interrupted": "yellow", "trained": "cyan",
    "planned": "", "done": "green",
}  # fmt: skip
"""Styles of all states, in the order in which cells are shown."""
COLUMNS_IF_DIFFERENT = ("dataset", "split", "preset")
SILENT_SECONDS = 30
"""A training without a sign of life for longer than this was stopped, or a step of it takes that long."""
EVERY_SECONDS = 2.0
"""Between two looks of `watch`."""
LEGEND = (
    "Time left: from the current speed and from what has finished of the same method and data set; about: "
    "times of others stand in; ≥: a lower bound."
)


def watch(
    roots: Sequence[Path], console: Console, sleep: Callable[[float], None] = time.sleep
) -> list[RunStatus]:
    """Show run folders until no run is running in them, and return their last status.

    Raises:
        UserError: one is not a run folder.
    """
    runs = [read_status(root) for root in roots]
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(status_view(runs, datetime.now(UTC)), refresh=True)
            if not any(run.alive for run in runs):
                return runs
            sleep(EVERY_SECONDS)
            runs = [read_status(root) for root in roots]


def status_json(runs: Sequence[RunStatus], now: datetime) -> str:
    """Write run folders as a JSON list, with the seconds left of each cell and of the run."""
    documents = []
    for run in runs:
        fields, estimate = run.model_dump(mode="json"), Estimate(run, now)
        for values, status in zip(fields["cells"] + fields["others"], (*run.cells, *run.others), strict=True):
            values["left"] = estimate.cell(status).model_dump()
        documents.append(fields | {"counts": _counts(run.cells), "left": estimate.run().model_dump()})
    return json.dumps(documents, indent=2)


def status_view(runs: Sequence[RunStatus], now: datetime) -> RenderableType:
    """Tables of run folders that were read at `now` (UTC), each with a summary."""
    return Group(*(part for run in runs for part in _run(run, now)))


def _run(run: RunStatus, now: datetime) -> Iterable[RenderableType]:
    estimate = Estimate(run, now)
    cells = (*run.cells, *run.others)
    yield f"[bold]{escape(str(run.root))}[/]: {_activity(run, now)}"
    if run.cells:
        yield _summary(run, estimate.run())
        yield _table(run.cells, estimate, now)
    if run.others:
        yield "other cells in this folder:" if run.plan is not None else "cells in this folder:"
        yield _table(run.others, estimate, now)
    for note in (*run.notes, *(note for status in cells for note in status.notes)):
        yield f"[yellow]Damaged:[/] {escape(note)}"
    for status in cells:
        if status.failure is not None:
            yield f"[bold red]Failed:[/] {escape(status.cell.title)}"
            yield f"  traceback: {escape(str(status.failure))}"
    if _is_unfinished(run):
        yield LEGEND


def _activity(run: RunStatus, now: datetime) -> str:
    if run.plan is None:
        return "running" if run.alive else "not running"
    plan, ago = run.plan, duration(max(0.0, (now - run.plan.began).total_seconds()))
    if not run.alive:
        return f"not running; the last run began {ago} ago on {escape(plan.host)}"
    return f"running for {ago} on {escape(plan.host)} (process {plan.pid}), {plan.jobs} at a time"


def _summary(run: RunStatus, left: TimeLeft) -> str:
    counts = ", ".join(f"{number} {state}" for state, number in _counts(run.cells).items() if number)
    again = "" if run.alive else " when the same command is run again"
    rest = f"; time left{again}: {left}" if _is_unfinished(run) else ""
    return f"{len(run.cells)} cells: {counts}{rest}"


def _table(cells: Sequence[CellStatus], estimate: Estimate, now: datetime) -> Table:
    table = Table(box=None, pad_edge=False)
    shown = [name for name in COLUMNS_IF_DIFFERENT if len({getattr(s.cell, name) for s in cells}) > 1]
    for title in ("method", *shown, "seed", "cell", "state", "progress", "time left"):
        table.add_column(title, overflow="fold")
    for status in sorted(cells, key=lambda status: list(STATES).index(status.state)):
        style = STATES[status.state]
        table.add_row(
            escape(status.cell.label),
            *(escape(getattr(status.cell, name)) for name in shown),
            str(status.cell.seed),
            status.cell.id,
            f"[{style}]{status.state}[/]" if style else status.state,
            escape(_details(status, now)),
            "" if status.state in ENDED else str(estimate.cell(status)),
        )
    return table


def _details(status: CellStatus, now: datetime) -> str:
    """What the state of a cell leaves open."""
    if status.state == "failed":
        return status.error
    if status.state == "done":
        when = "" if status.finished is None else f"{status.finished.astimezone():%Y-%m-%d %H:%M}"
        trained = "" if status.train_seconds is None else f"trained in {duration(status.train_seconds)}"
        return ", ".join(filter(None, (when, trained)))
    if status.state == "trained":
        return "waits for its evaluation"
    if status.state != "planned" and status.progress is not None:
        return _progress(status.progress, now if status.state == "running" else None)
    if status.train_seconds is not None:
        return "trained"
    if status.state == "planned":
        return ""
    return "resumes from its checkpoint" if status.has_checkpoint else "is trained again"


def _progress(at: CellProgress, now: datetime | None) -> str:
    """Phase, share, speed and loss; at `now` also how long a running cell has been silent, if it has."""
    if not at.training:
        since = f", running for {duration(at.elapsed(now))}" if now else ""
        return f"{at.doing}, {at.step} of {at.steps} experiments done{since}"
    silent = (now - at.written).total_seconds() if now else 0.0
    parts = (
        at.doing or "starting",
        "" if at.share is None else f"{at.share:.0%} of training",
        "" if at.loss is None else f"loss {at.loss:.4f}",
        f"{at.rate:.0f} images/s" if at.rate else "",
        f"last update {duration(silent)} ago" if silent > SILENT_SECONDS else "",
    )
    return " · ".join(filter(None, parts))


def _is_unfinished(run: RunStatus) -> bool:
    return any(status.state not in ENDED for status in run.cells)


def _counts(cells: Iterable[CellStatus]) -> dict[State, int]:
    counts = Counter(status.state for status in cells)
    return {state: counts[state] for state in STATES}
