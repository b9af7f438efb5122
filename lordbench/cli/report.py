"""`lordbench report`, `figure` and `status`: results and progress to look at."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from lordbench.cli.console import COUNT, ERR, EXIT_FAILED, OUT, PATH, runs_argument, say

figure_option = click.option("--out", required=True, type=PATH, help="File to write: .png, .svg or .pdf.")


@click.command()
@runs_argument
@click.option("--out", type=PATH, default=Path("report"), show_default=True, help="Folder for index.html.")
def report(runs: tuple[Path, ...], out: Path) -> None:
    """Write one page with all tables, figures, pictures and failures, and the settings behind each number.

    It opens from disk in any browser, and needs no network.

    \b
    Examples:
      lordbench report runs
      lordbench report runs other_machine/results.csv --out report
    """  # noqa: D301
    from lordbench.report.page.page import write_report

    with ERR.status("Comparing, drawing and writing the page"):
        path = write_report(runs, out)
    say(f"Wrote {path}")


@click.group()
def figure() -> None:
    """Draw a figure for a paper, as PNG, SVG or PDF by the suffix of --out.

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
    """Draw leakage against transfer quality, with intervals; one panel per data set and split.

    \b
    Example:
      lordbench figure tradeoff runs --metric ssim --out tradeoff.svg
    """  # noqa: D301
    _draw("tradeoff", runs, out, metric=metric)


@figure.command()
@runs_argument
@figure_option
def curves(runs: tuple[Path, ...], out: Path) -> None:
    """Draw training curves: one panel per method and data set, one line per seed and term of the loss.

    \b
    Example:
      lordbench figure curves runs --out curves.pdf
    """  # noqa: D301
    _draw("curves", runs, out)


@figure.command("transfer-grid")
@runs_argument
@click.option("--picture", default="transfer-encoded", show_default=True,
              help="Which of the cells' pictures: its file name without .png.")  # fmt: skip
@click.option("--dataset", help="Only this data set.  [default: the first]")
@click.option("--seed", type=int, help="Only this seed.  [default: the first]")
@click.option("--pairs", type=COUNT, default=6, show_default=True, help="Rows of the figure, at most.")
@figure_option
def transfer_grid(
    runs: tuple[Path, ...], picture: str, dataset: str | None, seed: int | None, pairs: int, out: Path
) -> None:
    """Draw the outputs of all methods for the same pairs of images, beside the true image.

    \b
    Examples:
      lordbench figure transfer-grid runs --out transfers.pdf
      lordbench figure transfer-grid runs --picture clustered-domain --dataset drawings2cars --out domains.png
    """  # noqa: D301
    _draw("transfer-grid", runs, out, picture=picture, dataset=dataset, seed=seed, pairs=pairs)


def _draw(kind: str, runs: tuple[Path, ...], out: Path, **options: Any) -> None:
    from lordbench.report.figure_kinds import draw
    from lordbench.report.figures import save

    save(draw(kind, runs, **options), out)
    say(f"Wrote {out}")


@click.command()
@click.argument("runs", nargs=-1, required=True,
                type=click.Path(exists=True, file_okay=False, path_type=Path))  # fmt: skip
@click.option("--watch", "watched", is_flag=True, help="Keep showing it until no run is active.")
@click.option("--json", "as_json", is_flag=True, help="Write everything as JSON, once (for scripts).")
def status(runs: tuple[Path, ...], watched: bool, as_json: bool) -> None:
    """Show the progress of runs: cells planned, running, done, failed or interrupted, and the time left.

    Time left: estimated from the current speed and from finished trainings of the same method and data set;
    >= marks a lower bound. The command only reads files. Its exit status is 1 if a cell has failed, else 0.

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
