"""Ranks of methods over quantities and data sets, with ties where a difference is not told apart from 0."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from lordbench.results.leaderboard import GROUP, QUANTITY
from lordbench.results.paired import Verdict

COLUMNS = [*GROUP, *QUANTITY, "method", "rank", "n_methods", "counted", "note"]
"""Columns of `ranks.csv`: see `ranks`."""
TABLE = ["preset"]
"""Ranks of groups that share these are averaged: over data sets, and over splits where there are several."""

BEHIND: dict[Verdict, tuple[float, float]] = {
    "better": (0.0, 1.0),
    "worse": (1.0, 0.0),
    "not told apart": (0.5, 0.5),
}
"""How much a comparison of a with b adds to the rank of a, and of b."""

UNDECIDED = "not all methods are compared in it"
NOT_ALL = "not all methods have it"


def ranks(differences: pd.DataFrame, quantities: Collection[tuple[str, ...]]) -> pd.DataFrame:
    """Rank the methods in each quantity of each group, by their paired differences.

    A method's rank is 1, and 1 more for each method told apart from it and better, and a half more for each
    that is not told apart from it; so the ranks of k methods sum to k (k + 1) / 2. There is one rule only:
    two methods are told apart where the interval of their paired difference leaves out 0. A quantity in which
    some two methods have no such interval is not ranked.

    Args:
        differences: as from `paired.differences`.
        quantities: those to rank in, each as the values of `QUANTITY`.

    Returns:
        One line per quantity and method, with `GROUP`, `QUANTITY` and: `method`, `rank` (NaN where it is not
        ranked), `n_methods` (that have the quantity), `counted` (whether it counts in mean ranks: it is
        ranked, and all methods of its group have it) and `note` (why it does not count).
    """
    found = differences[~differences["reference"].astype(bool)]
    records = []
    for key, pairs in found.groupby([*GROUP, *QUANTITY], sort=False):
        if key[len(GROUP) :] not in quantities:
            continue
        shared = dict(zip([*GROUP, *QUANTITY], key, strict=True))
        placed = _ranked(pairs)
        for method, rank in placed.items():
            records.append(shared | {"method": method, "rank": rank, "n_methods": len(placed)})
    table = pd.DataFrame.from_records(records, columns=COLUMNS)
    everyone = table.groupby(GROUP)["method"].transform("nunique")
    table["note"] = ""
    table.loc[table["n_methods"] < everyone, "note"] = NOT_ALL
    table.loc[table["rank"].isna(), "note"] = UNDECIDED
    table["counted"] = table["note"] == ""
    return table


def same_methods(ranked: pd.DataFrame) -> bool:
    """Whether all groups hold the same methods: else a rank among few and one among many do not average."""
    return ranked.groupby(GROUP)["method"].agg(frozenset).nunique() == 1


def mean_ranks(ranked: pd.DataFrame, by: Sequence[str] = TABLE) -> pd.DataFrame:
    """Average ranks over the quantities that count; each quantity of each group counts once.

    Args:
        ranked: as from `ranks`.
        by: columns of `GROUP` to keep apart.

    Returns:
        One line per method, the best first, with the columns of `by` and `method`, `mean_rank` and
        `n_quantities`.
    """
    counted = ranked[ranked["counted"].astype(bool)].groupby([*by, "method"], sort=False)["rank"]
    means = counted.agg(mean_rank="mean", n_quantities="size").reset_index()
    return means.sort_values([*by, "mean_rank"], kind="stable", ignore_index=True)


def _ranked(pairs: pd.DataFrame) -> dict[str, float]:
    """Ranks in one quantity, of methods in the order in which they first come; NaN where not all compare."""
    found = dict.fromkeys([*pairs["method_a"], *pairs["method_b"]], 1.0)
    if (pairs["verdict"] == "").any():
        return dict.fromkeys(found, float("nan"))
    for a, b, verdict in zip(pairs["method_a"], pairs["method_b"], pairs["verdict"], strict=True):
        for method, behind in zip((a, b), BEHIND[verdict], strict=True):
            found[method] += behind
    return found
