"""Paired differences: from the best method, as mean ranks, and of every two methods."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

import pandas as pd

from lordbench.report.boards import EntryColumn, arrow, group_title, lay_out, method_names
from lordbench.report.quantities import Column, pick, sections, titles
from lordbench.report.tables import NOTHING, Entry, Row, Table, decimals, footnotes, number
from lordbench.results.differences import (
    OTHER_SAMPLES,
    TABLE,
    differences_from,
    mean_ranks,
    ranks,
    same_methods,
)
from lordbench.results.leaderboard import GROUP, LINE, QUANTITY, aggregate, label
from lordbench.utils.errors import UserError, did_you_mean

NOT_CORRECTED = (
    "Not corrected for multiple comparisons: about 1 in 20 comparisons of equal methods looks significant."
)
DIFFERENCES_LEGEND = (
    "Difference from the best method (*), on the same test pairs and seeds, with its 95 % interval. With one "
    "seed it does not cover the variation between trainings. ≈ not significantly different (the interval "
    f"contains 0) or no interval. {NOT_CORRECTED}"
)
RANKS_LEGEND = (
    "Rank = 1 + number of significantly better methods + ½ per tie. A summary only: do not test methods by "
    "mean rank."
)
LIST_LEGEND = (
    "a - b on the same test pairs and seeds, with its 95 % interval. With one seed it does not cover the "
    "variation between trainings. a is better or worse: the interval does not contain 0. "
    f"{NOT_CORRECTED}"
)
LIST_HEADER = ("a - b", "difference", "interval", "n", "seeds", "a is")
RANK_DECIMALS = 2


def difference_boards(rows: pd.DataFrame, differences: pd.DataFrame) -> list[Table]:
    """Make a table of differences from the best method for each headline table of collected rows."""
    tables = []
    for group, means in aggregate(rows).groupby(GROUP, sort=False):
        own = differences[(differences[GROUP] == list(group)).all(axis=1)]
        for section, columns in sections(means):
            title = f"{group_title(group)}: {section}; differences from the best"
            from_best = {column: _from_best(means, own, column) for column in columns}
            if any(values["difference"].notna().any() for values in from_best.values()):
                tables.append(_difference_table(title, means, from_best))
    return tables


def _from_best(means: pd.DataFrame, differences: pd.DataFrame, column: Column) -> pd.DataFrame:
    """Differences of all others from the best method in a column."""
    values = pick(means, column)
    values = values[~values["reference"] & values["value"].notna()]
    own = pick(differences, column)
    if values.empty or own.empty:
        return own[:0]
    higher_is_better = bool(own["higher_is_better"].iloc[0])
    best_first = values.sort_values("value", ascending=not higher_is_better, kind="stable")
    return differences_from(own, label(*map(str, best_first[LINE[len(GROUP) :]].iloc[0])))


def _difference_table(title: str, means: pd.DataFrame, from_best: dict[Column, pd.DataFrame]) -> Table:
    columns = [
        EntryColumn(column.title + arrow(own), decimals(pick(means, column)["value"]), _entries(own))
        for column, own in from_best.items()
        if own["difference"].notna().any()
    ]
    notes: dict[str, list[tuple[str, str]]] = {}
    elsewhere: dict[str, None] = {}
    for column, own in from_best.items():
        named = list(zip(own["method_a"], own["note"], strict=True))
        notes[column.title] = [(name, "" if note == OTHER_SAMPLES else note) for name, note in named]
        elsewhere |= dict.fromkeys(name for name, note in named if note == OTHER_SAMPLES)
    unpaired = (f"No paired difference for '{name}': it was measured on other images." for name in elsewhere)
    return lay_out(title, means, method_names(means), columns, (*footnotes(notes), *unpaired))


def _entries(differences: pd.DataFrame) -> dict[tuple[str, ...], Entry]:
    """Entries of a column by the name of the method."""
    entries: dict[tuple[str, ...], Entry] = {(differences["method_b"].iloc[0],): Entry(0.0, mark="best")}
    known = differences[differences["difference"].notna()]
    numbers = zip(known["difference"], known["ci_low"], known["ci_high"], strict=True)
    for name, verdict, values in zip(known["method_a"], known["verdict"], numbers, strict=True):
        entries[(name,)] = replace(Entry.of(*values), mark="" if verdict in ("better", "worse") else "tied")
    return entries


def rank_boards(differences: pd.DataFrame) -> list[Table]:
    """Make a table of mean ranks for each preset in which two methods or more are compared."""
    ranked = ranks(differences, titles(differences))
    return [
        _rank_table(f"mean ranks, preset {key[0]}", own) for key, own in ranked.groupby(TABLE, sort=False)
    ]


def _rank_table(title: str, ranked: pd.DataFrame) -> Table:
    """Methods by their mean rank: over all groups if these hold the same methods, and in each of several."""
    groups = {
        f"{group_title(group)} ↓": mean_ranks(own, GROUP) for group, own in ranked.groupby(GROUP, sort=False)
    }
    columns = {"mean rank ↓": mean_ranks(ranked)} if same_methods(ranked) else {}
    if len(groups) > 1:
        columns |= {name: means for name, means in groups.items() if len(means)}
    entries = [
        {method: Entry(rank) for method, rank in zip(means["method"], means["mean_rank"], strict=True)}
        for means in columns.values()
    ]
    best_first = [name for means in columns.values() for name in means["method"]]
    return Table(
        title,
        ("method", *columns),
        tuple(
            Row((name,), tuple(column.get(name, NOTHING) for column in entries))
            for name in dict.fromkeys([*best_first, *ranked["method"]])
        ),
        (RANK_DECIMALS,) * len(columns),
        notes=tuple(_rank_notes(ranked)),
    )


def _rank_notes(ranked: pd.DataFrame) -> Iterator[str]:
    quantities = ranked.drop_duplicates([*GROUP, *QUANTITY])
    n_groups = len(ranked.drop_duplicates(GROUP))
    counted = int(quantities["counted"].sum())
    where = f" in {n_groups} tables" if n_groups > 1 else ""
    names = titles(quantities)
    excluded = []
    for note, own in quantities[quantities["note"] != ""].groupby("note", sort=False):
        keys = own[QUANTITY].itertuples(index=False, name=None)
        excluded.append(f"{', '.join(dict.fromkeys(names[key] for key in keys))} excluded: {note}")
    reasons = f" ({'; '.join(excluded)})" if excluded else ""
    yield f"Mean rank over the {counted} metrics{where} available for all methods{reasons}."
    if not same_methods(ranked):
        yield "No overall mean: the tables compare different methods."


def select(differences: pd.DataFrame, metrics: Collection[str]) -> pd.DataFrame:
    """Select differences in some metrics, or in the headline metrics if none is named.

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
    # As a series: an empty list would select columns.
    return differences[pd.Series([key in headline for key in keys], differences.index, dtype=bool)]


