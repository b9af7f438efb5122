"""Tables: one model, and writers for Markdown, LaTeX and CSV; `report.terminal` shows them."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from lordbench.results.names import Mark, group_parts, group_title

if TYPE_CHECKING:
    import pandas as pd

SIGNS: dict[Mark, str] = {
    "best": " *", "tied": " ≈", "no interval": " ?", "floor": " ▽", "collapsed": " †",
}  # fmt: skip
"""Marks where there is neither bold type nor colour."""
GREY: frozenset[Mark] = frozenset({"floor", "collapsed"})
"""Marks of values that are shown in grey."""
LATEX_MARKS: dict[Mark, str] = {
    "best": r"\textbf{%s}", "tied": r"%s$^{\approx}$", "no interval": "%s$^{?}$",
    "floor": r"%s$^{\bigtriangledown}$", "collapsed": r"%s$^{\dagger}$",
}  # fmt: skip
NONE = "–"
"""Text of a missing value."""
HEADING_WIDTH = 12
"""Characters of a line in the heading of a column of entries."""

PREAMBLE = r"""% Needs \usepackage{booktabs} and \usepackage{graphicx}, which scales tables of many columns.
% Bold: best. \approx: not significantly different from it. ?: no interval of the difference.
% \bigtriangledown: not better than a floor. \dagger: a training has collapsed.
% \pm: the larger half-width of the 95 % confidence interval."""
FIT = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
"""Scales down what is wider than a line."""
MOST_UNSCALED = 6
"""Columns with intervals that fit a line of the usual one-column styles."""
LATEX_SPECIAL = str.maketrans({
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "`": r"\textasciigrave{}",
    "↑": r"$\uparrow$", "↓": r"$\downarrow$", "±": r"$\pm$", "≈": r"$\approx$",
    "▽": r"$\bigtriangledown$", "†": r"$\dagger$", "\u00a0": "~",
    **{character: f"\\{character}" for character in "&%$#_{}"},
})  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A value of a table with its 95 % interval; None if missing.

    `source` has the values of `LINE` and `QUANTITY` of the results behind it, if any.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    mark: Mark = ""
    source: tuple[Hashable, ...] = field(default=(), compare=False)

    @classmethod
    def of(
        cls, value: float, low: float, high: float, mark: Mark = "", source: tuple[Hashable, ...] = ()
    ) -> Entry:
        """Make an entry from the numbers of a data frame, where NaN stands for a missing one."""
        known = [None if math.isnan(x) else float(x) for x in (value, low, high)]
        return cls(known[0], known[1], known[2], mark, source)

    @property
    def half_width(self) -> float | None:
        """The larger half-width of the interval."""
        if self.value is None or self.low is None or self.high is None:
            return None
        return max(self.value - self.low, self.high - self.value)

    def text(self, digits: int) -> str:
        """The value with so many digits after the point."""
        return NONE if self.value is None else number(self.value, digits)

    def margin(self, digits: int) -> str:
        """`±` and the half-width, or nothing."""
        return "" if self.half_width is None else f"±{self.half_width:.{digits}f}"

    def line(self, digits: int) -> str:
        """The value and its margin in one line."""
        return f"{self.text(digits)} {self.margin(digits)}".rstrip()


NOTHING = Entry()


@dataclass(frozen=True)
class Row:
    """A row of a table: texts, then entries. With fewer texts than the header has, it is a subheading.

    `part`: 0 methods, 1 controls, 2 floors and ceilings.
    """

    texts: tuple[str, ...]
    entries: tuple[Entry, ...] = ()
    part: int = 0


@dataclass(frozen=True)
class Table:
    """A table, or only its title and notes if it has no header.

    Attributes:
        heading: what it shows.
        header: titles of all columns; those of entries come last, with ↑ or ↓ for the better direction.
        rows: methods, then controls, then floors and ceilings.
        decimals: digits after the point, for each column of entries.
        right: titles of text columns that are aligned to the right.
        lead: a sentence between title and table; empty for none.
        group: the values of `GROUP` of all its results; empty if they are of several groups, or of none.
    """

    heading: str
    header: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    decimals: tuple[int, ...] = ()
    right: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    lead: str = ""
    group: tuple[Hashable, ...] = ()

    @property
    def title(self) -> str:
        """What it shows, and of which results."""
        return f"{group_title(self.group)}: {self.heading}" if self.group else self.heading

    @property
    def columns(self) -> tuple[str, ...]:
        """Titles of the columns of entries."""
        return self.header[len(self.header) - len(self.decimals) :]

    @property
    def rules(self) -> frozenset[int]:
        """Indices of the rows below a rule, which separates the parts."""
        return frozenset(i for i, (a, b) in enumerate(pairwise(self.rows), 1) if a.part != b.part)

    @property
    def is_right(self) -> tuple[bool, ...]:
        """Whether each column is aligned to the right."""
        n_texts = len(self.header) - len(self.decimals)
        return tuple(i >= n_texts or title in self.right for i, title in enumerate(self.header))


def markdown(table: Table) -> str:
    """Write a table as Markdown that ends with a line break."""
    parts = [f"### {table.title}", *([table.lead] if table.lead else [])]
    if table.header:
        rule = "".join(" ---: |" if right else " --- |" for right in table.is_right)
        rows = [_markdown_row(table.header), f"|{rule}"]
        for row in table.rows:
            cells = [*row.texts, *map(_markdown_entry, row.entries, table.decimals)]
            rows.append(_markdown_row([*cells, *[""] * (len(table.header) - len(cells))]))
        parts.append("\n".join(rows))
    if table.notes:
        parts.append("\n".join(f"- {note}" for note in table.notes))
    return "\n\n".join(parts) + "\n"


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _markdown_entry(entry: Entry, digits: int) -> str:
    text = entry.line(digits)
    return f"**{text}** \\*" if entry.mark == "best" else text + SIGNS.get(entry.mark, "")


def latex(tables: Sequence[Table]) -> str:
    """Write tables as LaTeX, one after the other, without those that have no header."""
    lines = (line for table in tables if table.header for line in _latex_table(table))
    return "\n".join([PREAMBLE, *lines]) + "\n"


def latex_escape(text: str) -> str:
    """Escape text so that LaTeX prints it unchanged."""
    return text.translate(LATEX_SPECIAL)


def _latex_table(table: Table) -> Iterator[str]:
    columns = "".join("r" if right else "l" for right in table.is_right)
    begin, end = (f"{FIT}\n  ", "}") if len(columns) > MOST_UNSCALED else ("", "")
    yield rf"""
