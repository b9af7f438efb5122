"""`lordbench leaderboard`, `differences` and `compare`: results of runs, merged and compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

Command = TypeVar("Command", bound=Callable[..., Any])
OUT, ERR = Console(), Console(stderr=True)

runs_argument = click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
out_option = click.option(
    "--out", type=click.Path(path_type=Path), help="File to write; the terminal otherwise."
)


def format_option(*others: str, help_: str = "How to write it.") -> Callable[[Command], Command]:
    """Make the option `--format`: a table by default, or one of the others."""
    kinds = click.Choice(["table", *others])
    return click.option("--format", "format_", type=kinds, default="table", show_default=True, help=help_)


@click.command()
@runs_argument
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="Show this metric only; repeatable. Of what is measured in it, the headline's, unless said "
    "which, as in reconstruction/learned/reconstruction/lpips.  [default: the headline]",
)
@click.option(
    "--group-by",
    metavar="COLUMN[,COLUMN]",
    help="What the lines are: dataset, split, preset, method, seed. Whatever else differs goes across; only "
    "seeds are averaged.  [default: method]",
)
@format_option("csv", "markdown", "latex")
@out_option
@click.option(
    "--tidy",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write all merged rows, one value each: FILE.csv, to be merged again, or FILE.parquet.",
)
def leaderboard(
    runs: tuple[Path, ...],
    metrics: tuple[str, ...],
    group_by: str | None,
    format_: str,
    out: Path | None,
    tidy: Path | None,
) -> None:
    """Merge run folders and results CSVs into one leaderboard, with differences from the best and ranks.

    With --metric or --group-by, show a table of that instead.

    \b
    Examples:
      lordbench leaderboard runs
      lordbench leaderboard runs other_machine/results.csv --format latex --out table.tex
      lordbench leaderboard runs --metric lpips --metric learned/transfer/lpips
      lordbench leaderboard cars faces digits --metric lpips --group-by method    data sets across
      lordbench leaderboard runs --metric lpips --group-by seed                   methods across
      lordbench leaderboard runs more_runs --format csv --out wide.csv --tidy rows.parquet
    """  # noqa: D301
    from lordbench.report.pivot import Pivot
    from lordbench.report.tables import render, rich_tables
    from lordbench.results.leaderboard import collect
    from lordbench.results.paired import differences as paired
    from lordbench.results.sample_files import SampleFiles
    from lordbench.results.tidy import check_name, write_tidy

    if tidy is not None:
        check_name(tidy)
    rows, pivot = collect(list(runs)), Pivot.read(group_by, metrics)
    found = None if format_ == "csv" or pivot else paired(rows, SampleFiles(runs))
    if format_ == "table" and out is None:
        OUT.print(*rich_tables(rows, found, pivot), sep="\n")
    else:
        write(render(rows, "markdown" if format_ == "table" else format_, found, pivot), out)
    if tidy is not None:
        write_tidy(rows, tidy)
        ERR.print(f"Wrote {tidy}", soft_wrap=True)


@click.command()
@runs_argument
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="Compare in this metric; repeatable.  [default: what the tables show; all in CSV]",
)
@format_option("csv")
@out_option
def differences(runs: tuple[Path, ...], metrics: tuple[str, ...], format_: str, out: Path | None) -> None:
    """Compare every two methods, and methods with floors, on the same samples of the same seeds.

    Runs are folders that `lordbench run` wrote: a single seed is compared by the samples kept in them.

    \b
    Examples:
      lordbench differences runs
      lordbench differences runs --metric lpips --metric class_agreement
      lordbench differences runs other_runs --format csv --out differences.csv
    """  # noqa: D301
    from lordbench.report.difference_list import chosen, difference_tables
    from lordbench.report.written import csv
    from lordbench.results.leaderboard import collect
    from lordbench.results.paired import differences as paired
    from lordbench.results.sample_files import SampleFiles

    found = paired(collect(list(runs)), SampleFiles(runs))
    if format_ == "table" and out is None:
        OUT.print(*difference_tables(chosen(found, metrics)), sep="\n")
    else:
        write(csv(chosen(found, metrics) if metrics else found), out)


@click.command()
@click.argument("a")
@click.argument("b")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="Show this metric only; repeatable, as in `lordbench leaderboard`.  [default: the headline's; in "
    "CSV and JSON all]",
)
@click.option("--all", "everything", is_flag=True, help="Show all values, not only those of the headline.")
@format_option("markdown", "csv", "json", help_="How to write it; CSV has the values only.")
@out_option
def compare(
    a: str, b: str, metrics: tuple[str, ...], everything: bool, format_: str, out: Path | None
) -> None:
    """Show what differs between two cells or runs, and whether by more than the intervals.

    A and B are each a cell's folder, a run folder, a results CSV, or one of these with the beginning of a
    cell's id behind a colon. Two cells are compared as they are; of runs, cells of the same method on the
    same data, split and preset, and of the same seed.

    \b
    Examples:
      lordbench compare runs other_machine/runs
      lordbench compare runs/cells/047e2a5fa7e0d338 runs/cells/6203dd21ce99eed9 --all
      lordbench compare runs:047e old_runs:047e --metric lpips
      lordbench compare runs old_runs/results.csv --format json --out changes.json
    """  # noqa: D301
    from lordbench.report.sheets import rich_sheet
    from lordbench.report.side_by_side import sheets
    from lordbench.report.side_by_side_text import render
    from lordbench.results.comparing import compare as compared
    from lordbench.results.sides import read_side

    found = compared(read_side(a), read_side(b))
    if format_ == "table" and out is None:
        OUT.print(*map(rich_sheet, sheets(found, metrics, everything)), sep="\n")
    else:
        write(render(found, "markdown" if format_ == "table" else format_, metrics, everything), out)


def write(text: str, out: Path | None) -> None:
    """Write a text to a file, atomically, or to the terminal."""
    from lordbench.files import write_text

    if out is None:
        click.echo(text, nl=False)
    else:
        write_text(out, text)
        ERR.print(f"Wrote {out}")
