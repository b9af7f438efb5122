"""Quantities that a person asks for by name: a metric's, or as much of a quantity's as it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from lordbench.errors import UserError, did_you_mean
from lordbench.report.sections import Column, titles
from lordbench.results.leaderboard import QUANTITY


def choose(table: pd.DataFrame, names: Sequence[str]) -> list[Column]:
    """Find the quantities that are asked for, with titles to tell them apart.

    A name is a quantity as `leaderboard.csv` has it, EXPERIMENT/CODES/SUBJECT/METRIC, or some of its parts in
    that order, the metric at the end: `lpips`, `learned/lpips`, `content-transfer/reconstruction/l1`. Where
    it fits several, it stands for those of the headline, if there are any; else for all of them.

    Args:
        table: with the columns of `QUANTITY` and `value`, among others.
        names: what is asked for.

    Returns:
        Columns in the order asked for, each once; those that have no value at all are left out.

    Raises:
        UserError: a name fits nothing here, or nothing that has a value.
    """
    known, valued = _quantities(table), set(_quantities(table[table["value"].notna()]))
    headline = titles(table)
    found: dict[Column, None] = {}
    for name in names:
        fitting = [column for column in known if _fits(name, column)]
        if not fitting:
            raise _unknown(name, known)
        having = [column for column in fitting if column in valued]
        if not having:
            raise UserError(
                f"--metric {name}: it has no value in these results",
                "`lordbench leaderboard` without --metric says why, beneath its tables.",
            )
        found |= dict.fromkeys([column for column in having if column[1:] in headline] or having)
    return titled(list(found), headline)


def titled(columns: Sequence[Column], headline: Mapping[tuple[str, ...], str]) -> list[Column]:
    """Give quantities their titles of the headline; their full names where they have none of their own."""
    called = [headline.get(column[1:], "") for column in columns]
    return [
        column._replace(title=title if title and called.count(title) == 1 else full_name(column))
        for column, title in zip(columns, called, strict=True)
    ]


def full_name(column: Column) -> str:
    """Name a quantity as in the columns of `leaderboard.csv`."""
    return "/".join(column[1:])


def _quantities(table: pd.DataFrame) -> list[Column]:
    """The quantities of a table in alphabetical order, without titles."""
    keys = table[QUANTITY].drop_duplicates().itertuples(index=False, name=None)
    return sorted(Column("", *key) for key in keys)


def _fits(name: str, column: Column) -> bool:
    """Whether the parts of a name are parts of the quantity, in order, the metric among them."""
    *parts, metric = name.split("/")
    rest = iter(column[1:-1])
    return metric == column.metric and all(part in rest for part in parts)


def _unknown(name: str, known: Sequence[Column]) -> UserError:
    metrics = sorted({column.metric for column in known})
    names = [*metrics, *map(full_name, known)]
    return UserError(
        f"--metric {name}: no such quantity in these results{did_you_mean(name, names)}",
        f"Metrics are: {', '.join(metrics) or 'none'}. A name may also say where it is measured, as in the "
        "columns of leaderboard.csv: EXPERIMENT/CODES/SUBJECT/METRIC.",
    )
