"""`lordbench leaderboard`, `differences` and `compare`: results of runs, merged and compared."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from lordbench.cli.console import ERR, OUT, format_option, out_option, runs_argument, write


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
    from lordbench.report.leaderboard import render, rich_leaderboard
    from lordbench.report.pivot import Pivot
    from lordbench.results.differences import differences as paired
    from lordbench.results.leaderboard import collect
    from lordbench.results.loading import SampleFiles
    from lordbench.results.rows import check_name, write_tidy

    if tidy is not None:
        check_name(tidy)
    rows, pivot = collect(list(runs)), Pivot.read(group_by, metrics)
    found = None if format_ == "csv" or pivot else paired(rows, SampleFiles(runs))
    if format_ == "table" and out is None:
        OUT.print(*rich_leaderboard(rows, found, pivot), sep="\n")
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
    from lordbench.report.differences import difference_tables, select
    from lordbench.report.tables import csv, rich_table
    from lordbench.results.differences import differences as paired
    from lordbench.results.leaderboard import collect
    from lordbench.results.loading import SampleFiles

    found = paired(collect(list(runs)), SampleFiles(runs))
    if format_ == "table" and out is None:
        OUT.print(*map(rich_table, difference_tables(select(found, metrics))), sep="\n")
    else:
        write(csv(select(found, metrics) if metrics else found), out)


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
    from lordbench.report.compare import compare_tables, render
    from lordbench.report.tables import rich_table
    from lordbench.results.compare import compare as compared
    from lordbench.results.compare import read_side

    found = compared(read_side(a), read_side(b))
    if format_ == "table" and out is None:
        OUT.print(*map(rich_table, compare_tables(found, metrics, everything)), sep="\n")
    else:
        write(render(found, "markdown" if format_ == "table" else format_, metrics, everything), out)


@click.command()
@runs_argument
@click.option(
    "--claims",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file of claims.  [default: those of the papers, configs/claims.yaml]",
)
@format_option("csv", "markdown")
@out_option
def claims(runs: tuple[Path, ...], file: Path | None, format_: str, out: Path | None) -> None:
    """Hold the papers' claims against results: confirmed, refuted, or not told apart, with intervals.

    \b
    Examples:
      lordbench run --preset experiments --seeds 0,1,2 && lordbench claims runs
      lordbench claims runs --claims mine.yaml --format markdown --out claims.md
    """  # noqa: D301
    from lordbench.report.claims import LEGEND, claim_tables, claims_markdown
    from lordbench.report.tables import csv, rich_table
    from lordbench.results.claims import check_claims, read_claims
    from lordbench.results.leaderboard import collect
    from lordbench.results.loading import SampleFiles

    found = check_claims(read_claims(file), collect(list(runs)), SampleFiles(runs))
    if format_ == "table" and out is None:
        OUT.print(*map(rich_table, claim_tables(found)), Text(LEGEND, style="dim"), sep="\n")
    else:
        write(csv(found) if format_ == "csv" else claims_markdown(found), out)
