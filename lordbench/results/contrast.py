"""Values of two lines side by side, and whether they differ by more than their intervals."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lordbench.results.leaderboard import QUANTITY, interval
from lordbench.results.paired import Line, difference, line_of
from lordbench.results.sample_files import SampleFiles
from lordbench.results.samples import samples_key
from lordbench.results.sides import Pair

COLUMNS = [
    *QUANTITY, "unit", "higher_is_better",
    "value_a", "ci_low_a", "ci_high_a", "value_b", "ci_low_b", "ci_high_b",
    "difference", "ci_low", "ci_high", "n_seeds", "basis", "verdict", "note",
]  # fmt: skip
"""Columns of `contrast`."""
GROUND = {
    "protocol_version": "measured by other protocols",
    "data_fingerprint": "on other data",
    "split": "with other splits",
}
"""What values must share to be called better or worse, and what is said where they do not."""
OTHER_POLICY = "measured in other ways: see `policy` in results.csv"
CHOSEN = "; chosen: "
"""Behind this, the policy of a row says what a probe chose by itself."""
DIRECTIONLESS = {"better": "differs", "worse": "differs", "not told apart": "not told apart"}
"""What a verdict becomes where neither more nor less is of merit."""
ORDER = ("better", "worse", "differs", "not told apart", "", "equal")
"""Verdicts, in the order in which a person wants to see them."""


class Mean(NamedTuple):
    """A value over seeds, with its 95 % interval: NaN for what there is not."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, found: pd.DataFrame) -> Mean:
        """Take the mean over rows, a seed each."""
        return cls(float(found["value"].mean()), *interval(found))


def incomparable(pair: Pair) -> str:
    """Why the values of a pair must not be called better or worse; empty where they may."""
    reasons = []
    for name, what in GROUND.items():
        one, other = ("/".join(sorted(map(str, rows[name].unique()))) for rows in pair)
        if one != other:
            reasons.append(f"{what} ({one} and {other})")
    return "; ".join(reasons)


def contrast(pair: Pair, files_a: SampleFiles, files_b: SampleFiles) -> pd.DataFrame:
    """Set the values of two lines side by side.

    Where both were scored on the same samples of the same seeds, the interval of their paired difference
    decides (`paired.differences`); else whether the 95 % intervals of the two values overlap, which tells
    less apart. Values by other protocols, on other data or with other splits are not compared.

    Args:
        pair: as from `match`.
        files_a: where the samples of a are.
        files_b: those of b.

    Returns:
        A line for each quantity that either has, with `COLUMNS`: values are means over seeds, with their
        intervals; `difference` is a - b, `ci_low` and `ci_high` its interval where it is paired; `n_seeds` is
        the number of seeds compared; `basis` is `paired` or `intervals`; `verdict` on a is `better`, `worse`,
        or `differs` where neither is of merit, `not told apart`, `equal` where all values are the very same,
        or empty where nothing can be said, and `note` says why. What differs stands first.
    """
    why_not = incomparable(pair)
    a, b = (dict(list(_ready(rows).groupby(QUANTITY, sort=False))) for rows in pair)
    records = []
    for key in [*a, *(key for key in b if key not in a)]:
        named = dict(zip(QUANTITY, key, strict=True))
        records.append(named | _beside(a.get(key), b.get(key), files_a, files_b, why_not))
    found = pd.DataFrame.from_records(records, columns=COLUMNS)
    return found.sort_values(
        "verdict", key=lambda its: its.map(ORDER.index), kind="stable", ignore_index=True
    )


def _ready(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows as `paired.line_of` takes them."""
    keys = list(map(samples_key, rows["codes"], rows["subject"], rows["metric"]))
    return rows.assign(samples=keys).astype(dict.fromkeys(("value", "ci_low", "ci_high"), "float64"))


def _beside(
    rows_a: pd.DataFrame | None,
    rows_b: pd.DataFrame | None,
    files_a: SampleFiles,
    files_b: SampleFiles,
    why_not: str,
) -> dict[str, Any]:
    """One quantity, of which one side may have no rows at all."""
    first = rows_b if rows_a is None else rows_a
    assert first is not None
    one, other = (first[:0] if rows is None else rows[rows["value"].notna()] for rows in (rows_a, rows_b))
    a, b = Mean.of(one), Mean.of(other)
    directions = first["higher_is_better"].dropna()
    direction = bool(directions.iloc[0]) if len(directions) else None
    shared = {
        "unit": first["unit"].iloc[0],
        "higher_is_better": direction,
        "value_a": a.value, "ci_low_a": a.low, "ci_high_a": a.high,
        "value_b": b.value, "ci_low_b": b.low, "ci_high_b": b.high,
        "difference": a.value - b.value, "ci_low": np.nan, "ci_high": np.nan,
        "n_seeds": min(len(one), len(other)), "basis": "", "verdict": "",
    }  # fmt: skip
    reason = _lacking(_no_value(rows_a), _no_value(rows_b)) or why_not
    if not reason and _policy(one) != _policy(other):
        reason = OTHER_POLICY
    if reason:
        return shared | {"note": reason}
    values_a, values_b = line_of(one), line_of(other)
    if _same(values_a, values_b):
        return shared | {"difference": 0.0, "verdict": "equal", "note": ""}
    found = difference(values_a, values_b, files_a, direction is not False, files_b)
    if np.isnan(found["ci_low"]):
        return shared | _by_intervals(a, b, direction) | {"note": found["note"]}
    names = ("difference", "ci_low", "ci_high", "n_seeds", "note")
    verdict = found["verdict"] if direction is not None else DIRECTIONLESS[found["verdict"]]
    return shared | {name: found[name] for name in names} | {"basis": "paired", "verdict": verdict}


def _no_value(rows: pd.DataFrame | None) -> str:
    """Why a side has no value; empty where it has one."""
    if rows is None:
        return "not measured"
    notes = dict.fromkeys(note for note in rows["note"] if note)
    return "" if rows["value"].notna().any() else "; ".join(notes) or "no value"


def _lacking(why_a: str, why_b: str) -> str:
    """The reasons of both sides, as one sentence."""
    if why_a == why_b:
        return why_a and f"neither has it: {why_a}"
    return "; ".join(f"{name} has none: {why}" for name, why in (("A", why_a), ("B", why_b)) if why)


def _policy(rows: pd.DataFrame) -> set[str]:
    return {policy.partition(CHOSEN)[0] for policy in rows["policy"]}


def _same(a: Line, b: Line) -> bool:
    """Whether two lines have the very same values of the same seeds."""
    return {seed: (its.value, its.n) for seed, its in a.items()} == {
        seed: (its.value, its.n) for seed, its in b.items()
    }


def _by_intervals(a: Mean, b: Mean, direction: bool | None) -> dict[str, Any]:
    """What the intervals of two values say; nothing where one has none."""
    if np.isnan([a.low, b.low]).any():
        return {}
    if a.low <= b.high and b.low <= a.high:
        return {"basis": "intervals", "verdict": "not told apart"}
    better = "better" if (a.value > b.value) == (direction is not False) else "worse"
    return {"basis": "intervals", "verdict": better if direction is not None else DIRECTIONLESS[better]}
