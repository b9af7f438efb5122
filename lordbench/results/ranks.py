"""Ranks of methods by their values in single seeds (Demšar 2006, JMLR 7)."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lordbench.results.leaderboard import by_seed
from lordbench.results.names import GROUP, LINE, QUANTITY, is_for_testing, row_name

COLUMNS = [*GROUP, *QUANTITY, "method", "rank", "n_methods", "counted", "note"]
"""Columns of `ranks.csv`: see `ranks`."""
TABLE = ["preset"]
"""Ranks of groups that share these are averaged: over data sets and splits."""
NO_SEED = "no seed that all methods have"
NOT_ALL = "not all methods have it"
BLOCK = [*GROUP, "seed"]
"""Trainings with the same values here are ranked against one another."""
FEWEST_BLOCKS = 2


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
    rows = _ranked_rows(rows)
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


def _ranked_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of methods, as from `by_seed`, in which one can be better than another."""
    rows = by_seed(rows)
    rows = rows[~rows["reference"] & rows["value"].notna() & rows["higher_is_better"].notna()]
    return rows[~rows["preset"].map(is_for_testing).astype(bool)]


def _rank(rows: pd.DataFrame) -> dict[str, float]:
    """Mean ranks in one quantity, by method in order of appearance."""
    ranked = _rank_by_seed(rows)
    means = ranked.mean(axis="columns")
    return {method: float(means[method]) for method in dict.fromkeys(map(str, ranked.index))}


def _rank_by_seed(rows: pd.DataFrame) -> pd.DataFrame:
    """Ranks in one quantity, a row for each method and a column for each seed that all methods have."""
    losses = np.where(rows["higher_is_better"].astype(bool), -rows["value"], rows["value"])
    losses = np.where(rows["collapsed"], np.inf, losses)
    methods = [row_name(line) for line in rows[LINE].itertuples(index=False, name=None)]
    by_method = pd.DataFrame({"method": methods, "seed": rows["seed"], "loss": losses})
    table = by_method.pivot(index="method", columns="seed", values="loss").dropna(axis="columns")
    return table.loc[list(dict.fromkeys(methods))].rank()


def block_ranks(rows: pd.DataFrame, quantities: Collection[tuple[str, ...]]) -> pd.DataFrame:
    """Rank methods in each block: a group of comparable results and a seed.

    Within a block, metrics depend on the same trainings, so they give one rank together: methods are ranked
    by their mean rank over the quantities that all of them have. Only methods that every group has take part,
    and seeds that all of these have. So blocks are independent trainings, as Friedman's and Nemenyi's tests
    require (Demšar 2006, section 3.2.2).

    Returns:
        A row for each block, with `BLOCK` as the index, and a column for each method.
    """
    rows = _ranked_rows(rows)
    headline = [key in quantities for key in rows[QUANTITY].itertuples(index=False, name=None)]
    # A series, since an empty list would select columns.
    rows = rows[pd.Series(headline, rows.index, dtype=bool)]
    rows = rows.assign(name=[row_name(line) for line in rows[LINE].itertuples(index=False, name=None)])
    in_all = rows.groupby(GROUP)["name"].agg(set).tolist()
    rows = rows[rows["name"].isin(set.intersection(*in_all) if in_all else set())]
    names = list(dict.fromkeys(rows["name"]))
    blocks: dict[tuple[Any, ...], pd.Series[float]] = {}
    for group, own in rows.groupby(GROUP, sort=False):
        ranked = [_rank_by_seed(same) for _, same in own.groupby(QUANTITY, sort=False)]
        whole = [table for table in ranked if len(table) == len(names) and table.shape[1]]
        for seed in sorted(set().union(*(table.columns for table in whole))):
            of_seed = pd.DataFrame({i: table[seed] for i, table in enumerate(whole) if seed in table})
            blocks[*group, seed] = of_seed.mean(axis="columns").rank()
    index = (
        pd.MultiIndex.from_tuples(blocks, names=BLOCK)
        if blocks
        else pd.MultiIndex.from_arrays([[]] * len(BLOCK))
    )
    return pd.DataFrame(list(blocks.values()), index=index, columns=names)


def critical_difference(n_methods: int, n_blocks: int) -> float:
    """The difference of mean ranks that is significant at 5 % (Nemenyi's test; Demšar 2006, 3.2.2)."""
    # Imported here: it takes a second.
    from scipy.stats import studentized_range

    q = float(studentized_range.ppf(0.95, n_methods, np.inf)) / np.sqrt(2)
    return float(q * np.sqrt(n_methods * (n_methods + 1) / (6 * n_blocks)))


def indistinguishable(means: Sequence[float], gap: float) -> list[tuple[int, int]]:
    """The longest runs of ascending mean ranks within less than `gap`: first and last index of each."""
    last = [max(j for j, mean in enumerate(means) if mean - means[i] < gap) for i in range(len(means))]
    return [(i, j) for i, j in enumerate(last) if j > i and (i == 0 or j > last[i - 1])]


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
