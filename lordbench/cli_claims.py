"""`lordbench claims`: what papers claim of methods, held against results."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from lordbench.cli_results import OUT, format_option, out_option, runs_argument, write


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
    from lordbench.report.claim_list import LEGEND, claim_sheets, claims_markdown
    from lordbench.report.sheets import rich_sheet
    from lordbench.report.written import csv
    from lordbench.results.claims import held, read_claims
    from lordbench.results.leaderboard import collect
    from lordbench.results.sample_files import SampleFiles

    found = held(read_claims(file), collect(list(runs)), SampleFiles(runs))
    if format_ == "table" and out is None:
        OUT.print(*map(rich_sheet, claim_sheets(found)), Text(LEGEND, style="dim"), sep="\n")
    else:
        write(csv(found) if format_ == "csv" else claims_markdown(found), out)
