"""Leaderboards as people read them: on a terminal, as CSV, as Markdown, as LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lordbench.report.comparison import DIFFERENCES_LEGEND, RANKS_LEGEND, difference_boards, rank_boards
from lordbench.report.headline import LEGEND, Board, boards, broken, number
from lordbench.report.latex import latex
from lordbench.report.marks import Entry
from lordbench.report.pivot import PIVOT_LEGEND, Pivot
from lordbench.results.leaderboard import aggregate, wide

SIGNS = {"best": " *", "tied": " ≈"}
"""Marks that survive where there is neither bold type nor colour."""


def render(
    rows: pd.DataFrame,
    format_: str,
    differences: pd.DataFrame | None = None,
    pivot: Pivot | None = None,
) -> str:
    """Write the leaderboard of rows as text that ends with a line break.

    Args:
        rows: as from `collect`.
        format_: `csv` for everything, one line per method, as `wide` lays it out; `markdown` or `latex` for
            the headline tables.
        differences: of these rows, as from `paired.differences`: tables of them and of ranks follow, but in
            `csv`.
        pivot: what to show in their place, if not the headline with all that follows.
    """
    return RENDERERS[format_](rows, differences, pivot)


def rich_tables(
    rows: pd.DataFrame, differences: pd.DataFrame | None = None, pivot: Pivot | None = None
) -> list[Group]:
    """Make the tables of `render` for a terminal, each with its remarks beneath."""
    return [
        _rich_table(board, legend if board is made[-1] else "")
        for made, legend in _chapters(rows, differences, pivot)
        for board in made
    ]


def _chapters(
    rows: pd.DataFrame, differences: pd.DataFrame | None, pivot: Pivot | None
) -> Iterator[tuple[list[Board], str]]:
    """Tables that share a legend, and the legend."""
    if pivot is not None:
        yield pivot.boards(rows), PIVOT_LEGEND
        return
    yield boards(rows), LEGEND
    if differences is not None:
        yield difference_boards(rows, differences), DIFFERENCES_LEGEND
        yield rank_boards(differences), RANKS_LEGEND


def _rich_table(board: Board, legend: str) -> Group:
    remarks = [*board.notes, *([legend] if legend else [])]
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
        title=Text(board.title, style="bold"),
        title_justify="left",
    )
    for i, title in enumerate(board.header):
        table.add_column(broken(title), justify="left" if i < len(board.stub) else "right", overflow="fold")
    for i, line in enumerate(board.lines):
        if i == board.first_reference:
            table.add_section()
        cells = [_rich_cell(entry, n) for entry, n in zip(line.entries, board.decimals, strict=True)]
        table.add_row(*map(Text, board.start(line)), *cells, style="dim" if line.is_reference else "")
    # Beneath the table, not as its caption: a narrow table would squeeze it into a column.
    return Group(table, *(Text(remark, style="dim") for remark in remarks), Text())


def _rich_cell(entry: Entry, decimals: int) -> Text:
    """Value over interval, so that seven columns fit; the sign has a place of its own on each line."""
    if entry.value is None:
        return Text("–  ")
    value = Text(number(entry.value, decimals), style="bold" if entry.mark == "best" else "")
    value.append(SIGNS.get(entry.mark, "  "))
    if entry.reach is not None:
        value.append(f"\n±{entry.reach:.{decimals}f}  ", style="not bold dim")
    return value


def _csv(rows: pd.DataFrame, differences: pd.DataFrame | None, pivot: Pivot | None) -> str:
    table = wide(aggregate(rows)) if pivot is None else pivot.table(rows)
    return table.to_csv(index=False, lineterminator="\n")


def _markdown(rows: pd.DataFrame, differences: pd.DataFrame | None, pivot: Pivot | None) -> str:
    chapters = [
        "\n".join([*(line for board in made for line in _markdown_table(board)), legend]) + "\n"
        for made, legend in _chapters(rows, differences, pivot)
        if made
    ]
    return "\n".join(chapters)


def _latex(rows: pd.DataFrame, differences: pd.DataFrame | None, pivot: Pivot | None) -> str:
    return latex([board for made, _ in _chapters(rows, differences, pivot) for board in made])


def _markdown_table(board: Board) -> Iterator[str]:
    yield f"### {board.title}\n"
    yield f"| {' | '.join(board.header)} |"
    yield f"|{' --- |' * len(board.stub)}{' ---: |' * (len(board.header) - len(board.stub))}"
    for line in board.lines:
        start = (text.replace("|", "\\|") for text in board.start(line))
        cells = (_markdown_cell(entry, n) for entry, n in zip(line.entries, board.decimals, strict=True))
        yield f"| {' | '.join([*start, *cells])} |"
    yield ""
    if board.notes:
        yield "\n".join(f"- {note}" for note in board.notes) + "\n"


def _markdown_cell(entry: Entry, decimals: int) -> str:
    if entry.value is None:
        return "–"
    text = number(entry.value, decimals)
    if entry.reach is not None:
        text += f" ±{entry.reach:.{decimals}f}"
    if entry.mark == "best":
        return f"**{text}** \\*"
    return text + SIGNS.get(entry.mark, "")


RENDERERS: dict[str, Callable[[pd.DataFrame, pd.DataFrame | None, Pivot | None], str]] = {
    "csv": _csv,
    "markdown": _markdown,
    "latex": _latex,
}
