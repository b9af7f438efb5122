"""Sheets: tables of plain text, for a terminal and as Markdown."""

from __future__ import annotations

from dataclasses import dataclass

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text


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
