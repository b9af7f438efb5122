"""The mark of each value in a table: whether it is the best, by paired differences, and no floor's equal."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Literal

import pandas as pd

from lordbench.results.differences import TURNED, Verdict
from lordbench.results.leaderboard import FLOOR, GROUP, LINE, QUANTITY, row_name

Mark = Literal["", "best", "tied", "no interval", "floor", "collapsed"]
"""Tied: not significantly different from the best. No interval: of the difference from the best. Floor: not
significantly better than the best floor. Collapsed: a training of the method has collapsed."""
Verdicts = Mapping[tuple[str, str], Verdict]


def marks(means: pd.DataFrame, differences: pd.DataFrame, apart: Sequence[str] = ()) -> pd.Series:  # type: ignore[type-arg]
    """Mark aggregated results by their differences, both with the same columns `apart`.

    Marks compare methods in one quantity and group. The best is the method with the best value of those that
    have no other mark, if there are two methods or more; all others are compared with it. A difference
    without an interval from a floor is taken as it is.

    Returns:
        A `Mark` for each row of `means`; empty for references, and for values that are significantly worse
        than the best, without a direction of merit, or missing.
    """
    keys, verdicts = [*GROUP, *apart, *QUANTITY], dict[Hashable, dict[tuple[str, str], Verdict]]()
    columns = [*keys, "method_a", "method_b", "verdict"]
    for *key, a, b, verdict in differences[columns].itertuples(index=False, name=None):
        verdicts.setdefault(tuple(key), {}).update({(a, b): verdict, (b, a): TURNED[verdict]})
    marked: dict[Hashable, Mark] = {}
    valued = means[means["value"].notna() & means["higher_is_better"].notna()]
    for group, same in valued.groupby(keys, sort=False):
        marked |= zip(same.index, _marks(same, verdicts.get(group, {})), strict=True)
    return pd.Series([marked.get(i, "") for i in means.index], means.index, dtype=object)


def _marks(same: pd.DataFrame, verdicts: Verdicts) -> list[Mark]:
    """Marks in one quantity, of which all rows have a value."""
    names = [row_name(line) for line in same[LINE].itertuples(index=False, name=None)]
    better = 1 if same["higher_is_better"].iloc[0] else -1
    merits = dict(zip(names, better * same["value"], strict=True))
    methods = [name for name, reference in zip(names, same["reference"], strict=True) if not reference]
    marks: dict[str, Mark] = {
        name: "collapsed" for name, n in zip(names, same["n_collapsed"], strict=True) if n
    }
    floors = [name for name in names if name.startswith(FLOOR)]
    if floors:
        floor = max(floors, key=merits.__getitem__)
        for name in (name for name in methods if name not in marks):
            verdict = verdicts.get((name, floor), "")
            if verdict != "better" and (verdict or merits[name] <= merits[floor]):
                marks[name] = "floor"
    candidates = [name for name in methods if name not in marks]
    if candidates and len(methods) > 1:
        best = max(candidates, key=merits.__getitem__)
        against: dict[Verdict, Mark] = {"worse": "", "": "no interval"}
        marks |= {name: against.get(verdicts.get((name, best), ""), "tied") for name in candidates}
        marks[best] = "best"
    return [marks.get(name, "") for name in names]
