"""The leaderboard: headline tables, differences from the best and mean ranks, in every format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
from rich.console import Group

from lordbench.report.boards import LEGEND, boards
from lordbench.report.differences import DIFFERENCES_LEGEND, RANKS_LEGEND, difference_boards, rank_boards
from lordbench.report.pivot import PIVOT_LEGEND, Pivot
from lordbench.report.quantities import titles
from lordbench.report.tables import Table, csv, latex, markdown, rich_table
from lordbench.results.differences import ranks
from lordbench.results.leaderboard import aggregate, wide
from lordbench.utils.files import write_text


def chapters(
    rows: pd.DataFrame, differences: pd.DataFrame | None = None, pivot: Pivot | None = None
) -> Iterator[tuple[list[Table], str]]:
    """Tables that share a legend, and the legend.

    Args:
        rows: as from `collect`.
        differences: of these rows, for tables of them and of mean ranks.
        pivot: what to show instead of the headline and all that follows it.

    Raises:
        UserError: the pivot has an unknown metric.
    """
    if pivot is not None:
        yield pivot.boards(rows), PIVOT_LEGEND
        return
    yield boards(rows), LEGEND
    if differences is not None:
        yield difference_boards(rows, differences), DIFFERENCES_LEGEND
        yield rank_boards(differences), RANKS_LEGEND


def rich_leaderboard(
    rows: pd.DataFrame, differences: pd.DataFrame | None = None, pivot: Pivot | None = None
) -> list[Group]:
    """Make the tables for the terminal; arguments as for `chapters`."""
    tables = []
    for own, legend in chapters(rows, differences, pivot):
        if own:
            tables += [*own[:-1], replace(own[-1], notes=(*own[-1].notes, legend))]
    return [rich_table(table) for table in tables]


def render(
    rows: pd.DataFrame, format_: str, differences: pd.DataFrame | None = None, pivot: Pivot | None = None
) -> str:
    """Write the leaderboard as text that ends with a line break.

    `markdown` and `latex` have the tables of `chapters`; `csv` has all values, one row per method (see
    `wide`).
    """
    return RENDERERS[format_](rows, differences, pivot)


def _csv(rows: pd.DataFrame, differences: pd.DataFrame | None, pivot: Pivot | None) -> str:
    return csv(wide(aggregate(rows)) if pivot is None else pivot.wide(rows))


def _markdown(rows: pd.DataFrame, differences: pd.DataFrame | None, pivot: Pivot | None) -> str:
    texts = (
        [*map(markdown, tables), legend + "\n"]
        for tables, legend in chapters(rows, differences, pivot)
        if tables
    )
    return "\n".join(text for chapter in texts for text in chapter)


def _latex(rows: pd.DataFrame, differences: pd.DataFrame | None, pivot: Pivot | None) -> str:
    return latex([table for tables, _ in chapters(rows, differences, pivot) for table in tables])


RENDERERS: dict[str, Callable[[pd.DataFrame, pd.DataFrame | None, Pivot | None], str]] = {
    "csv": _csv,
    "markdown": _markdown,
    "latex": _latex,
}


def write_tables(folder: Path, rows: pd.DataFrame, differences: pd.DataFrame) -> None:
    """Write `leaderboard.csv`, `leaderboard.md`, `differences.csv` and `ranks.csv`, each atomically."""
    write_text(folder / "leaderboard.csv", render(rows, "csv"))
    write_text(folder / "leaderboard.md", render(rows, "markdown", differences))
    write_text(folder / "differences.csv", csv(differences))
    write_text(folder / "ranks.csv", csv(ranks(differences, titles(differences))))
