"""Claims and what became of them, for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lordbench.report.headline import decimals, group_title
from lordbench.report.sections import titles
from lordbench.results.claims import NOT_THERE
from lordbench.results.leaderboard import GROUP, QUANTITY

LEGEND = (
    "Confirmed: the 95 % interval of the difference leaves out 0 on the claim's side; refuted: on the other. "
    "One seed: bootstrap over what goes together; several: Student's t over seeds. The intervals are not "
    "corrected for their number."
)
HEADER = ("in", "first", "second", "difference", "95 % interval", "seeds", "the claim is")
ARROWS = {True: " ↑", False: " ↓"}


def claim_tables(found: pd.DataFrame) -> list[Group]:
    """Make a table for each claim and group."""
    made = []
    for title, lines in _claims(found):
        table = Table(*HEADER[:1], box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True,
                      title=Text(title, style="bold"), title_justify="left")  # fmt: skip
        for name in HEADER[1:-1]:
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column(HEADER[-1], no_wrap=True)
        for cells in _lines(lines):
            table.add_row(*map(Text, cells))
        made.append(Group(Text(_subtitle(lines), style="dim"), table, Text()))
    return [*made, Group(Text(LEGEND, style="dim"))]


def claims_markdown(found: pd.DataFrame) -> str:
    """Write the same as Markdown, with a line break at the end."""
    parts = []
    for title, lines in _claims(found):
        rows = [f"| {' | '.join(cells)} |" for cells in _lines(lines)]
        head = [f"| {' | '.join(HEADER)} |", f"| --- |{' ---: |' * (len(HEADER) - 2)} --- |"]
        parts.append("\n".join([f"### {title}\n", f"{_subtitle(lines)}\n", *head, *rows, ""]))
    return "\n".join([*parts, LEGEND]) + "\n"


def _claims(found: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    keys = ["claim", *GROUP]
    known = found.astype(dict.fromkeys(GROUP, object)).fillna(dict.fromkeys(GROUP, ""))
    for key, lines in known.groupby(keys, sort=False):
        claim, *group = map(str, key)
        where = group_title(group) if lines["n_seeds"].any() else f"{group[0]}: {NOT_THERE}"
        yield f"{claim[0].upper()}{claim[1:]} ({where})", lines


def _subtitle(lines: pd.DataFrame) -> str:
    one = lines.iloc[0]
    return f"{one['better']} (first) against {one['than']} (second); {one['source']}"


def _lines(lines: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    called = titles(lines)
    for one in lines.to_dict("records"):
        key = tuple(str(one[name]) for name in QUANTITY)
        name = called.get(key, "/".join(key))
        if not one["n_seeds"]:
            yield (name, "–", "–", "–", "–", "0", str(one["note"]))
            continue
        digits = decimals(
            pd.Series([one[column] for column in ("value", "other", "difference")], dtype=float)
        )
        value, other, gap, low, high = (
            f"{one[column]:.{digits}f}" for column in ("value", "other", "difference", "ci_low", "ci_high")
        )
        verdict = str(one["verdict"] or one["note"])
        interval = f"{low} to {high}" if one["verdict"] else "–"
        yield (
            name + ARROWS[bool(one["higher_is_better"])],
            value,
            other,
            gap,
            interval,
            str(one["n_seeds"]),
            verdict,
        )
