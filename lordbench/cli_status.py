"""`lordbench status`: how far runs have come."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from pathlib import Path

import click
from rich.console import Console

OUT = Console()
EXIT_FAILED_CELLS = 1


@click.command()
@click.argument(
    "runs", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--watch", "watched", is_flag=True, help="Show it until no run is at work any more.")
@click.option("--json", "as_json", is_flag=True, help="For scripts: all of it, as JSON, once.")
def status(runs: tuple[Path, ...], watched: bool, as_json: bool) -> None:
    """Show how far runs have come: cells planned, running, done, failed, interrupted, and the time left.

    It reads files only and disturbs no run. Exit status 1 if a cell has failed, else 0.

    \b
    Examples:
      lordbench status runs
      lordbench status runs --watch
      lordbench status runs other_runs --json
    """  # noqa: D301
    from lordbench.report.status_table import status_json, status_view
    from lordbench.report.watching import watch
    from lordbench.results.status import read_status

    if watched and as_json:
        raise click.UsageError("--watch is for people and --json for scripts: give one of them")
    if watched:
        found = watch(runs, OUT)
    else:
        found, now = [read_status(run) for run in runs], datetime.now(timezone.utc)
        if as_json:
            click.echo(status_json(found, now))
        else:
            OUT.print(status_view(found, now))
    if any(run.has_failed for run in found):
        sys.exit(EXIT_FAILED_CELLS)
