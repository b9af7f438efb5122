"""`lordbench report` and `lordbench figure`: results as people like to look at them."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from pathlib import Path

import click

from lordbench.cli.console import ERR, OUT, runs_argument

figure_option = click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="File to write: .png, .svg or .pdf."
)


@click.command()
@runs_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("report"),
    show_default=True,
    help="Folder to write index.html into.",
)
def report(runs: tuple[Path, ...], out: Path) -> None:
    """Write one page of everything: tables, figures, pictures, failures, and how each number came to be.

    It opens from disk in any browser, and needs no network.

    \b
    Examples:
      lordbench report runs
      lordbench report runs other_machine/results.csv --out report
    """  # noqa: D301
    from lordbench.report.page.page import write_report

    with ERR.status("Comparing, drawing and writing the page"):
        file = write_report(runs, out)
    ERR.print(f"Wrote {file}", soft_wrap=True)


@click.group()
def figure() -> None:
    """Draw a figure for a paper, as PNG, SVG or PDF by the end of its name.

    \b
    Examples:
      lordbench figure tradeoff runs --out tradeoff.svg
      lordbench figure curves runs --out curves.png
      lordbench figure transfer-grid runs --pairs 8 --out transfers.pdf
    """  # noqa: D301


@figure.command()
@runs_argument
@click.option("--metric", default="lpips", show_default=True, help="Metric of transfers.")
@figure_option
def tradeoff(runs: tuple[Path, ...], metric: str, out: Path) -> None:
    """Draw leakage against transfer quality, with intervals; a panel for each data set and split.

    \b
    Example:
      lordbench figure tradeoff runs --metric ssim --out tradeoff.svg
    """  # noqa: D301
    from lordbench.report.figures import save
    from lordbench.report.figures import tradeoff as draw
    from lordbench.results.leaderboard import collect

    save(draw(collect(runs), metric), out)
    ERR.print(f"Wrote {out}", soft_wrap=True)


@figure.command()
@runs_argument
@figure_option
def curves(runs: tuple[Path, ...], out: Path) -> None:
    """Draw training curves: a panel for each method on each data set, a line for each seed and term.

    \b
    Example:
      lordbench figure curves runs --out curves.pdf
    """  # noqa: D301
    from lordbench.report.figures import curves as draw
    from lordbench.report.figures import save
    from lordbench.results.cells import cell_records

    save(draw(cell_records(runs)), out)
    ERR.print(f"Wrote {out}", soft_wrap=True)


@figure.command("transfer-grid")
@runs_argument
@click.option(
    "--picture",
    default="transfer-encoded",
    show_default=True,
    help="Which of the cells' pictures: the name of its file, without .png.",
)
@click.option("--dataset", help="Of this data set.  [default: the first]")
@click.option("--seed", type=int, help="Of this seed.  [default: the first]")
@click.option(
    "--pairs", type=click.IntRange(min=1), default=6, show_default=True, help="Lines of the figure, at most."
)
@figure_option
def transfer_grid(
    runs: tuple[Path, ...], picture: str, dataset: str | None, seed: int | None, pairs: int, out: Path
) -> None:
    """Draw what each method makes of the same pairs of images, beside the true image.

    \b
    Examples:
      lordbench figure transfer-grid runs --out transfers.pdf
      lordbench figure transfer-grid runs --picture clustered-domain --dataset drawings2cars --out domains.png
    """  # noqa: D301
    from lordbench.report.figures import save, transfers
    from lordbench.report.picture_comparisons import choose
    from lordbench.results.cells import cell_records

    save(transfers(choose(cell_records(runs), picture, dataset, seed), pairs), out)
    ERR.print(f"Wrote {out}", soft_wrap=True)


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
    from lordbench.report.status import status_json, status_view, watch
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
