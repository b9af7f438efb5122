"""Paired differences one by one: any two lines, in any quantity."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Hashable, Iterator, Mapping
from typing import Any

import pandas as pd
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lordbench.errors import UserError
from lordbench.report.comparison import TITLES
from lordbench.report.headline import arrow, decimals, group_title
from lordbench.results.leaderboard import GROUP, QUANTITY

LEGEND = (
    "a - b on the same samples of the same seeds, with its 95 % interval (one seed: of these very trainings, "
    "bootstrap over classes, for transfers also over content images; several: Student's t over the seeds' "
    "differences), not corrected for the number of comparisons. `better`, `worse`: a than b, by an interval "
    "that leaves out 0."
)


def chosen(differences: pd.DataFrame, metrics: Collection[str]) -> pd.DataFrame:
    """Differences in some metrics, whatever they were measured on; of none, in the headline's quantities.

    Raises:
        UserError: a metric is unknown here.
    """
    known = sorted(set(differences["metric"]))
    for name in metrics:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            raise UserError(
                f"--metric {name}: no two methods are compared in it"
                + (f": did you mean {close[0]}?" if close else ""),
                f"Compared are: {', '.join(known) or 'none'}.",
            )
    if metrics:
        return differences[differences["metric"].isin(list(metrics))]
    keys = differences[QUANTITY].itertuples(index=False, name=None)
    return differences[[key in TITLES for key in keys]]


def difference_tables(differences: pd.DataFrame) -> list[Group]:
    """Make a table for each group, for a terminal; the reasons why something is missing stand in it."""
    groups = list(differences.groupby(GROUP, sort=False))
    return [
        Group(_table(group_title(group), lines), *([Text(LEGEND, style="dim")] if i == len(groups) else []))
        for i, (group, lines) in enumerate(groups, start=1)
    ]


def _table(title: str, lines: pd.DataFrame) -> Table:
    table = Table(
        "quantity",
        "a",
        "b",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
        title=Text(title, style="bold"),
        title_justify="left",
    )
    for name in ("a - b", "interval", "n", "seeds"):
        table.add_column(name, justify="right")
    table.add_column("a is")
    for key, same in lines.groupby(QUANTITY, sort=False):
        table.add_section()
        name = TITLES.get(tuple(map(str, key)), "/".join(map(str, key))) + arrow(same)
        digits = decimals(pd.concat([same["difference"], same["ci_low"], same["ci_high"]]))
        for line in same.to_dict("records"):
            table.add_row(*map(Text, (name, line["method_a"], line["method_b"], *_numbers(line, digits))))
            name = ""
    return table


def _numbers(line: Mapping[Hashable, Any], digits: int) -> Iterator[str]:
    yield "–" if math.isnan(line["difference"]) else f"{line['difference']:.{digits}f}"
    low, high = line["ci_low"], line["ci_high"]
    yield "–" if math.isnan(low) else f"{low:.{digits}f} to {high:.{digits}f}"
    yield f"{line['n']:,}"
    yield str(line["n_seeds"])
    yield line["verdict"] or line["note"]
