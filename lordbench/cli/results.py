"""`lordbench summary`, `leaderboard`, `differences`, `compare` and `claims`: results of runs, compared."""

from pathlib import Path

import click
from rich.markup import escape
from rich.text import Text

from lordbench.cli.completion import completes
from lordbench.cli.console import (
    ERR,
    OUT,
    HomePath,
    format_option,
    metric_option,
    out_option,
    runs_argument,
    say,
    write,
)
from lordbench.utils.errors import UserError


@click.command()
@runs_argument()
@click.option("--columns", metavar="NAME[,NAME]", shell_complete=completes("metrics"),
              help="Metrics to show, named as in `lordbench leaderboard --metric`.")  # fmt: skip
@format_option("markdown")
@out_option
def summary(runs: tuple[Path, ...], columns: str | None, format_: str, out: Path | None) -> None:
    """Show what a run shows last: a few values of each method, the best first, and what they say.

    Floors and real images are the best of each column. `lordbench leaderboard` has all of them.

    \b
    Examples:
      lordbench summary runs
      lordbench summary reference                            results that ship with lordbench
      lordbench summary runs --columns lpips,ssim --format markdown
    """  # noqa: D301
    from lordbench.config.selectors import split_list
    from lordbench.report.leaderboard import read
    from lordbench.report.summary import TerminalSummary, summaries, summaries_markdown

    collected = read(runs)
    found = summaries(collected.rows, collected.differences, split_list(columns or ""))
    if format_ == "table" and out is None:
        OUT.print(TerminalSummary(found, whole=True))
    else:
        write(summaries_markdown(found), out)


@click.command()
@runs_argument(required=False)
@metric_option(
    "Show only this metric (repeatable). A bare name means the one in the default table; a full path"
    " (EXPERIMENT/CODES/SUBJECT/METRIC) selects another."
)
@click.option("--columns", metavar="NAME[,NAME]", shell_complete=completes("metrics"),
              help="The same for several metrics, separated by commas: lpips,ssim.")  # fmt: skip
@click.option("--group-by", metavar="COLUMN[,COLUMN]",
              help="What the rows are: dataset, split, preset, method, seed. Everything else that differs"
              " becomes a column; only seeds are averaged.  [default: method]")  # fmt: skip
@format_option("csv", "markdown", "latex")
@out_option
@click.option("--reference", is_flag=True,
              help="Beside the results that ship with lordbench; without RUNS only these.")  # fmt: skip
@click.option("--published", "with_published", is_flag=True,
              help="Also show numbers of papers, in tables of their own; without RUNS only"
              " these.")  # fmt: skip
@click.option("--tidy", type=HomePath(dir_okay=False, path_type=Path), metavar="FILE",
              help="Also write all merged rows, one value each: FILE.csv (can be merged again) or"
              " FILE.parquet.")  # fmt: skip
def leaderboard(
    runs: tuple[Path, ...], metrics: tuple[str, ...], columns: str | None, group_by: str | None, format_: str,
    out: Path | None, reference: bool, with_published: bool, tidy: Path | None,
) -> None:  # fmt: skip
    """Merge run folders and results CSVs into one leaderboard, with mean ranks.

    Marks say whether a value differs from the best, and whether it is better than the floors.

    With --metric, --columns or --group-by, show only that table.

    \b
    Examples:
      lordbench leaderboard runs
      lordbench leaderboard runs other_machine/results.csv --format latex --out table.tex
      lordbench leaderboard runs --columns lpips,ssim,learned/transfer/lpips
      lordbench leaderboard cars faces digits --metric lpips --group-by method    columns: data sets
      lordbench leaderboard runs --metric lpips --group-by seed                   columns: methods
      lordbench leaderboard runs more_runs --format csv --out wide.csv --tidy rows.parquet
      lordbench leaderboard runs --reference                   beside those that ship with lordbench
      lordbench leaderboard --published                                       numbers of papers
    """  # noqa: D301
    if not runs and not (with_published or reference):
        raise click.UsageError("Missing argument 'RUNS...'.")
    as_stored = format_ == "table" and not any((out, metrics, columns, group_by, tidy, with_published))
    if not runs and reference and as_stored:
        _print_reference()
        return

    from lordbench.config.selectors import split_list
    from lordbench.report.leaderboard import all_tables, read, render, render_published, rich_published
    from lordbench.report.terminal import TerminalTable
    from lordbench.results.archives import reference_runs
    from lordbench.results.rows import check_name, write_tidy

    metrics += tuple(split_list(columns or ""))
    if not runs and reference:
        runs, reference = tuple(reference_runs()), False
    if not runs:
        if metrics or group_by or tidy:
            raise click.UsageError("--published alone is shown as it is; name RUNS for the other options.")
        if format_ == "table" and out is None:
            OUT.print(*rich_published(), sep="\n")
        else:
            write(render_published(format_), out)
        return
    if with_published and format_ == "csv":
        raise UserError(
            "--published: a CSV of results has no place for published numbers",
            "`lordbench leaderboard --published --format csv`, without runs, writes them alone.",
        )
    if tidy is not None:
        check_name(tidy)
    against = reference_runs() if reference else ()
    rows, compared, pivot, remarks = read(runs, group_by, metrics, against)
    if format_ == "table" and out is None:
        own = map(TerminalTable, all_tables(rows, compared, pivot))
        OUT.print(*own, *(rich_published() if with_published else ()), sep="\n")
    else:
        text = render(rows, format_, compared, pivot)
        write(f"{text}\n{render_published(format_)}" if with_published else text, out)
    for remark in remarks:
        ERR.print(f"[yellow]Reference:[/] {escape(remark)}", soft_wrap=True)
    if tidy is not None:
        write_tidy(rows, tidy)
        say(f"Wrote {tidy}")


