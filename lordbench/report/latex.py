"""Leaderboards as LaTeX: one booktabs table per board, ready to be pasted into a paper."""

from __future__ import annotations

from collections.abc import Iterator

from lordbench.report.headline import Board, broken, number
from lordbench.report.marks import Entry

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
