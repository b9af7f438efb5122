"""Paired differences from the best and mean ranks, in tables like those of the headline."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

import pandas as pd
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lordbench.report.boards import (
    NOTHING,
    Board,
    Entry,
    TableLine,
    arrow,
    decimals,
    group_title,
    number,
    remarks,
)
from lordbench.report.quantities import Column, pick, sections, titles
from lordbench.results.differences import TABLE, differences_from, mean_ranks, ranks, same_methods
from lordbench.results.leaderboard import GROUP, LINE, QUANTITY, aggregate, label, row_name
from lordbench.utils.errors import UserError, did_you_mean

DIFFERENCES_LEGEND = (
    "Each line less the best value (*) of the column, on the same samples of the same seeds; ± reaches the "
    "farther end of the 95 % interval of the difference (one seed: of these very trainings, bootstrap over "
    "classes and what else goes together; several: Student's t over the seeds' differences). "
    "≈ not told apart: the interval contains 0, or there is none. The intervals are not corrected for their "
    "number: of twenty comparisons between equals about one is told apart by chance, more where the best of "
    "many is picked out."
)
RANKS_LEGEND = (
    "Rank in a quantity: 1, and 1 more for each method that is better, and a half more for each that is not "
    "told apart, by the intervals of paired differences. Mean ranks sum up: they have no interval, and tell "
    "no two methods apart."
)
DECIMALS = 2
"""Of mean ranks."""


def difference_boards(rows: pd.DataFrame, differences: pd.DataFrame) -> list[Board]:
    """Make the tables of differences from the best method, one beside each table of the headline.

    Args:
        rows: as from `collect`.
        differences: of these rows, as from `paired.differences`.
    """
    made: list[Board] = []
    for group, lines in aggregate(rows).groupby(GROUP, sort=False):
        found = differences[(differences[GROUP] == list(group)).all(axis=1)]
        for section, columns in sections(lines):
            title = f"{group_title(group)}: {section}; differences from the best"
            made += _difference_board(title, lines, {c: _from_best(lines, found, c) for c in columns})
    return made


def rank_boards(differences: pd.DataFrame) -> list[Board]:
    """Make a table of mean ranks for each preset in which two methods or more are compared."""
    every = ranks(differences, titles(differences))
    return [_rank_board(f"mean ranks, preset {key[0]}", its) for key, its in every.groupby(TABLE, sort=False)]


def _from_best(lines: pd.DataFrame, differences: pd.DataFrame, column: Column) -> pd.DataFrame:
    """Differences of all others from the best method of a column."""
    values = pick(lines, column)
    values = values[~values["reference"] & values["value"].notna()]
    found = pick(differences, column)
    if values.empty or found.empty:
        return found[:0]
    higher_is_better = bool(found["higher_is_better"].iloc[0])
    best_first = values.sort_values("value", ascending=not higher_is_better, kind="stable")
    return differences_from(found, label(*map(str, best_first[LINE[len(GROUP) :]].iloc[0])))


def _difference_board(title: str, group: pd.DataFrame, found: dict[Column, pd.DataFrame]) -> Iterator[Board]:
    shown = {column: lines for column, lines in found.items() if lines["difference"].notna().any()}
    if not shown:
        return
    entries = {column: _entries(lines) for column, lines in shown.items()}
    made = []
    for key, mine in group.groupby(LINE, sort=False):
        name = row_name(key)
        line = tuple(entries[column].get(name, NOTHING) for column in shown)
        if line.count(NOTHING) < len(line):
            made.append(TableLine((name,), bool(mine["reference"].any()), int(mine["n_seeds"].max()), line))
    yield Board(
        title,
        columns=tuple(column.title + arrow(lines) for column, lines in shown.items()),
        decimals=tuple(decimals(pick(group, column)["value"]) for column in shown),
        lines=tuple(made),
        notes=remarks(
            {c.title: list(zip(its["method_a"], its["note"], strict=True)) for c, its in found.items()}
        ),
    )


def _entries(lines: pd.DataFrame) -> dict[str, Entry]:
    entries: dict[str, Entry] = {lines["method_b"].iloc[0]: Entry(0.0, mark="best")}
    lines = lines[lines["difference"].notna()]
    numbers = zip(lines["difference"], lines["ci_low"], lines["ci_high"], strict=True)
    for name, verdict, three in zip(lines["method_a"], lines["verdict"], numbers, strict=True):
        entries[name] = replace(Entry.of(*three), mark="" if verdict in ("better", "worse") else "tied")
    return entries


def _rank_board(title: str, ranked: pd.DataFrame) -> Board:
    """Methods by their mean rank, over all groups that hold the same methods, and in each of several."""
    groups = {
        f"{group_title(group)} ↓": mean_ranks(lines, GROUP)
        for group, lines in ranked.groupby(GROUP, sort=False)
    }
    columns = {"mean rank ↓": mean_ranks(ranked)} if same_methods(ranked) else {}
    if len(groups) > 1:
        columns |= {name: lines for name, lines in groups.items() if len(lines)}
    entries = {
        name: {method: Entry(rank) for method, rank in zip(lines["method"], lines["mean_rank"], strict=True)}
        for name, lines in columns.items()
    }
    best_first = [name for lines in columns.values() for name in lines["method"]]
    order = dict.fromkeys([*best_first, *ranked["method"]])
    return Board(
        title,
        columns=tuple(columns),
        decimals=(DECIMALS,) * len(columns),
        lines=tuple(
            TableLine((name,), False, 1, tuple(entries[column].get(name, NOTHING) for column in columns))
            for name in order
        ),
        notes=tuple(_rank_notes(ranked)),
    )


def _rank_notes(ranked: pd.DataFrame) -> Iterator[str]:
    quantities = ranked.drop_duplicates([*GROUP, *QUANTITY])
    n_groups = len(ranked.drop_duplicates(GROUP))
    counted = int(quantities["counted"].sum())
    where = f" in {n_groups} tables" if n_groups > 1 else ""
    yield f"{counted} quantities{where} count: those that all methods of a table have and are compared in"
    if not same_methods(ranked):
        yield "no mean over tables: they hold different methods"
    for note, lines in quantities[quantities["note"] != ""].groupby("note", sort=False):
        called = titles(lines)
        names = [called[key] for key in lines[QUANTITY].itertuples(index=False, name=None)]
        yield f"not counted, as {note}: {', '.join(dict.fromkeys(names))}"


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