def _print_reference() -> None:
    """Print the tables that ship with lordbench, without imports of what computes them, which take long."""
    from lordbench.report.stored_tables import tables
    from lordbench.report.terminal import TerminalTable

    OUT.print(*map(TerminalTable, tables()), sep="\n")


@click.command()
@runs_argument()
@metric_option("Compare by this metric (repeatable).  [default: those of the leaderboard; in CSV all]")
@format_option("csv")
@out_option
def differences(runs: tuple[Path, ...], metrics: tuple[str, ...], format_: str, out: Path | None) -> None:
    """Compare all pairs of methods, and methods with floors, on the same samples and seeds.

    RUNS are run folders of `lordbench run`: with a single seed, the samples stored there are compared.

    \b
    Examples:
      lordbench differences runs
      lordbench differences runs --metric lpips --metric class_agreement
      lordbench differences runs other_runs --format csv --out differences.csv
    """  # noqa: D301
    from lordbench.report.differences import difference_tables, select
    from lordbench.report.leaderboard import read
    from lordbench.report.tables import csv
    from lordbench.report.terminal import TerminalTable

    compared = read(runs).differences.table
    if format_ == "table" and out is None:
        OUT.print(*map(TerminalTable, difference_tables(select(compared, metrics))), sep="\n")
    else:
        write(csv(select(compared, metrics) if metrics else compared), out)


@click.command()
@click.argument("a")
@click.argument("b")
@metric_option(
    "Show only this metric (repeatable), as in `lordbench leaderboard`.  [default: those of the leaderboard;"
    " in CSV and JSON all]"
)
@click.option("--all", "everything", is_flag=True, help="Show all metrics, not only the leaderboard's.")
@format_option("markdown", "csv", "json", help_="Output format; CSV holds the values only.")
@out_option
def compare(
    a: str, b: str, metrics: tuple[str, ...], everything: bool, format_: str, out: Path | None
) -> None:
    """Show what differs between two cells or runs, and which differences exceed the intervals.

    A and B are each the folder of a cell, a run folder, or a results CSV; a run may be followed by a colon
    and the beginning of a cell id. Two cells are compared as they are; in runs, cells of the same method,
    data set, split, preset and seed are compared.

    \b
    Examples:
      lordbench compare runs other_machine/runs
      lordbench compare runs/cells/047e2a5fa7e0d338 runs/cells/6203dd21ce99eed9 --all
      lordbench compare runs:047e old_runs:047e --metric lpips
      lordbench compare runs old_runs/results.csv --format json --out changes.json
    """  # noqa: D301
    from lordbench.report.compare import compare_tables, render
    from lordbench.report.terminal import TerminalTable
    from lordbench.results.compare import compare as compared
    from lordbench.results.compare import read_side

    comparison = compared(read_side(a), read_side(b))
    if format_ == "table" and out is None:
        OUT.print(*map(TerminalTable, compare_tables(comparison, metrics, everything)), sep="\n")
    else:
        write(render(comparison, format_, metrics, everything), out)


@click.command()
@runs_argument()
@click.option("--claims", "file", type=HomePath(exists=True, dir_okay=False, path_type=Path),
              help="YAML file of claims.  [default: configs/claims.yaml, claims of the papers]")  # fmt: skip
@format_option("csv", "markdown")
@out_option
def claims(runs: tuple[Path, ...], file: Path | None, format_: str, out: Path | None) -> None:
    """Check the claims of papers against results: confirmed, refuted, equivalent or undecided.

    \b
    Examples:
      lordbench run --preset experiments --seeds 0,1,2 && lordbench claims runs
      lordbench claims reference                        those that ship with lordbench
      lordbench claims runs --claims mine.yaml --format markdown --out claims.md
    """  # noqa: D301
    from lordbench.report.claims import LEGEND, claim_tables, claims_markdown
    from lordbench.report.tables import csv
    from lordbench.report.terminal import TerminalTable
    from lordbench.results.claims import check_claims, read_claims
    from lordbench.results.leaderboard import collect
    from lordbench.results.loading import SampleFiles

    checked = check_claims(read_claims(file), collect(list(runs)), SampleFiles(runs))
    if format_ == "table" and out is None:
        OUT.print(*map(TerminalTable, claim_tables(checked)), Text(LEGEND, style="dim"), sep="\n")
    else:
        write(csv(checked) if format_ == "csv" else claims_markdown(checked), out)
