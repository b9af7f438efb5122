"""Paired differences: two lines on the same samples of the same seeds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from lordbench.evaluation.statistics import percentiles, student_interval
from lordbench.results.leaderboard import GROUP, LINE, QUANTITY, by_seed, row_name
from lordbench.results.loading import NoSamplesError, SampleFiles, Value

Verdict = Literal["better", "worse", "not told apart", ""]

PAIR = ["method_a", "method_b", "reference"]
RESULT = ["difference", "ci_low", "ci_high", "n", "n_seeds", "verdict", "note"]
COLUMNS = [*GROUP, *QUANTITY, *PAIR, *RESULT[:-2], "higher_is_better", *RESULT[-2:]]
"""Columns of `differences.csv`: see `differences`."""

OTHER_SAMPLES = "scored on other samples"
NO_COMMON_SEED = "no seed in common"
ONE_GROUP = "all samples are of one group"
NO_INTERVAL = "no interval from one seed"

PairedValues = dict[int, Value]
"""The values of one line in one quantity, by seed."""


class Interval(NamedTuple):
    """A difference with its 95 % interval: NaN, and the reason, where there is none."""

    low: float = float("nan")
    high: float = float("nan")
    note: str = ""


def differences(rows: pd.DataFrame, files: SampleFiles) -> pd.DataFrame:
    """Compare every two methods of a group, and every method with every reference, in each quantity.

    A difference is taken of values of the same seed that were scored on the same samples: as many, of the
    same groups. Over one seed its 95 % interval is that of a bootstrap over those groups, of the differences
    of single samples: it speaks of these two trainings, on other classes (and content images) of the same
    kind. Over several seeds it is Student's t over the seeds' differences: it speaks of other trainings,
    splits and pairs, on the same data. It needs no samples; where these are lost, an equal seed and number of
    samples stand for equal samples. No interval is corrected for the number of comparisons.

    Args:
        rows: as from `collect`.
        files: of the run folders that the rows come from.

    Returns:
        One line per pair and quantity that has a direction of merit, in the order of `by_seed`, with
        `GROUP`, `QUANTITY` and: `method_a`, `method_b` (with variants, as in `leaderboard.wide`), `reference`
        (whether `method_b` is a floor or a ceiling), `difference` (a - b, mean over seeds), `ci_low`,
        `ci_high` (NaN where there is no interval), `n` (samples, over all seeds), `n_seeds`,
        `higher_is_better`, `verdict` (on a: `better` or `worse` where the interval leaves out 0, else `not
        told apart`; empty without an interval) and `note` (why something is missing).
    """
    rows = by_seed(rows)
    records = []
    for key, same in rows[rows["value"].notna()].groupby([*GROUP, *QUANTITY], sort=False):
        directions = same["higher_is_better"].dropna()
        if directions.empty:
            continue
        shared = dict(zip([*GROUP, *QUANTITY], key, strict=True))
        direction = bool(directions.iloc[0])
        for found in _compared(same, files, direction):
            records.append(shared | found | {"higher_is_better": direction})
    return pd.DataFrame.from_records(records, columns=COLUMNS)


def differences_from(found: pd.DataFrame, method: str) -> pd.DataFrame:
    """All differences of others from one method or reference: it is `method_b`, the other one `method_a`."""
    mine = found[(found["method_a"] == method) | (found["method_b"] == method)].copy()
    turned = mine["method_a"] == method
    before = mine[turned]
    mine.loc[turned, "method_a"], mine.loc[turned, "method_b"] = before["method_b"], before["method_a"]
    mine.loc[turned, "difference"] = 0 - before["difference"]  # not -0.0
    mine.loc[turned, "ci_low"], mine.loc[turned, "ci_high"] = -before["ci_high"], -before["ci_low"]
    mine.loc[turned, "verdict"] = before["verdict"].replace({"better": "worse", "worse": "better"})
    return mine


def _compared(same: pd.DataFrame, files: SampleFiles, higher_is_better: bool) -> Iterator[dict[str, Any]]:
    """Differences in one quantity of one group."""
    lines: dict[str, PairedValues] = {}
    references: set[str] = set()
    for key, rows in same.groupby(LINE, sort=False):
        name = row_name(key)
        lines[name] = line_of(rows)
        if rows["reference"].iloc[0]:
            references.add(name)
    for a, b in combinations(lines, 2):
        if a not in references:
            result = difference(lines[a], lines[b], files, higher_is_better)
            yield {"method_a": a, "method_b": b, "reference": b in references} | result


def line_of(rows: pd.DataFrame) -> PairedValues:
    """The values in rows of one line and quantity, as from `by_seed`."""
    return {value.seed: value for value in map(Value._make, rows[list(Value._fields)].to_numpy())}


def difference(
    a: Mapping[int, Value],
    b: Mapping[int, Value],
    files: SampleFiles,
    higher_is_better: bool,
    files_b: SampleFiles | None = None,
) -> dict[str, Any]:
    """Compare two lines in one quantity: the columns `RESULT` of `differences`, and `n`, of a - b.

    Args:
        a: values by seed.
        b: those of the other line.
        files: where the samples of both are.
        higher_is_better: direction of merit.
        files_b: where the samples of b are, if not where those of a are.
    """
    files_b = files_b or files
    common = sorted(a.keys() & b.keys())
    paired = [seed for seed in common if _same_samples(a[seed], files, b[seed], files_b)]
    if not paired:
        nothing = {"difference": float("nan"), "ci_low": float("nan"), "ci_high": float("nan")}
        note = OTHER_SAMPLES if common else NO_COMMON_SEED
        return nothing | {"n": 0, "n_seeds": 0, "verdict": "", "note": note}
    values = np.array([a[seed].value - b[seed].value for seed in paired])
    if len(paired) > 1:
        interval = Interval(*student_interval(values))
    else:
        interval = _of_one_seed(a[paired[0]], files, b[paired[0]], files_b)
    total = len(a.keys() | b.keys())
    notes = [interval.note, f"mean of {len(paired)} of {total} seeds" if len(paired) < total else ""]
    return {
        "difference": float(values.mean()),
        "ci_low": interval.low,
        "ci_high": interval.high,
        "n": sum(a[seed].n for seed in paired),
        "n_seeds": len(paired),
        "verdict": _verdict(interval, higher_is_better),
        "note": "; ".join(filter(None, notes)),
    }


def _same_samples(a: Value, files_a: SampleFiles, b: Value, files_b: SampleFiles) -> bool:
    try:
        return a.n == b.n and np.array_equal(files_a.samples(a).groups, files_b.samples(b).groups)
    except NoSamplesError:
        return a.n == b.n


def _of_one_seed(a: Value, files_a: SampleFiles, b: Value, files_b: SampleFiles) -> Interval:
    try:
        (means_a, n_groups), (means_b, _) = files_a.resampled(a), files_b.resampled(b)
    except NoSamplesError as error:
        return Interval(note=f"{error}: {NO_INTERVAL}")
    if means_a is None or means_b is None:
        return Interval(note=f"{ONE_GROUP}: {NO_INTERVAL}")
    return Interval(*percentiles(means_a - means_b, n_groups))


def _verdict(interval: Interval, higher_is_better: bool) -> Verdict:
    if np.isnan(interval.low):
        return ""
    if interval.low <= 0 <= interval.high:
        return "not told apart"
    return "better" if (interval.low > 0) == higher_is_better else "worse"


RANK_COLUMNS = [*GROUP, *QUANTITY, "method", "rank", "n_methods", "counted", "note"]
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
    table = pd.DataFrame.from_records(records, columns=RANK_COLUMNS)
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
