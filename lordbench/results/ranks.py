"""Ranks of methods by their values in single seeds (Demšar 2006, JMLR 7)."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lordbench.results.leaderboard import GROUP, LINE, QUANTITY, by_seed, is_for_testing, row_name

COLUMNS = [*GROUP, *QUANTITY, "method", "rank", "n_methods", "counted", "note"]
"""Columns of `ranks.csv`: see `ranks`."""
TABLE = ["preset"]
"""Ranks of groups that share these are averaged: over data sets and splits."""
NO_SEED = "no seed that all methods have"
NOT_ALL = "not all methods have it"


def ranks(rows: pd.DataFrame, quantities: Collection[tuple[str, ...]]) -> pd.DataFrame:
    """Rank the methods of collected rows in each quantity of each group with two methods or more,
    but those of a preset for testing.

    In each seed that all its methods have, the best value has rank 1 and equal values share their mean rank;
    collapsed trainings rank last. A method's rank is the mean over these seeds, so the ranks of k methods sum
    to k (k + 1) / 2.

    Returns:
        One row per quantity and method, with `GROUP`, `QUANTITY` and: `method`, `rank` (NaN if it is not
        ranked), `n_methods` (that have the quantity), `counted` (whether it counts in mean ranks: it is
        ranked, and all methods of its group have it) and `note` (why it does not count).
    """
    rows = by_seed(rows)
    rows = rows[~rows["reference"] & rows["value"].notna() & rows["higher_is_better"].notna()]
    rows = rows[~rows["preset"].map(is_for_testing).astype(bool)]
    records: list[tuple[Any, ...]] = []
    for key, same in rows.groupby([*GROUP, *QUANTITY], sort=False):
        if key[len(GROUP) :] in quantities:
            ranked = _rank(same)
            records += ((*key, method, rank, len(ranked), True, "") for method, rank in ranked.items())
    table = pd.DataFrame.from_records(records, columns=COLUMNS)
    n_methods = table.groupby(GROUP)["method"].transform("nunique")
    table = table[n_methods > 1].reset_index(drop=True)
    table.loc[table["n_methods"] < n_methods[n_methods > 1].to_numpy(), "note"] = NOT_ALL
    table.loc[table["rank"].isna(), "note"] = NO_SEED
    table["counted"] = table["note"] == ""
    return table


def _rank(rows: pd.DataFrame) -> dict[str, float]:
    """Mean ranks in one quantity, by method in order of appearance."""
    losses = np.where(rows["higher_is_better"].astype(bool), -rows["value"], rows["value"])
    losses = np.where(rows["collapsed"], np.inf, losses)
    methods = [row_name(line) for line in rows[LINE].itertuples(index=False, name=None)]
    by_method = pd.DataFrame({"method": methods, "seed": rows["seed"], "loss": losses})
    table = by_method.pivot(index="method", columns="seed", values="loss").dropna(axis="columns")
    ranked = table.rank().mean(axis="columns")
    return {method: float(ranked[method]) for method in dict.fromkeys(methods)}


def same_methods(ranked: pd.DataFrame) -> bool:
    """Whether all groups compare the same methods; if not, their ranks cannot be averaged."""
    return ranked.groupby(GROUP)["method"].agg(frozenset).nunique() == 1


def mean_ranks(ranked: pd.DataFrame, by: Sequence[str] = TABLE) -> pd.DataFrame:
    """Average `ranks` over the quantities that count; each quantity of each group counts once.

    Columns are those in `by`, `method`, `mean_rank` (the best first) and `n_quantities`.
    """
    counted = ranked[ranked["counted"].astype(bool)].groupby([*by, "method"], sort=False)["rank"]
    means = counted.agg(mean_rank="mean", n_quantities="size").reset_index()
    return means.sort_values([*by, "mean_rank"], kind="stable", ignore_index=True)
