"""Tables of mean ranks."""

from collections.abc import Iterator, Mapping

import pandas as pd

from lordbench.report.quantities import keys, titles
from lordbench.report.tables import Entry, Row, Table
from lordbench.results.names import GROUP, QUANTITY, group_title
from lordbench.results.ranks import mean_ranks, ranks, same_methods

RANKS_LEGEND = (
    "Rank by value in each seed, the best is 1; a collapsed training ranks last. A summary only: do not test "
    "methods by mean rank."
)
RANK_DECIMALS = 2
Titles = Mapping[tuple[str, ...], str]
"""Titles by the values of `QUANTITY`."""


def rank_boards(rows: pd.DataFrame) -> list[Table]:
    """Make a table of mean ranks for each preset of collected rows with two methods or more."""
    names = titles(rows)
    ranked = ranks(rows, names).groupby("preset", sort=False)
    return [_rank_table(f"mean ranks, preset {preset}", own, names) for preset, own in ranked]


def _rank_table(title: str, ranked: pd.DataFrame, titles: Titles) -> Table:
    """Methods by their mean rank: over all groups if these hold the same methods, and in each of several."""
    columns = {"mean rank ↓": mean_ranks(ranked)} if same_methods(ranked) else {}
    groups = [(group_title(group), own) for group, own in ranked.groupby(GROUP, sort=False)]
    if len(groups) > 1:
        means = {f"{name} ↓": mean_ranks(own, GROUP) for name, own in groups}
        columns |= {name: own for name, own in means.items() if len(own)}
    by_method = [own.set_index("method")["mean_rank"].to_dict() for own in columns.values()]
    names = dict.fromkeys([*(name for column in by_method for name in column), *ranked["method"]])
    return Table(
        title,
        ("method", *columns),
        tuple(Row((name,), tuple(Entry(column.get(name)) for column in by_method)) for name in names),
        (RANK_DECIMALS,) * len(columns),
        notes=tuple(_rank_notes(ranked, titles)),
    )


def _rank_notes(ranked: pd.DataFrame, titles: Titles) -> Iterator[str]:
    quantities = ranked.drop_duplicates([*GROUP, *QUANTITY])
    n_groups = len(ranked.drop_duplicates(GROUP))
    where = f" in {n_groups} tables" if n_groups > 1 else ""
    names = keys(quantities[QUANTITY]).map(titles)
    excluded = [
        f"{', '.join(dict.fromkeys(own))} excluded: {note}"
        for note, own in names.groupby(quantities["note"], sort=False)
        if note
    ]
    reasons = f" ({'; '.join(excluded)})" if excluded else ""
    counted = quantities["counted"].sum()
    yield f"Mean rank over the {counted} metrics{where} available for all methods{reasons}."
    if not same_methods(ranked):
        yield "No overall mean: the tables compare different methods."