def difference_tables(differences: pd.DataFrame) -> list[Table]:
    """Make a table of all pairs for each group; the last one has the legend."""
    tables = [_list_table(group_title(group), own) for group, own in differences.groupby(GROUP, sort=False)]
    return [*tables[:-1], *(replace(last, notes=(*last.notes, LIST_LEGEND)) for last in tables[-1:])]


def _list_table(title: str, differences: pd.DataFrame) -> Table:
    rows: list[Row] = []
    notes, names = {}, titles(differences)
    for key, own in differences.groupby(QUANTITY, sort=False):
        name = names.get(tuple(map(str, key)), "/".join(map(str, key)))
        pairs = own["method_a"] + " and " + own["method_b"]
        notes[name] = list(zip(pairs, own["note"], strict=True))
        known = own[own["ci_low"].notna()]
        if len(known):
            rows += [Row((name + arrow(own),)), *_list_rows(known)]
    return Table(title, LIST_HEADER, tuple(rows), right=frozenset(LIST_HEADER[1:-1]), notes=footnotes(notes))


def _list_rows(differences: pd.DataFrame) -> Iterator[Row]:
    numbers = ["difference", "ci_low", "ci_high"]
    digits = decimals(pd.concat([differences[name] for name in numbers]))
    for record in differences.to_dict("records"):
        difference, low, high = (number(record[name], digits) for name in numbers)
        yield Row(
            (
                f"{record['method_a']} - {record['method_b']}",
                difference,
                f"{low} to {high}",
                f"{record['n']:,}",
                str(record["n_seeds"]),
                str(record["verdict"]),
            )
        )