\begin{{table}}
  \centering
  \caption{{{latex_escape(_caption(table))}}}\smallskip
  \setlength{{\tabcolsep}}{{4pt}}
  {begin}\begin{{tabular}}{{{columns}}}
    \toprule
    {" & ".join(map(_latex_heading, broken_header(table)))} \\
    \midrule"""
    for i, row in enumerate(table.rows):
        if i in table.rules:
            yield r"    \midrule"
        entries = map(_latex_entry, row.entries, table.decimals)
        yield f"    {' & '.join([*map(latex_escape, row.texts), *entries])} \\\\"
    yield f"    \\bottomrule\n  \\end{{tabular}}{end}"
    for note in table.notes:
        yield rf"  \par\smallskip\footnotesize {latex_escape(note)}"
    yield r"\end{table}"


def _caption(table: Table) -> str:
    """The title of a table in the words of a paper."""
    title = table.heading
    if table.group:
        data, split, preset, warning = group_parts(table.group)
        *official, held_out = split.split()
        split = " ".join([*official, "held-out", held_out])
        title = f"{title} on {data}, {split}, {preset} configuration{warning}"
    return title[:1].upper() + title[1:]


def _latex_heading(title: str) -> str:
    lines = [latex_escape(line) for line in title.splitlines()]
    return lines[0] if len(lines) == 1 else r"\shortstack[r]{" + r"\\".join(lines) + "}"


def _latex_entry(entry: Entry, digits: int) -> str:
    if entry.value is None:
        return "--"
    # Only the sign in math mode: digits there would not be bold with the text around them.
    value = entry.text(digits).replace("-", "$-$")
    marked = LATEX_MARKS.get(entry.mark, "%s") % value
    if entry.half_width is None:
        return marked
    return rf"{marked} {{\scriptsize$\pm${entry.half_width:.{digits}f}}}"


def csv(frame: pd.DataFrame) -> str:
    """Write a data frame as CSV, without its index."""
    return frame.to_csv(index=False, lineterminator="\n")


def broken_header(table: Table) -> Iterator[str]:
    """Titles of columns, long ones of entries broken into lines between words but not before an arrow."""
    n_texts = len(table.header) - len(table.decimals)
    yield from table.header[:n_texts]
    for title in table.columns:
        kept = title.replace(" ↑", "\u00a0↑").replace(" ↓", "\u00a0↓")
        yield textwrap.fill(kept, HEADING_WIDTH, break_long_words=False)


def with_legend(tables: Sequence[Table], legend: str) -> list[Table]:
    """Add a legend to the notes of the last table, if there is one."""
    return [*tables[:-1], *(replace(last, notes=(*last.notes, legend)) for last in tables[-1:])]


def footnotes(notes: Mapping[str, Sequence[tuple[str, str]]]) -> tuple[str, ...]:
    """Return each note once, with its columns, and with its rows if it does not concern all of them.

    `notes` has by the title of a column the name and the note (empty for none) of each row.
    """
    titles: dict[str, list[str]] = {}
    for title, rows in notes.items():
        for note in dict.fromkeys(note for _, note in rows if note):
            names = [name for name, own in rows if own == note]
            where = "" if len(names) == len(rows) else f" ({', '.join(names)})"
            titles.setdefault(f"{where}: {note}", []).append(title)
    return tuple(", ".join(columns) + note for note, columns in titles.items())


def decimals(values: pd.Series[float]) -> int:
    """Digits after the point that give the largest value three significant ones; from 1 to 4."""
    largest = float(values.abs().max())
    return 3 if largest == 0 else int(min(max(3 - math.log10(largest), 1), 4))


def interval_text(low: float, high: float, digits: int) -> str:
    """Write the ends of an interval; NaN stands for none."""
    return NONE if math.isnan(low) else f"{number(low, digits)} to {number(high, digits)}"


def number(value: float, digits: int) -> str:
    """Write a value with so many digits after the point; a rounded zero has no sign."""
    return f"{round(value, digits) + 0.0:.{digits}f}"
