"""The values that figures show: of methods, of the best floor, and of real images in one quantity."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pandas as pd

from lordbench.report.boards import method_names
from lordbench.report.quantities import LEAKAGE, PROBE, TRANSFER, Column, keys, pick, titles
from lordbench.results.leaderboard import CEILING, FLOOR, aggregate, is_ceiling, is_floor, parts
from lordbench.results.names import GROUP, group_title
from lordbench.utils.errors import UserError

LEAK = Column("class leak", LEAKAGE, "encoded", "class from content", PROBE)


class Value(NamedTuple):
    """A value and the ends of its 95 % interval; NaN for none."""

    value: float
    low: float = math.nan
    high: float = math.nan


class Quantity(NamedTuple):
    """One quantity of one group of comparable results.

    `floor` and `real` are a reference's name and value: the best floor that does not win by construction, and
    what real images reach or their pixels reveal; None if there is none.
    """

    title: str
    methods: dict[str, Value]
    floor: tuple[str, Value] | None
    real: tuple[str, Value] | None
    higher_is_better: bool | None


def quantity(means: pd.DataFrame, column: Column) -> Quantity:
    """Read one quantity of `aggregate`d results of one group, methods in the order of tables."""
    return read(pick(means, column), column)


def read(own: pd.DataFrame, column: Column) -> Quantity:
    """Read a quantity from its rows."""
    own = own[own["value"].notna()]
    names = method_names(own)["method"]
    values = pd.Series(
        list(map(Value._make, keys(own[["value", "ci_low", "ci_high"]]))), own.index, dtype=object
    )
    directions = own["higher_is_better"].dropna()
    higher = bool(directions.iloc[0]) if len(directions) else None
    sign = -1 if higher is False else 1

    def best(is_one: Sequence[bool]) -> tuple[str, Value] | None:
        chosen = [(name, value) for name, value, yes in zip(names, values, is_one, strict=True) if yes]
        return max(chosen, key=lambda named: sign * named[1].value, default=None)

    methods = {name: value for name, value, part in zip(names, values, parts(own), strict=True) if part == 0}
    floor = best([is_floor(name, column.experiment, column.metric) for name in names])
    real = best(list(map(is_ceiling, names)))
    arrow = "" if higher is None else " ↑" if higher else " ↓"
    return Quantity(column.title + arrow, methods, floor, real, higher)


def short(reference: str) -> str:
    """The name of a floor or ceiling without its kind."""
    return reference.removeprefix(FLOOR).removeprefix(CEILING)


def grouped(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The title and the means of each group of comparable results, of collected rows or of their means."""
    averaged = rows if "n_seeds" in rows else aggregate(rows)
    for group, means in averaged.groupby(GROUP, sort=False):
        yield group_title(group), means


def transfer_column(means: pd.DataFrame, metric: str) -> Column:
    """A metric of content transfer with its title in tables, or its own name."""
    key = TRANSFER, "encoded", "transfer", metric
    return Column(titles(means).get(key, metric.replace("_", " ")), *key)


def only(rows: pd.DataFrame, dataset: str | None) -> pd.DataFrame:
    """The collected rows of one data set, named as in tables or without its settings; all without a name.

    Raises:
        UserError: there is no such data set in the rows.
    """
    if dataset is None:
        return rows
    full = rows["dataset"] + ("[" + rows["data_settings"] + "]").where(rows["data_settings"] != "", "")
    chosen = rows[(rows["dataset"] == dataset) | (full == dataset)]
    if chosen.empty:
        raise UserError(
            f"--dataset {dataset}: not in these results", f"Data sets here: {', '.join(sorted(set(full)))}."
        )
    return chosen.reset_index(drop=True)
