"""`lordbench leaderboard` and `lordbench differences`: results of runs, merged and compared."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

OUT, ERR = Console(), Console(stderr=True)

runs_argument = click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
out_option = click.option(
    "--out", type=click.Path(path_type=Path), help="File to write; the terminal otherwise."
)


@click.command()
@runs_argument
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "csv", "markdown", "latex"]),
    default="table",
    show_default=True,
    help="How to write it.",
)
@out_option
def leaderboard(runs: tuple[Path, ...], format_: str, out: Path | None) -> None:
    """Merge run folders and results CSVs into one leaderboard, with differences from the best and ranks.

    \b
    Examples:
      lordbench leaderboard runs
      lordbench leaderboard runs other_machine/results.csv --format latex --out table.tex
    """  # noqa: D301
    from lordbench.report.tables import render, rich_tables
    from lordbench.results.leaderboard import collect
    from lordbench.results.paired import differences as compare
    from lordbench.results.sample_files import SampleFiles

    rows = collect(list(runs))
    found = None if format_ == "csv" else compare(rows, SampleFiles(runs))
    if format_ == "table" and out is None:
        OUT.print(*rich_tables(rows, found), sep="\n")
    else:
        write(render(rows, "markdown" if format_ == "table" else format_, found), out)


@click.command()
@runs_argument
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="Compare in this metric; repeatable.  [default: what the tables show; all in CSV]",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "csv"]),
    default="table",
    show_default=True,
    help="How to write it.",
)
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
    from lordbench.results.paired import differences as compare
    from lordbench.results.sample_files import SampleFiles

    found = compare(collect(list(runs)), SampleFiles(runs))
    if format_ == "table" and out is None:
        OUT.print(*difference_tables(chosen(found, metrics)), sep="\n")
    else:
        write(csv(chosen(found, metrics) if metrics else found), out)


def write(text: str, out: Path | None) -> None:
    """Write a text to a file, atomically, or to the terminal."""
    from lordbench.files import write_text

    if out is None:
        click.echo(text, nl=False)
    else:
        write_text(out, text)
        ERR.print(f"Wrote {out}")
