"""Paired differences of methods on the same samples of the same seeds, and ranks made of them."""

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from lordbench.evaluation.statistics import percentiles, student_interval
from lordbench.results.leaderboard import GROUP, LINE, QUANTITY, by_seed, row_name
from lordbench.results.loading import NoSamplesError, SampleFiles, Value

Verdict = Literal["better", "worse", "not significantly different", ""]
TIE: Verdict = "not significantly different"
COLUMNS = [
    *GROUP, *QUANTITY, "method_a", "method_b", "reference", "difference", "ci_low", "ci_high", "n", "n_seeds",
    "higher_is_better", "verdict", "note",
]  # fmt: skip
"""Columns of `differences.csv`: see `differences`."""
RANK_COLUMNS = [*GROUP, *QUANTITY, "method", "rank", "n_methods", "counted", "note"]
"""Columns of `ranks.csv`: see `ranks`."""
TABLE = ["preset"]
"""Ranks of groups that share these are averaged: over data sets and splits."""
RANK_SHARES: dict[str, tuple[float, float]] = {"better": (0.0, 1.0), "worse": (1.0, 0.0), TIE: (0.5, 0.5)}
"""What the verdict on a adds to the ranks of a and of b."""

NAN = float("nan")
OTHER_SAMPLES = "scored on other samples"
NO_INTERVAL = "no interval from one seed"
UNDECIDED = "not all methods are compared in it"
NOT_ALL = "not all methods have it"


class Difference(NamedTuple):
    """A paired difference a - b: columns of `differences`."""

    difference: float = NAN
    ci_low: float = NAN
    ci_high: float = NAN
    n: int = 0
    n_seeds: int = 0
    verdict: Verdict = ""
    note: str = ""


def differences(rows: pd.DataFrame, files: SampleFiles) -> pd.DataFrame:
    """Compare every two methods of a group, and every method with every reference, in each quantity.

    See `difference`. No interval is corrected for the number of comparisons.

    Returns:
        One row per pair and quantity that has a direction of merit, in the order of `by_seed`, with
        `GROUP`, `QUANTITY` and: `method_a`, `method_b` (with variants, as in `leaderboard.wide`), `reference`
        (whether `method_b` is a floor or a ceiling), `higher_is_better` and the fields of `Difference`.
    """
    rows = by_seed(rows)
    records: list[dict[str, Any]] = []
    for key, same in rows[rows["value"].notna()].groupby([*GROUP, *QUANTITY], sort=False):
        directions = same["higher_is_better"].dropna()
        if directions.empty:
            continue
        direction = bool(directions.iloc[0])
        shared = dict(zip([*GROUP, *QUANTITY], key, strict=True)) | {"higher_is_better": direction}
        methods = [
            (row_name(line), bool(own["reference"].iloc[0]), values_by_seed(own))
            for line, own in same.groupby(LINE, sort=False)
        ]
        for (method_a, reference_a, a), (method_b, reference, b) in combinations(methods, 2):
            if not reference_a:
                names = {"method_a": method_a, "method_b": method_b, "reference": reference}
                records.append(shared | names | difference(a, b, files, direction)._asdict())
    return pd.DataFrame.from_records(records, columns=COLUMNS)


def values_by_seed(rows: pd.DataFrame) -> dict[int, Value]:
    """The values in rows of one method and quantity, as from `by_seed`."""
    return {value.seed: value for value in map(Value._make, rows[list(Value._fields)].to_numpy())}


def difference(
    a: Mapping[int, Value],
    b: Mapping[int, Value],
    files: SampleFiles,
    higher_is_better: bool,
    files_b: SampleFiles | None = None,
) -> Difference:
    """Compare two methods in one quantity, by their values by seed; `files_b` if b is of other run folders.

    Values of the same seed are compared if they were scored on the same samples: as many, of the same groups.
    Over one seed the 95 % interval is that of a bootstrap over those groups, of the differences of single
    samples: it holds for these two trainings, on other classes (and content images) of the same kind. Over
    several seeds it is Student's t interval over the seeds' differences: it holds for other trainings, splits
    and pairs, on the same data. It needs no samples; if these are lost, an equal seed and number of samples
    are taken for equal samples.

    Returns:
        `difference` is the mean over seeds; `ci_low` and `ci_high` are NaN if there is no interval; `n` is
        the number of samples, over all seeds; `verdict` on a is empty without an interval; `note` says why
        something is missing.
    """
    files_b = files_b or files
    common = sorted(a.keys() & b.keys())
    paired = [seed for seed in common if _same_samples(a[seed], files, b[seed], files_b)]
    if not paired:
        return Difference(note=OTHER_SAMPLES if common else "no seed in common")
    values = np.array([a[seed].value - b[seed].value for seed in paired])
    if len(paired) > 1:
        low, high, note = *student_interval(values), ""
    else:
        low, high, note = _bootstrap_interval(a[paired[0]], files, b[paired[0]], files_b)
    total = len(a.keys() | b.keys())
    if len(paired) < total:
        note = "; ".join(filter(None, (note, f"mean of {len(paired)} of {total} seeds")))
    verdict, n = verdict_on(low, high, higher_is_better), sum(a[seed].n for seed in paired)
    return Difference(float(values.mean()), low, high, n, len(paired), verdict, note)


