"""Leaderboards as people read them: on a terminal, as CSV, as Markdown, as LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lordbench.report.boards import LEGEND, Board, Entry, boards, broken, number
from lordbench.report.differences import DIFFERENCES_LEGEND, RANKS_LEGEND, difference_boards, rank_boards
from lordbench.report.pivot import PIVOT_LEGEND, Pivot
from lordbench.report.quantities import titles
from lordbench.results.differences import ranks
from lordbench.results.leaderboard import aggregate, wide
from lordbench.utils.files import write_text

PREAMBLE = r"""% Needs \usepackage{booktabs} and \usepackage{graphicx}. Bold: best. Underlined: second.
% \approx: the interval overlaps that of the best; in a table of differences, it contains 0. \pm reaches the
% farther end of the interval. A table that is wider than a line is made smaller."""
FIT = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
"""Shrinks what is too wide for a line, and leaves what is not as it is."""
SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "±": r"$\pm$",
    "≈": r"$\approx$",
    "\u00a0": "~",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def escape(text: str) -> str:
    """Write text so that LaTeX prints it as it is."""
    return "".join(SPECIAL.get(character, character) for character in text)


def latex(boards: list[Board]) -> str:
    """Write boards as LaTeX tables, one after the other."""
    return "\n".join([PREAMBLE, *(line for board in boards for line in _table(board))]) + "\n"


def _table(board: Board) -> Iterator[str]:
    yield ""
    yield r"\begin{table}"
    yield r"  \centering"
    yield rf"  \caption{{{escape(board.title)}}}\smallskip"
    yield r"  \setlength{\tabcolsep}{4pt}"
    stub = len(board.stub)
    yield f"  {FIT}"
    yield rf"  \begin{{tabular}}{{{'l' * stub}{'r' * (len(board.header) - stub)}}}"
    yield r"    \toprule"
    yield f"    {' & '.join(map(_heading, board.header))} \\\\"
    yield r"    \midrule"
    for i, line in enumerate(board.lines):
        if i == board.first_reference:
            yield r"    \midrule"
        cells = (_cell(entry, n) for entry, n in zip(line.entries, board.decimals, strict=True))
        yield f"    {' & '.join([*map(escape, board.start(line)), *cells])} \\\\"
    yield r"    \bottomrule"
    yield r"  \end{tabular}}"
    for note in board.notes:
        yield rf"  \par\smallskip\footnotesize {escape(note)}"
    yield r"\end{table}"


def _heading(title: str) -> str:
    lines = [escape(line) for line in broken(title).splitlines()]
    return lines[0] if len(lines) == 1 else r"\shortstack[r]{" + r"\\".join(lines) + "}"


def _cell(entry: Entry, decimals: int) -> str:
    if entry.value is None:
        return "--"
    # The sign alone in math: digits in math would not be bold with the text around them.
    value = number(entry.value, decimals).replace("-", "$-$")
    marked = {
        "best": rf"\textbf{{{value}}}",
        "second": rf"\underline{{{value}}}",
        "tied": rf"{value}$^{{\approx}}$",
    }.get(entry.mark, value)
    return marked if entry.reach is None else rf"{marked} {{\scriptsize$\pm${entry.reach:.{decimals}f}}}"


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


@dataclass(frozen=True)
class Sheet:
    """A table of text; without a header it is its notes only.

    Attributes:
        title: of the table.
        header: of the columns; numbers stand in those of `right`.
        lines: of cells.
        right: headings of the columns that are aligned at the right.
        notes: sentences beneath.
        lead: a sentence between title and table; empty for none.
    """

    title: str
    header: tuple[str, ...] = ()
    lines: tuple[tuple[str, ...], ...] = ()
    right: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    lead: str = ""


def rich_sheet(sheet: Sheet) -> Group:
    """Make a sheet for a terminal."""
    notes = [Text(note, style="dim" if sheet.header else "") for note in sheet.notes]
    above = [Text(sheet.title, style="bold"), *([Text(sheet.lead, style="dim")] if sheet.lead else [])]
    if not sheet.header:
        return Group(*above, *notes, Text())
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in sheet.header:
        table.add_column(name, justify="right" if name in sheet.right else "left", overflow="fold")
    for line in sheet.lines:
        table.add_row(*map(Text, line))
    # Above the table, not as its title: a narrow table would squeeze it into a column.
    return Group(*above, table, *notes, Text())


def markdown_sheet(sheet: Sheet) -> str:
    """Write a sheet as Markdown that ends with a line break."""
    parts = [f"### {sheet.title}", *([sheet.lead] if sheet.lead else [])]
    if sheet.header:
        rule = ("---:" if name in sheet.right else "---" for name in sheet.header)
        rows = [sheet.header, tuple(rule), *sheet.lines]
        parts.append(
            "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)
        )
    if sheet.notes:
        parts.append("\n".join(f"- {note}" for note in sheet.notes))
    return "\n\n".join(parts) + "\n"


def write_tables(folder: Path, rows: pd.DataFrame, differences: pd.DataFrame) -> None:
    """Write `leaderboard.csv`, `leaderboard.md`, `differences.csv` and `ranks.csv`, each atomically.

    Args:
        folder: the run folder.
        rows: as from `collect`.
        differences: of these rows, as from `paired.differences`.
    """
    write_text(folder / "leaderboard.csv", render(rows, "csv"))
    write_text(folder / "leaderboard.md", render(rows, "markdown", differences))
    write_text(folder / "differences.csv", csv(differences))
    write_text(folder / "ranks.csv", csv(ranks(differences, titles(differences))))


def csv(table: pd.DataFrame) -> str:
    """Write a table as CSV, without its index."""
    return table.to_csv(index=False, lineterminator="\n")
