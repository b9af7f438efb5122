"""Paired differences of methods on the same samples of the same seeds."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from lordbench.evaluation.statistics import (
    Floats,
    PooledError,
    Tested,
    bootstrap_test,
    pooled_error,
    student_test,
)
from lordbench.results.leaderboard import GROUP, LINE, QUANTITY, by_seed, not_collapsed, row_name
from lordbench.results.loading import NoSamplesError, SampleFiles, Value
from lordbench.results.scales import Scale, scale_of

Verdict = Literal["better", "worse", "not significantly different", ""]
TIE: Verdict = "not significantly different"
TURNED: dict[Verdict, Verdict] = {"better": "worse", "worse": "better", TIE: TIE, "": ""}
"""The verdict on b by that on a."""
COLUMNS = [
    *GROUP, *QUANTITY, "method_a", "method_b", "reference", "difference", "ci_low", "ci_high", "n", "n_seeds",
    "higher_is_better", "verdict", "note", "p", "sd", "trainings_ci_low", "trainings_ci_high",
]  # fmt: skip
"""Columns of `differences.csv`: see `differences`."""

NAN = float("nan")
OTHER_SAMPLES = "scored on other samples"
NO_INTERVAL = "no interval from one seed"


class Difference(NamedTuple):
    """A paired difference a - b: columns of `differences`."""

    difference: float = NAN
    ci_low: float = NAN
    ci_high: float = NAN
    n: int = 0
    n_seeds: int = 0
    verdict: Verdict = ""
    note: str = ""
    p: float = NAN
    sd: float = NAN
    trainings_ci_low: float = NAN
    trainings_ci_high: float = NAN


class _Method(NamedTuple):
    """A method or reference in one quantity: its values by seed, without collapsed trainings."""

    name: str
    reference: bool
    collapsed: bool
    values: dict[int, Value]


def differences(rows: pd.DataFrame, files: SampleFiles, apart: Sequence[str] = ()) -> pd.DataFrame:
    """Compare every two methods of a group, and every method with every reference, in each quantity.

    See `difference`. Over several seeds, the error is pooled over the methods of the quantity; see
    `pooled_error`. Collapsed trainings are left out, unless all of a method have collapsed. Nothing is
    corrected for the number of comparisons. With `seed` among the columns `apart`, each seed is compared by
    itself.

    Returns:
        One row per pair and quantity that has a direction of merit, in the order of `by_seed`, with
        `GROUP`, `QUANTITY` and: `method_a`, `method_b` (with variants, as in `leaderboard.wide`), `reference`
        (whether `method_b` is a floor or a ceiling), `higher_is_better`, the fields of `Difference`, and the
        columns `apart`.
    """
    rows, keys = by_seed(rows), [*GROUP, *apart, *QUANTITY]
    records: list[dict[str, Any]] = []
    for key, same in rows[rows["value"].notna()].groupby(keys, sort=False):
        directions = same["higher_is_better"].dropna()
        if directions.empty:
            continue
        direction, scale = bool(directions.iloc[0]), scale_of(str(same["metric"].iloc[0]), same["value"])
        shared = dict(zip(keys, key, strict=True)) | {"higher_is_better": direction}
        methods = [_method(line, own) for line, own in same.groupby(LINE, sort=False)]
        error, pooled = _pooled(methods, scale)
        for a, b in combinations(methods, 2):
            if not a.reference:
                names = {"method_a": a.name, "method_b": b.name, "reference": b.reference}
                # A reference has no training: its error is smaller than that of the methods.
                own_error = error if a.name in pooled and (b.reference or b.name in pooled) else None
                result = difference(a.values, b.values, files, direction, scale=scale, error=own_error)
                records.append(shared | names | result._asdict())
    return pd.DataFrame.from_records(records, columns=[*COLUMNS, *apart])


def _method(line: Sequence[Any], rows: pd.DataFrame) -> _Method:
    kept = not_collapsed(rows)
    collapsed = bool(kept["collapsed"].any())
    return _Method(row_name(line), bool(rows["reference"].iloc[0]), collapsed, values_by_seed(kept))


def _pooled(methods: Sequence[_Method], scale: Scale) -> tuple[PooledError | None, set[str]]:
    """The error pooled over methods, of the seeds that all of them have, and their names."""
    trained = [method for method in methods if not (method.reference or method.collapsed)]
    common = sorted(set.intersection(*(set(method.values) for method in trained))) if trained else []
    values = [[method.values[seed].value for seed in common] for method in trained]
    error = pooled_error(scale.forward(np.array(values))) if common else None
    return error, {trained[i].name for i in error.methods} if error else set()


def values_by_seed(rows: pd.DataFrame) -> dict[int, Value]:
    """The values in rows of one method and quantity, as from `by_seed`."""
    return {value.seed: value for value in map(Value._make, rows[list(Value._fields)].to_numpy())}


def difference(
    a: Mapping[int, Value],
    b: Mapping[int, Value],
    files: SampleFiles,
    higher_is_better: bool,
    files_b: SampleFiles | None = None,
    *,
    scale: Scale,
    error: PooledError | None = None,
) -> Difference:
    """Compare two methods in one quantity, by their values by seed; `files_b` if b is of other run folders.

    Values of the same seed are compared if they were scored on the same samples: as many, of the same groups.
    Over several seeds the 95 % interval is Student's t over the seeds' differences on `scale`, with the
    pooled `error` if there is one: it holds for other trainings, splits and pairs, on the same data. It needs
    no samples; if these are lost, an equal seed and number of samples are taken for equal samples. The
    interval for these very trainings is that of a bootstrap over the groups of the samples, averaged over
    seeds: it holds on other classes (and content images) of the same kind. With one seed it is the only one.

    Returns:
        `difference` is the mean over seeds; interval ends are NaN without an interval; `n` is the number of
        samples, over all seeds; `verdict` on a is empty without an interval; `note` says why something is
        missing; `sd` is the standard deviation of the seeds' differences.
    """
    files_b = files_b or files
    common = sorted(a.keys() & b.keys())
    paired = [seed for seed in common if _same_samples(a[seed], files, b[seed], files_b)]
    if not paired:
        return Difference(note=OTHER_SAMPLES if common else "no seed in common")
    values = np.array([[side[seed].value for seed in paired] for side in (a, b)])
    plain = values[0] - values[1]
    trainings, note, sd = *_bootstrap([(a[seed], b[seed]) for seed in paired], files, files_b), NAN
    tested = trainings
    if len(paired) > 1:
        tested, note, sd = _over_seeds(values, scale, error), "", float(np.std(plain, ddof=1))
    total = len(a.keys() | b.keys())
    if len(paired) < total:
        note = "; ".join(filter(None, (note, f"mean of {len(paired)} of {total} seeds")))
    return Difference(
        difference=float(plain.mean()),
        ci_low=tested.low,
        ci_high=tested.high,
        n=sum(a[seed].n for seed in paired),
        n_seeds=len(paired),
        verdict=verdict_on(tested.low, tested.high, higher_is_better),
        note=note,
        p=tested.p,
        sd=sd,
        trainings_ci_low=trainings.low,
        trainings_ci_high=trainings.high,
    )


def _over_seeds(values: Floats, scale: Scale, error: PooledError | None) -> Tested:
    """The interval of the difference of two methods, (2, N), over seeds, in the unit of the values."""
    a, b = scale.forward(values)
    low, high, p = student_test(a - b, error)
    middle = np.concatenate([a, b]).mean()
    # Around the level of both methods; a difference of 0 remains 0.
    low, high = sorted(float(scale.back(middle + x / 2) - scale.back(middle - x / 2)) for x in (low, high))
    # On another scale the mean of very unequal seeds may lie outside.
    mean = float((values[0] - values[1]).mean())
    return Tested(min(low, mean), max(high, mean), p)


def _same_samples(a: Value, files_a: SampleFiles, b: Value, files_b: SampleFiles) -> bool:
    try:
        return a.n == b.n and np.array_equal(files_a.samples(a).groups, files_b.samples(b).groups)
    except NoSamplesError:
        return a.n == b.n


def _bootstrap(
    pairs: Sequence[tuple[Value, Value]], files_a: SampleFiles, files_b: SampleFiles
) -> tuple[Tested, str]:
    """The interval of the difference for these trainings, of one seed or more; NaN and the reason if none."""
    means, fewest = [], []
    try:
        for a, b in pairs:
            (means_a, n_groups), (means_b, _) = files_a.resampled(a), files_b.resampled(b)
            if means_a is None or means_b is None:
                raise NoSamplesError("all samples are of one group")
            means.append(means_a - means_b)
            fewest.append(n_groups)
    except NoSamplesError as error:
        return Tested(NAN, NAN, NAN), f"{error}: {NO_INTERVAL}"
    shortest = min(map(len, means))
    return bootstrap_test(np.mean([own[:shortest] for own in means], axis=0), min(fewest)), ""


def verdict_on(low: float, high: float, higher_is_better: bool) -> Verdict:
    """The verdict on a by the interval of its difference from b; empty if there is none."""
    if np.isnan([low, high]).any():
        return ""
    if low <= 0 <= high:
        return TIE
    return "better" if (low > 0) == higher_is_better else "worse"
