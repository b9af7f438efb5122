"""A view that is drawn anew until there is nothing more to see."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path

from rich.console import Console
from rich.live import Live

from lordbench.report.status_table import status_view
from lordbench.results.status import RunStatus, read_status

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
