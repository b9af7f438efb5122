"""Paired differences one by one: any two lines, in any quantity."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lordbench.errors import UserError, did_you_mean
from lordbench.report.headline import arrow, decimals, group_title, number, remarks
from lordbench.report.sections import titles
from lordbench.results.leaderboard import GROUP, QUANTITY

LEGEND = (
    "a - b on the same samples of the same seeds, with its 95 % interval (one seed: of these very trainings, "
    "bootstrap over classes and what else goes together; several: Student's t over the seeds' "
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
            raise UserError(
                f"--metric {name}: no two methods are compared in it{did_you_mean(name, known)}",
                f"Compared are: {', '.join(known) or 'none'}.",
            )
    if metrics:
        return differences[differences["metric"].isin(list(metrics))]
    keys = differences[QUANTITY].itertuples(index=False, name=None)
    headline = titles(differences)
    # A list of nothing would choose columns.
    return differences[pd.Series([key in headline for key in keys], differences.index, dtype=bool)]


def difference_tables(differences: pd.DataFrame) -> list[Group]:
    """Make a table for each group, for a terminal; beneath stands what is missing, and why."""
    groups = list(differences.groupby(GROUP, sort=False))
    return [
        _table(group_title(group), lines, LEGEND if i == len(groups) else "")
        for i, (group, lines) in enumerate(groups, start=1)
    ]


def _table(title: str, lines: pd.DataFrame, legend: str) -> Group:
    table = Table(
        "a - b",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
        title=Text(title, style="bold"),
        title_justify="left",
    )
    for name in ("difference", "interval", "n", "seeds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("a is", no_wrap=True)
    notes, called = {}, titles(lines)
    for key, same in lines.groupby(QUANTITY, sort=False):
        name = called.get(tuple(map(str, key)), "/".join(map(str, key)))
        pairs = same["method_a"] + " and " + same["method_b"]
        notes[name] = list(zip(pairs, same["note"], strict=True))
        _add(table, name + arrow(same), same[same["ci_low"].notna()])
    beneath = [*remarks(notes), *([legend] if legend else [])]
    return Group(table, *(Text(text, style="dim") for text in beneath), Text())


def _add(table: Table, name: str, lines: pd.DataFrame) -> None:
    """Add the lines of one quantity beneath its name."""
    if lines.empty:
        return
    digits = decimals(pd.concat([lines["difference"], lines["ci_low"], lines["ci_high"]]))
    table.add_section()
    table.add_row(Text(name, style="bold"))
    for line in lines.to_dict("records"):
        table.add_row(
            Text(f"{line['method_a']} - {line['method_b']}"),
            number(line["difference"], digits),
            f"{number(line['ci_low'], digits)} to {number(line['ci_high'], digits)}",
            f"{line['n']:,}",
            str(line["n_seeds"]),
            line["verdict"],
        )
