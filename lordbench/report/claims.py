"""Claims and what became of them, for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from lordbench.report.boards import decimals, group_title, number
from lordbench.report.quantities import titles
from lordbench.report.tables import Sheet, markdown_sheet
from lordbench.results.claims import NO_RESULTS
from lordbench.results.leaderboard import GROUP, QUANTITY

LEGEND = (
    "Confirmed: the 95 % interval of the difference leaves out 0 on the claim's side; refuted: on the other. "
    "One seed: bootstrap over what goes together; several: Student's t over seeds. The intervals are not "
    "corrected for their number."
)
HEADER = ("in", "first", "second", "difference", "95 % interval", "seeds", "the claim is")
ARROWS = {True: " ↑", False: " ↓"}


def claim_sheets(found: pd.DataFrame) -> list[Sheet]:
    """Make a table for each claim and group.

    Args:
        found: as from `claims.held`.
    """
    right = frozenset(HEADER[1:-1])
    return [
        Sheet(title, HEADER, tuple(_lines(lines)), right, lead=_lead(lines))
        for title, lines in _claims(found)
    ]


def claims_markdown(found: pd.DataFrame) -> str:
    """Write the tables as Markdown, with the legend and a line break at the end."""
    return "\n".join([*map(markdown_sheet, claim_sheets(found)), LEGEND]) + "\n"


def _claims(found: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    keys = ["claim", *GROUP]
    known = found.astype(dict.fromkeys(GROUP, object)).fillna(dict.fromkeys(GROUP, ""))
    for key, lines in known.groupby(keys, sort=False):
        claim, *group = map(str, key)
        where = group_title(group) if lines["n_seeds"].any() else f"{group[0]}: {NO_RESULTS}"
        yield f"{claim[0].upper()}{claim[1:]} ({where})", lines


def _lead(lines: pd.DataFrame) -> str:
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
            number(one[column], digits) for column in ("value", "other", "difference", "ci_low", "ci_high")
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
