"""What `lordbench status` shows of run folders."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from lordbench.results.status import CellStatus, Estimate, RunStatus, State, TimeLeft, read_status
from lordbench.utils.progress import duration

STATES: dict[State, str] = {
    "running": "cyan",
    "failed": "bold red",
    "interrupted": "yellow",
    "planned": "",
    "done": "green",
}
"""All states with their styles, in the order in which they are shown: what matters now comes first."""
SHARED = ("dataset", "split", "preset")
"""What is shown only where it differs between cells."""
SILENT_SECONDS = 30
"""A training says something more often than that, unless its process was stopped or a step takes longer."""
ENDED: tuple[State, ...] = ("done", "failed")
HOW = (
    "Time left: a training under way at the rate of its present phase; others, and experiments, by the mean "
    "of this folder's cells of the same method, data set, split and preset; ≥ where a part is unknown."
)


def status_view(runs: Sequence[RunStatus], now: datetime) -> RenderableType:
    """Tables of run folders, with a summary each.

    Args:
        runs: as read.
        now: when they were read, UTC.
    """
    return Group(*(part for run in runs for part in _run(run, now)))


def status_json(runs: Sequence[RunStatus], now: datetime) -> str:
    """The same for scripts: a JSON list of run folders, with seconds left of each cell and of the run."""
    return json.dumps([_run_fields(run, now) for run in runs], indent=2, ensure_ascii=False)


def _run_fields(run: RunStatus, now: datetime) -> dict[str, object]:
    estimate = Estimate(run, now)

    def cell(status: CellStatus) -> dict[str, object]:
        return status.model_dump(mode="json") | {"left": estimate.cell(status).model_dump()}

    return run.model_dump(mode="json") | {
        "cells": [cell(status) for status in run.cells],
        "others": [cell(status) for status in run.others],
        "counts": _counts(run.cells),
        "left": estimate.run().model_dump(),
    }


def _run(run: RunStatus, now: datetime) -> Iterable[RenderableType]:
    estimate = Estimate(run, now)
    yield f"[bold]{escape(str(run.root))}[/]: {_at_work(run, now)}"
    if run.cells:
        yield _summary(run, estimate.run())
        yield _table(run.cells, estimate, now)
    if run.others:
        yield "other cells in this folder:" if run.plan is not None else "cells in this folder:"
        yield _table(run.others, estimate, now)
    for note in (*run.notes, *(note for status in (*run.cells, *run.others) for note in status.notes)):
        yield f"[yellow]Damaged:[/] {escape(note)}"
    for status in (*run.cells, *run.others):
        if status.failure is not None:
            yield f"[bold red]Failed:[/] {escape(_name(status))}\n  traceback: {escape(str(status.failure))}"
    if run.cells and _goes_on(run):
        yield HOW


def _at_work(run: RunStatus, now: datetime) -> str:
    if run.plan is None:
        return "a run is at work" if run.alive else "no run is at work"
    plan, ago = run.plan, duration(max(0.0, (now - run.plan.began).total_seconds()))
    if not run.alive:
        return f"no run is at work; the last one began {ago} ago on {escape(plan.host)}"
    return f"running for {ago} on {escape(plan.host)} (process {plan.pid}), {plan.jobs} cells at a time"


def _table(cells: Sequence[CellStatus], estimate: Estimate, now: datetime) -> Table:
    table = Table(box=None, pad_edge=False)
    several = {field: len({getattr(status.cell, field) for status in cells}) > 1 for field in SHARED}
    shown = [field for field, varies in several.items() if varies]
    for title in ("method", *shown, "seed", "cell", "state", "how far", "time left"):
        table.add_column(title, overflow="fold")
    order = list(STATES)
    for status in sorted(cells, key=lambda status: order.index(status.state)):
        state = STATES[status.state]
        table.add_row(
            escape(status.cell.label),
            *(escape(getattr(status.cell, field)) for field in shown),
            str(status.cell.seed),
            status.cell.id,
            f"[{state}]{status.state}[/]" if state else status.state,
            escape(DETAILS[status.state](status, now)),
            "" if status.state in ENDED else _left(estimate.cell(status)),
        )
    return table


def _how_far(status: CellStatus, now: datetime) -> str:
    """A cell under way, or one that was: phase, share, rate, loss."""
    at = status.progress
    if at is None:
        return "trained" if status.train_seconds is not None else "from its checkpoint on"
    if not at.training:
        return f"{at.doing}, {at.step} of {at.steps} experiments done"
    share = "" if at.share is None else f"{at.share:.0%} of training"
    rate = f"{at.rate:.0f} images/s" if at.rate else ""
    loss = "" if at.loss is None else f"loss {at.loss:.4f}"
    return " · ".join(filter(None, (at.doing or "starting", share, rate, loss)))


def _running(status: CellStatus, now: datetime) -> str:
    at, text = status.progress, _how_far(status, now)
    if at is None:
        return text
    if not at.training:
        return f"{text}, at it for {duration(at.elapsed(now))}"
    silent = (now - at.written).total_seconds()
    return f"{text} · last heard of {duration(silent)} ago" if silent > SILENT_SECONDS else text


def _done(status: CellStatus, now: datetime) -> str:
    when = "" if status.finished is None else f"{status.finished.astimezone():%Y-%m-%d %H:%M}"
    trained = "" if status.train_seconds is None else f"trained in {duration(status.train_seconds)}"
    return ", ".join(filter(None, (when, trained)))


def _failed(status: CellStatus, now: datetime) -> str:
    return status.error


def _planned(status: CellStatus, now: datetime) -> str:
    return "trained" if status.train_seconds is not None else ""


DETAILS: dict[State, Callable[[CellStatus, datetime], str]] = {
    "planned": _planned,
    "running": _running,
    "done": _done,
    "failed": _failed,
    "interrupted": _how_far,
}


def _left(left: TimeLeft) -> str:
    if not left.is_known:
        return "unknown"
    return ("" if left.is_whole else "≥ ") + duration(left.seconds)


def _summary(run: RunStatus, left: TimeLeft) -> str:
    counts = ", ".join(f"{number} {state}" for state, number in _counts(run.cells).items() if number)
    text = f"{len(run.cells)} cells: {counts}"
    if not _goes_on(run):
        return text
    again = "" if run.alive else " once the same command is given again"
    return f"{text}; time left{again}: {_left(left)}"


def _goes_on(run: RunStatus) -> bool:
    return any(status.state not in ENDED for status in run.cells)


def _counts(cells: Iterable[CellStatus]) -> dict[State, int]:
    found = Counter(status.state for status in cells)
    return {state: found[state] for state in STATES}


def _name(status: CellStatus) -> str:
    return f"{status.cell.label} on {status.cell.dataset}, seed {status.cell.seed}"


EVERY_SECONDS = 2.0


def watch(
    roots: Sequence[Path], console: Console, sleep: Callable[[float], None] = time.sleep
) -> list[RunStatus]:
    """Show run folders as long as a run is at work in one of them, and return how they were in the end.

    Raises:
        UserError: one is no run folder.
    """
    runs = [read_status(root) for root in roots]
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(status_view(runs, datetime.now(timezone.utc)), refresh=True)
            if not any(run.alive for run in runs):
                return runs
            sleep(EVERY_SECONDS)
            runs = [read_status(root) for root in roots]