def _same_samples(a: Value, files_a: SampleFiles, b: Value, files_b: SampleFiles) -> bool:
    try:
        return a.n == b.n and np.array_equal(files_a.samples(a).groups, files_b.samples(b).groups)
    except NoSamplesError:
        return a.n == b.n


def _bootstrap_interval(
    a: Value, files_a: SampleFiles, b: Value, files_b: SampleFiles
) -> tuple[float, float, str]:
    """Interval of the difference over one seed, or NaN and the reason."""
    try:
        (means_a, n_groups), (means_b, _) = files_a.resampled(a), files_b.resampled(b)
    except NoSamplesError as error:
        return NAN, NAN, f"{error}: {NO_INTERVAL}"
    if means_a is None or means_b is None:
        return NAN, NAN, f"all samples are of one group: {NO_INTERVAL}"
    return *percentiles(means_a - means_b, n_groups), ""


def verdict_on(low: float, high: float, higher_is_better: bool) -> Verdict:
    """The verdict on a by the interval of its difference from b; empty if there is none."""
    if np.isnan([low, high]).any():
        return ""
    if low <= 0 <= high:
        return TIE
    return "better" if (low > 0) == higher_is_better else "worse"


def differences_from(table: pd.DataFrame, method: str) -> pd.DataFrame:
    """All differences of others from one method or reference, which becomes `method_b`."""
    selected = table[(table["method_a"] == method) | (table["method_b"] == method)].copy()
    turned = selected["method_a"] == method
    before = selected[turned]
    selected.loc[turned, "method_a"] = before["method_b"]
    selected.loc[turned, "method_b"] = method
    selected.loc[turned, "difference"] = 0 - before["difference"]  # not -0.0
    selected.loc[turned, "ci_low"], selected.loc[turned, "ci_high"] = -before["ci_high"], -before["ci_low"]
    selected.loc[turned, "verdict"] = before["verdict"].replace({"better": "worse", "worse": "better"})
    return selected


def ranks(differences: pd.DataFrame, quantities: Collection[tuple[str, ...]]) -> pd.DataFrame:
    """Rank the methods in each quantity of each group, by their paired differences.

    A method's rank is 1 + the number of significantly better methods + ½ per tie, so the ranks of k methods
    sum to k (k + 1) / 2. A quantity in which some two methods have no interval of their difference is not
    ranked.

    Returns:
        One row per quantity and method, with `GROUP`, `QUANTITY` and: `method`, `rank` (NaN if it is not
        ranked), `n_methods` (that have the quantity), `counted` (whether it counts in mean ranks: it is
        ranked, and all methods of its group have it) and `note` (why it does not count).
    """
    methods_only = differences[~differences["reference"].astype(bool)]
    records: list[tuple[Any, ...]] = []
    for key, pairs in methods_only.groupby([*GROUP, *QUANTITY], sort=False):
        if key[len(GROUP) :] in quantities:
            ranked = _rank(pairs)
            records += ((*key, method, rank, len(ranked), True, "") for method, rank in ranked.items())
    table = pd.DataFrame.from_records(records, columns=RANK_COLUMNS)
    table.loc[table["n_methods"] < table.groupby(GROUP)["method"].transform("nunique"), "note"] = NOT_ALL
    table.loc[table["rank"].isna(), "note"] = UNDECIDED
    table["counted"] = table["note"] == ""
    return table


def _rank(pairs: pd.DataFrame) -> dict[str, float]:
    """Ranks in one quantity, by method in order of appearance; NaN if not all are compared."""
    ranked = dict.fromkeys([*pairs["method_a"], *pairs["method_b"]], 1.0)
    if (pairs["verdict"] == "").any():
        return dict.fromkeys(ranked, NAN)
    for a, b, verdict in zip(pairs["method_a"], pairs["method_b"], pairs["verdict"], strict=True):
        for method, share in zip((a, b), RANK_SHARES[verdict], strict=True):
            ranked[method] += share
    return ranked


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
