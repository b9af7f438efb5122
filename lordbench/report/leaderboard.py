"""The leaderboard: headline tables and mean ranks, in every format."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from lordbench.report.boards import LEGEND, boards
from lordbench.report.pivot import PIVOT_LEGEND, Pivot
from lordbench.report.published import LEGEND as LEGEND_PUBLISHED
from lordbench.report.published import published_tables
from lordbench.report.quantities import titles
from lordbench.report.ranks import RANKS_LEGEND, rank_boards
from lordbench.report.tables import Table, csv, latex, markdown, with_legend
from lordbench.report.terminal import TerminalTable
from lordbench.results.differences import Differences
from lordbench.results.leaderboard import aggregate, collect, wide
from lordbench.results.loading import SampleFiles
from lordbench.results.marks import marked
from lordbench.results.published import published, tidy
from lordbench.results.ranks import ranks
from lordbench.results.reference import beside, together
from lordbench.utils.files import write_text


class Collected(NamedTuple):
    """Rows of run folders with their paired differences, the requested pivot, if any, and remarks."""

    rows: pd.DataFrame
    differences: Differences
    pivot: Pivot | None
    remarks: list[str]


def read(
    runs: Sequence[Path],
    group_by: str | None = None,
    metrics: Sequence[str] = (),
    against: Sequence[Path] = (),
) -> Collected:
    """Read run folders and results CSVs; `group_by` and `metrics` as in `Pivot.read`.

    Results in `against` stand beside those of `runs` where they can be compared; remarks say where not.

    Raises:
        UserError: as `collect` and `Pivot.read`.
    """
    rows, pivot = collect(runs), Pivot.read(group_by, metrics)
    rows, remarks = with_others(rows, runs, against)
    compared = Differences(rows, SampleFiles([*runs, *against]), pivot.apart if pivot else ())
    return Collected(rows, compared, pivot, remarks)


def with_others(
    rows: pd.DataFrame, runs: Sequence[Path], against: Sequence[Path]
) -> tuple[pd.DataFrame, list[str]]:
    """Add to collected rows of `runs` those of other runs that can be compared; and say which can not."""
    if not against:
        return rows, []
    others, missing = beside(rows, runs, against)
    return together(rows, others), missing


def chapters(
    rows: pd.DataFrame,
    differences: Differences,
    pivot: Pivot | None = None,
    means: pd.DataFrame | None = None,
) -> Iterator[tuple[list[Table], str]]:
    """Tables of collected rows that share a legend, and the legend.

    `means`, if they are known already, are the rows averaged and marked, as for `boards`.

    `differences` are those of the rows, by seed if the `pivot` needs that (`Pivot.apart`). A pivot is shown
    instead of all other tables; it raises UserError if it has an unknown metric.
    """
    if pivot is not None:
        yield pivot.boards(rows, differences), PIVOT_LEGEND
        return
    yield boards(rows, differences, means), LEGEND
    yield rank_boards(rows), RANKS_LEGEND


def all_tables(
    rows: pd.DataFrame,
    differences: Differences,
    pivot: Pivot | None = None,
    means: pd.DataFrame | None = None,
) -> list[Table]:
    """Make all tables, with their legends among the notes; arguments as for `chapters`."""
    parts = chapters(rows, differences, pivot, means)
    return [table for tables, legend in parts for table in with_legend(tables, legend)]


def frame(rows: pd.DataFrame, differences: Differences, pivot: Pivot | None = None) -> pd.DataFrame:
    """Lay out all values, or those of the pivot, one row per method: see `wide` and `Pivot.wide`."""
    return pivot.wide(rows, differences) if pivot else wide(marked(aggregate(rows), differences))


def render(rows: pd.DataFrame, format_: str, differences: Differences, pivot: Pivot | None = None) -> str:
    """Write the leaderboard as text that ends with a line break.

    `csv` has the values of `frame`; `latex`, and Markdown for any other format, have
    the tables of `chapters`.
    """
    if format_ == "csv":
        return csv(frame(rows, differences, pivot))
    parts = [(tables, legend) for tables, legend in chapters(rows, differences, pivot) if tables]
    if format_ == "latex":
        return latex([table for tables, _ in parts for table in tables])
    return "\n".join(text for tables, legend in parts for text in (*map(markdown, tables), legend + "\n"))


def rich_published() -> list[TerminalTable]:
    """Make the tables of published numbers for the terminal."""
    return [
        TerminalTable(table) for table in with_legend(list(published_tables(published())), LEGEND_PUBLISHED)
    ]


def render_published(format_: str) -> str:
    """Write published numbers as text that ends with a line break; in `csv` one value a row."""
    found = published()
    if format_ == "csv":
        return csv(tidy(found))
    tables = list(published_tables(found))
    if format_ == "latex":
        return latex(tables)
    return "\n".join([*map(markdown, tables), LEGEND_PUBLISHED + "\n"])


def write_tables(folder: Path, rows: pd.DataFrame, differences: Differences) -> None:
    """Write `leaderboard.csv`, `leaderboard.md`, `differences.csv` and `ranks.csv`, each atomically."""
    write_text(folder / "leaderboard.csv", render(rows, "csv", differences))
    write_text(folder / "leaderboard.md", render(rows, "markdown", differences))
    write_text(folder / "differences.csv", csv(differences.table))
    write_text(folder / "ranks.csv", csv(ranks(rows, titles(rows))))
