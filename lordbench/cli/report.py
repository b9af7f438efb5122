"""`lordbench report` and `status`: results and progress to look at."""

import contextlib
import gc
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from lordbench.cli.console import ERR, EXIT_FAILED, OUT, PATH, HomePath, runs_argument, say


@click.command()
@runs_argument()
@click.option("--out", type=PATH, default=Path("report"), show_default=True, help="Folder for index.html.")
def report(runs: tuple[Path, ...], out: Path) -> None:
    """Write one page with all tables, figures, pictures and failures, and the settings behind each number.

    It opens from disk in any browser, and needs no network.

    \b
    Examples:
      lordbench report runs
      lordbench report runs other_machine/results.csv --out report
    """  # noqa: D301
    with ERR.status("Comparing, drawing and writing the page"), _no_garbage_collection():
        from lordbench.report.page.page import write_report

        path = write_report(runs, out)
    say(f"Wrote {path}")


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """A page is made of millions of objects and few cycles: to look for these takes a tenth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@click.command()
@click.argument("runs", nargs=-1, required=True,
                type=HomePath(exists=True, file_okay=False, path_type=Path))  # fmt: skip
@click.option("--watch", "watched", is_flag=True, help="Keep showing it until no run is active.")
@click.option("--json", "as_json", is_flag=True, help="Write everything as JSON, once (for scripts).")
def status(runs: tuple[Path, ...], watched: bool, as_json: bool) -> None:
    """Show the progress of runs: the state of each cell, and the time left.

    A cell is planned, running, trained (it waits for its evaluation), done, failed or interrupted. Time left:
    from the current speed and from what has finished of the same method and data set; "about" where times of
    others stand in; >= marks a lower bound. The command only reads files. Its exit status is 1 if a cell has
    failed, else 0.

    \b
    Examples:
      lordbench status runs
      lordbench status runs --watch
      lordbench status runs other_runs --json
    """  # noqa: D301
    from lordbench.report.status import status_json, status_view, watch
    from lordbench.results.status import read_status

    if watched and as_json:
        raise click.UsageError("--watch is for people and --json for scripts: give one of them")
    statuses = watch(runs, OUT) if watched else [read_status(run) for run in runs]
    now = datetime.now(UTC)
    if as_json:
        print(status_json(statuses, now))
    elif not watched:
        OUT.print(status_view(statuses, now))
    if any(run.has_failed for run in statuses):
        sys.exit(EXIT_FAILED)
