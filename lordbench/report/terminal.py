"""Tables for the terminal, in blocks of columns where all of them are wider than it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich import table as rich_tables
from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.text import Text

from lordbench.report.tables import GREY, SIGNS, Entry, Table, broken_header

GAP = 2
"""Spaces between two columns."""
NAME_WIDTH = 18
"""Characters that the names of rows keep before the columns are divided into blocks."""


@dataclass(frozen=True)
class TerminalTable:
    """A table that rich prints at the width of its console.

    Numbers, and words of headings, are never broken. Columns that do not fit stand in further blocks below,
    each behind the names of the rows. Without `margins` values stand without their intervals. If it stands
    `apart`, an empty line follows.
    """

    table: Table
    margins: bool = True
    apart: bool = True

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        # Title and notes stand outside the grid, which would wrap them at its own width.
        yield Text(self.table.title, style="bold")
        if self.table.lead:
            yield Text(self.table.lead, style="dim")
        grids = self._grids(console, options.max_width) if self.table.header else ()
        for i, grid in enumerate(grids):
            if i:
                yield Text()
            yield grid
        for note in self.table.notes:
            yield Text(note, style="dim" if self.table.header else "")
        if self.apart:
            yield Text()

    def _grids(self, console: Console, width: int) -> Iterator[rich_tables.Table]:
        table, header = self.table, list(map(Text, broken_header(self.table)))
        rows = list(self._rows())
        # Without entries the first column names the rows.
        n_names = len(header) - len(table.decimals) if table.decimals else 1
        sizes = [
            _size(console, [title, *cells], width, right=right, is_name=i < n_names)
            for i, (title, right, *cells) in enumerate(zip(header, table.is_right, *rows, strict=True))
        ]
        for block in _blocks([size.minimum for size in sizes], n_names, width):
            grid = rich_tables.Table(
                box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, show_edge=False
            )
            for i, column_width in zip(block, _widths([sizes[i] for i in block], width), strict=True):
                grid.add_column(
                    header[i],
                    justify="right" if table.is_right[i] else "left",
                    overflow="fold",
                    width=column_width,
                )
            for i, (row, cells) in enumerate(zip(table.rows, rows, strict=True)):
                subheading = len(row.texts) + len(row.entries) < len(header)
                if subheading or i in table.rules:
                    grid.add_section()
                style = "bold" if subheading else "dim" if row.part else ""
                grid.add_row(*(cells[j] for j in block), style=style)
            yield grid

    def _rows(self) -> Iterator[list[Text]]:
        table = self.table
        columns = zip(*(row.entries for row in table.rows if row.entries), strict=True)
        # A column without marks needs no room for signs.
        room = [max(len(SIGNS.get(entry.mark, "")) for entry in column) for column in columns]
        for row in table.rows:
            entries = map(self._entry, row.entries, table.decimals, room)
            cells = [*map(Text, row.texts), *entries]
            yield [*cells, *(Text() for _ in range(len(table.header) - len(cells)))]

    def _entry(self, entry: Entry, digits: int, room: int) -> Text:
        """The value above its interval, so that seven columns fit; both leave room for a sign."""
        style = "bold" if entry.mark == "best" else "dim" if entry.mark in GREY else ""
        text = Text(entry.text(digits), style=style)
        text.append(SIGNS.get(entry.mark, "").ljust(room))
        if self.margins and entry.half_width is not None:
            text.append(f"\n{entry.margin(digits)}{' ' * room}", style="not bold dim")
        return text


def _size(console: Console, cells: Sequence[Text], width: int, *, right: bool, is_name: bool) -> Measurement:
    """The least and the full width of a column. Only words of a third of the terminal may be broken."""
    sizes = [console.measure(cell) for cell in cells]
    full = max(size.maximum for size in sizes)
    if right:
        return Measurement(full, full)
    least = max(size.minimum for size in sizes)
    if is_name:
        least = max(least, min(full, NAME_WIDTH))
    return Measurement(min(least, width // 3), full)


def _blocks(widths: Sequence[int], n_names: int, width: int) -> list[list[int]]:
    """Divide columns into blocks that fit, each of which begins with those that name the rows."""
    names = list(range(n_names))
    blocks = [names]
    for i in range(n_names, len(widths)):
        longer = [*blocks[-1], i]
        if len(blocks[-1]) > n_names and sum(widths[j] + GAP for j in longer) - GAP > width:
            blocks.append([*names, i])
        else:
            blocks[-1] = longer
    return blocks


def _widths(sizes: Sequence[Measurement], width: int) -> Iterator[int]:
    """Widths of the columns of a block: what is left goes to the first that can use it."""
    spare = width - sum(size.minimum + GAP for size in sizes) + GAP
    for size in sizes:
        more = max(0, min(spare, size.span))
        spare -= more
        yield size.minimum + more
