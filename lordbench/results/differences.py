"""Paired differences of methods on the same samples of the same seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
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
from lordbench.results.leaderboard import (
    DECLARED,
    Record,
    as_records,
    by_seed,
    direction,
    grouped,
    not_collapsed,
)
from lordbench.results.loading import NoSamplesError, SampleFiles, Value
from lordbench.results.names import GROUP, LINE, QUANTITY, row_name
from lordbench.results.scales import PLAIN, Scale, is_defined, scale_of

Verdict = Literal["better", "worse", "not significantly different", ""]
TIE: Verdict = "not significantly different"
COLUMNS = [
    *GROUP, *QUANTITY, "method_a", "method_b", "reference", "difference", "ci_low", "ci_high", "n", "n_seeds",
    "higher_is_better", "verdict", "note", "p", "sd", "trainings_ci_low", "trainings_ci_high", *DECLARED,
]  # fmt: skip
"""Columns of `differences.csv`: see `Differences.table`."""

NAN = float("nan")
OTHER_SAMPLES = "scored on other samples"
NO_INTERVAL = "no interval from one seed"


class Difference(NamedTuple):
    """A paired difference a - b: columns of `Differences.table`."""

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


class Method(NamedTuple):
    """A method or reference in one quantity: its values by seed, of trainings as from `not_collapsed`."""

    name: str
    reference: bool
    collapsed: bool
    values: dict[int, Value]

    @classmethod
    def of(cls, rows: Sequence[Record]) -> Method:
        """Read rows of one method and quantity, as from `by_seed`."""
        kept, name = not_collapsed(rows), row_name([rows[0][column] for column in LINE])
        collapsed = any(row["collapsed"] for row in kept)
        return cls(name, bool(rows[0]["reference"]), collapsed, values_by_seed(kept))

    @property
    def numbers(self) -> list[float]:
        """The values alone."""
        return [value.value for value in self.values.values()]


@dataclass(frozen=True)
class Quantity:
    """The methods of a group in one quantity, by name, the scale that they are compared on, and their error.

    `declared` are its `DECLARED` columns. `error` is pooled over methods and the seeds that all of them have;
    see `pooled_error`.
    """

    methods: Mapping[str, Method]
    declared: Mapping[str, str]
    higher_is_better: bool
    scale: Scale
    error: PooledError | None
    pooled: frozenset[str]

    @classmethod
    def of(cls, rows: Sequence[Record]) -> Quantity:
        """Read rows with a value, as from `by_seed`, of one quantity that has a direction of merit."""
        methods = {method.name: method for method in map(Method.of, grouped(rows, LINE).values())}
        # Not of references: the oracle, which has no error, would decide how methods are compared.
        own = [value for method in methods.values() if not method.reference for value in method.numbers]
        scale = scale_of(str(rows[0]["metric"]), own)
        trained = [method for method in methods.values() if not (method.reference or method.collapsed)]
        seeds = sorted(set.intersection(*(set(method.values) for method in trained))) if trained else []
        values = [[method.values[seed].value for seed in seeds] for method in trained]
        error = pooled_error(scale.forward(np.array(values))) if seeds else None
        pooled = frozenset(trained[i].name for i in error.methods) if error else frozenset()
        # What an experiment declares is in the rows of methods, not in those of its floors.
        newest = next((row for row in reversed(rows) if not row["reference"]), rows[-1])
        declared = {name: newest[name] for name in DECLARED}
        return cls(methods, declared, bool(direction(rows)), scale, error, pooled)

    def compare(self, a: Method, b: Method, files: SampleFiles, *, trainings: bool = True) -> Difference:
        """Compare one of the methods with a method or reference, which may be of another quantity.

        `trainings` as for `difference`.
        """
        # A reference has no training: its error is smaller than that of methods.
        shared = a.name in self.pooled and (
            b.reference or (self.methods.get(b.name) is b and b.name in self.pooled)
        )
        scale, error = (self.scale, self.error if shared else None)
        if not is_defined(scale, [*a.numbers, *b.numbers]):
            scale, error = PLAIN, None
        return difference(
            a.values, b.values, files, self.higher_is_better, scale=scale, error=error, trainings=trainings
        )


class Differences:
    """Paired differences of any two methods of a group, and of methods and references, in each quantity.

    See `difference` and `Quantity`. Collapsed trainings are left out, unless all of a method have collapsed.
    Nothing is corrected for the number of comparisons. Two methods are compared when it is asked for: all
    pairs of many methods take long, and tables need few of them.
    """

    def __init__(self, rows: pd.DataFrame, files: SampleFiles, apart: Sequence[str] = ()) -> None:
        """Take collected rows; with `seed` among the columns `apart`, each seed is compared by itself."""
        self.keys = [*GROUP, *apart, *QUANTITY]
        self._files, rows = files, by_seed(rows)
        valued = grouped(as_records(rows[rows["value"].notna()]), self.keys)
        self._quantities = {
            key: Quantity.of(same) for key, same in valued.items() if direction(same) is not None
        }
        self._verdicts: dict[tuple[tuple[Any, ...], str, str], Verdict] = {}

    def verdict(self, key: tuple[Any, ...], a: str, b: str) -> Verdict:
        """Whether a method is better than another, or than a reference; empty without an interval.

        `key` has the values of the columns `keys`; a and b are named as in `row_name`.
        """
        quantity = self._quantities.get(key)
        if quantity is None or not {a, b} <= quantity.methods.keys():
            return ""
        if (key, a, b) not in self._verdicts:
            methods = quantity.methods[a], quantity.methods[b]
            self._verdicts[key, a, b] = quantity.compare(*methods, self._files, trainings=False).verdict
        return self._verdicts[key, a, b]

    @cached_property
    def table(self) -> pd.DataFrame:
        """All pairs but those of references: a row per pair and quantity, in the order of `by_seed`.

        The columns are `COLUMNS` and those that are kept apart: `GROUP`, `QUANTITY`, `method_a`, `method_b`
        (with variants, as in `leaderboard.wide`), `reference` (whether `method_b` is a control, floor or
        ceiling), `higher_is_better`, the fields of `Difference`, `section` and `title` (see `Measurement`).
        """
        records: list[dict[str, Any]] = []
        for key, quantity in self._quantities.items():
            shared = dict(zip(self.keys, key, strict=True)) | {"higher_is_better": quantity.higher_is_better}
            shared |= quantity.declared
            for a, b in combinations(quantity.methods.values(), 2):
                if not a.reference:
                    names = {"method_a": a.name, "method_b": b.name, "reference": b.reference}
                    records.append(shared | names | quantity.compare(a, b, self._files)._asdict())
        apart = [name for name in self.keys if name not in COLUMNS]
        return pd.DataFrame.from_records(records, columns=[*COLUMNS, *apart])


def values_by_seed(rows: Iterable[Record]) -> dict[int, Value]:
    """The values in rows of one method and quantity, as from `by_seed`."""
    return {row["seed"]: Value(*(row[name] for name in Value._fields)) for row in rows}


def difference(
    a: Mapping[int, Value],
    b: Mapping[int, Value],
    files: SampleFiles,
    higher_is_better: bool,
    files_b: SampleFiles | None = None,
    *,
    scale: Scale,
    error: PooledError | None = None,
    trainings: bool = True,
) -> Difference:
    """Compare two methods in one quantity, by their values by seed; `files_b` if b is of other run folders.

    Values of the same seed are compared if they were scored on the same samples: as many, of the same groups.
    Over several seeds the 95 % interval is Student's t over the seeds' differences on `scale`, with the
    pooled `error` if there is one: it holds for other trainings, splits and pairs, on the same data. It needs
    no samples; if these are lost, an equal seed and number of samples are taken for equal samples. The
    interval for these very trainings is that of a bootstrap over the groups of the samples, averaged over
    seeds: it holds on other classes (and content images) of the same kind. With one seed it is the only one;
    of several seeds it is left out without `trainings`, as it takes most of the time.

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
    own, note, sd = Tested(NAN, NAN, NAN), "", NAN
    if trainings or len(paired) == 1:
        own, note = _bootstrap([(a[seed], b[seed]) for seed in paired], files, files_b)
    tested = own
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
        trainings_ci_low=own.low,
        trainings_ci_high=own.high,
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
