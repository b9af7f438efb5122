"""The mark of each value in a table: whether it is the best, by paired differences, and no floor's equal."""

from collections.abc import Callable, Hashable, Sequence
from functools import partial

import pandas as pd

from lordbench.results.differences import Differences, Verdict
from lordbench.results.leaderboard import Record, as_records, grouped, is_floor, with_notes
from lordbench.results.names import LINE, Mark, is_for_testing, row_name

FEWER_SEEDS = "better than *, but from fewer seeds"
Verdicts = Callable[[str, str], Verdict]
"""The verdict on the first of two methods against the second."""


def marked(means: pd.DataFrame, differences: Differences) -> pd.DataFrame:
    """Mark aggregated results by their differences, both with the same columns `apart`.

    Marks compare methods in one quantity and group. The best is the method with the best value of those that
    have no other mark and are means over the most seeds, if there are two methods or more; all others are
    compared with it. A difference without an interval from a floor is taken as it is.

    Returns:
        The results with a column `mark`, a `Mark`: empty for references, and for values that are
        significantly different from the best, without a direction of merit, of a preset for testing, or
        missing. `notes` name values that are better than the best, but from fewer seeds.
    """
    found: dict[Hashable, Mark] = {}
    fewer: set[Hashable] = set()
    counts = means["value"].notna() & means["higher_is_better"].notna()
    valued = means[counts & ~means["preset"].map(is_for_testing).astype(bool)]
    for group, same in grouped(as_records(valued.assign(index=valued.index)), differences.keys).items():
        own, better = _marks(same, partial(differences.verdict, group))
        found |= {row["index"]: mark for row, mark in zip(same, own, strict=True)}
        fewer |= {row["index"] for row, fewer_seeds in zip(same, better, strict=True) if fewer_seeds}
    mark = pd.Series([found.get(i, "") for i in means.index], means.index, dtype=object)
    notes = with_notes(means["notes"], FEWER_SEEDS, means.index.to_series().isin(fewer))
    return means.assign(mark=mark, notes=notes)


def _marks(same: Sequence[Record], verdicts: Verdicts) -> tuple[list[Mark], list[bool]]:
    """Marks in one quantity, of which all rows have a value; whether each is better than the best."""
    by_name = {row_name([row[column] for column in LINE]): row for row in same}
    names, first = list(by_name), same[0]
    merits = {
        name: row["value"] if first["higher_is_better"] else -row["value"] for name, row in by_name.items()
    }
    methods = [name for name, row in by_name.items() if not row["reference"]]
    marks: dict[str, Mark] = {name: "collapsed" for name, row in by_name.items() if row["n_collapsed"]}
    experiment, metric = first["experiment"], first["metric"]
    if floors := [name for name in names if is_floor(name, experiment, metric)]:
        floor = max(floors, key=merits.__getitem__)
        for name in (name for name in methods if name not in marks):
            verdict = verdicts(name, floor)
            if verdict != "better" and (verdict or merits[name] <= merits[floor]):
                marks[name] = "floor"
    candidates = [name for name in methods if name not in marks]
    # The mean of fewer seeds varies more.
    n_seeds = {name: row["n_seeds"] for name, row in by_name.items()}
    most = max((n_seeds[name] for name in candidates), default=0)
    complete = [name for name in candidates if n_seeds[name] == most]
    fewer: list[str] = []
    if complete and len(methods) > 1:
        best = max(complete, key=merits.__getitem__)
        against: dict[Verdict, Mark] = {"better": "", "worse": "", "": "no interval"}
        found = {name: verdicts(name, best) for name in candidates if name != best}
        marks |= {name: against.get(verdict, "tied") for name, verdict in found.items()} | {best: "best"}
        # The seeds that both have decide, where they do: means over other seeds may be ordered otherwise.
        fewer = [
            name
            for name, verdict in found.items()
            if n_seeds[name] < most
            and (verdict == "better" or (verdict != "worse" and merits[name] > merits[best]))
        ]
    return [marks.get(name, "") for name in names], [name in fewer for name in names]
