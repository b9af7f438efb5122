"""95 % intervals of means: over dependent samples by the cluster bootstrap, over seeds by Student's t."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special  # not scipy.stats, whose import takes a second of every command

from lordbench.data.images import Int64Array

Groups = Int64Array | tuple[Int64Array, ...]
"""Which values are dependent, int64 (N,): those of equal numbers. A tuple where they are grouped in several
ways at once."""
Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
RESAMPLES = 2000
LEVEL = 0.95
BLOCK = 100
"""Resamples per block; bounds memory."""
TOO_NOISY = 0.05
"""A method is left out of the pooled error if an F test finds its own larger at this level."""
REACH = 0.55, 4.0
"""Multiples of a pair's own p value between which that with the pooled error is kept. So equal methods differ
significantly in less than 10 % of cases even if their errors differ in a way that the F test does not see."""


class Estimate(NamedTuple):
    """A mean with its 95 % interval; no interval where all values are of one group."""

    value: float
    low: float | None
    high: float | None
    n: int


class Tested(NamedTuple):
    """The 95 % interval of a mean, and the two-sided p value of its being 0."""

    low: float
    high: float
    p: float


class PooledError(NamedTuple):
    """Variance of a training's value, pooled over `methods` (their indices), and its degrees of freedom."""

    variance: float
    df: int
    methods: frozenset[int]


def mean_interval(
    values: Floats | Bools, groups: Groups, generator: np.random.Generator, resamples: int = RESAMPLES
) -> Estimate:
    """Return the mean of values, (N,), finite, with its expanded percentile interval (cluster bootstrap).

    Of answers, bool, that are all right or all wrong the interval is `unanimous_interval`.
    """
    mean, fewest = float(np.mean(values)), fewest_groups(groups)
    if fewest < 2:
        return Estimate(mean, None, None, len(values))
    if values.dtype == np.bool_ and (ends := unanimous_interval(values, groups)):
        return Estimate(mean, *ends, len(values))
    if (values == values[0]).all():  # what resampling would find, in no time: chance levels are often equal
        return Estimate(mean, mean, mean, len(values))
    means = Resamples(groups, generator, resamples).means(values.astype(np.float64))
    return Estimate(mean, *percentiles(means, fewest), len(values))


def unanimous_interval(correct: Floats | Bools, groups: Groups) -> tuple[float, float] | None:
    """Return a 95 % interval of accuracy where all M answers, bool (M,), are right, or all wrong.

    Resampling cannot vary such answers. This is the exact binomial interval (Clopper & Pearson 1934) of as
    many trials as there are groups, in the way of grouping with the fewest, since answers within a group may
    be fully dependent. None for mixed answers and for a single group.
    """
    n = fewest_groups(groups)
    if n < 2 or len(np.unique(correct)) > 1:
        return None
    reach = float(1 - ((1 - LEVEL) / 2) ** (1 / n))
    return (1 - reach, 1.0) if correct[0] else (0.0, reach)


class Resamples:
    """Groups drawn with replacement, two or more in each way, again and again (cluster bootstrap).

    Whole groups are drawn, not single values: values of one group are dependent, and treating them as
    independent would make the interval too narrow (Davison & Hinkley 1997, section 3.8). Where values are
    grouped in several ways at once (a transfer belongs to its class and to its content image), the groups of
    each way are drawn independently, and a value counts as often as the product of its groups' counts (Owen
    2007, the pigeonhole bootstrap).

    The draws depend on the groups and the generator only: of two values with the same resamples, the
    difference of their means is that of the paired values.
    """

    def __init__(self, groups: Groups, generator: np.random.Generator, resamples: int = RESAMPLES) -> None:
        self._factors = _factors(groups)
        sizes = [int(factor.max()) + 1 for factor in self._factors]
        # A group is drawn about once, so a count is small.
        self._drawn = [
            generator.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.int16) for n in sizes
        ]

    def means(self, values: Floats) -> npt.NDArray[np.float64]:
        """Return the means of finite values over each resample.

        Values are (N,), or (N, K) for K means; the result is (R,) or (R, K). R may be less than the number of
        resamples, as crossed groups may have drawn no value at all.
        """
        means = []
        for start in range(0, len(self._drawn[0]), BLOCK):
            weights = np.ones((1, len(values)))
            for counts, factor in zip(self._drawn, self._factors, strict=True):
                weights = weights * counts[start : start + BLOCK, factor]
            totals = weights.sum(axis=1)
            nonempty = totals > 0
            means.append(((weights @ values)[nonempty].T / totals[nonempty]).T)
        return np.concatenate(means)


def percentiles(means: npt.NDArray[np.float64], n_groups: int) -> tuple[float, float]:
    """Return the ends of the expanded percentile interval of resampled means, (R,).

    With few groups the plain percentiles lie too close to the mean. They are moved out as Student's t lies
    further out than the normal distribution (Hesterberg 2015, the expanded percentile interval).
    """
    tail = expanded_tail(n_groups)
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def bootstrap_test(means: npt.NDArray[np.float64], n_groups: int) -> Tested:
    """Return the expanded percentile interval of resampled mean differences, (R,), with its p value."""
    below = (np.mean(means < 0) + np.mean(means <= 0)) / 2
    z = special.ndtri(np.clip(below, 0.5 / len(means), 1 - 0.5 / len(means)))
    return Tested(
        *percentiles(means, n_groups), _p_value(z * np.sqrt((n_groups - 1) / n_groups), n_groups - 1)
    )


def expanded_tail(n: int) -> float:
    """Return the share of resampled means outside the interval at each end, for `n` groups."""
    reach = np.sqrt(n / (n - 1)) * special.stdtrit(n - 1, (1 + LEVEL) / 2)
    return float(special.ndtr(-reach))


def fewest_groups(groups: Groups) -> int:
    """Return the number of groups; the smallest such number where values are grouped in several ways."""
    return min(int(factor.max()) + 1 for factor in _factors(groups))


def student_test(values: Floats, pooled: PooledError | None = None) -> Tested:
    """Return Student's t interval of the mean of independent values, (N,), N of 2 or more, with its p value.

    Differences of two methods over seeds may be given the pooled error of single trainings. Its p value is
    kept within `REACH` of that of the differences alone, and the interval accordingly.
    """
    n, mean, alpha = len(values), float(np.mean(values)), 1 - LEVEL
    own = float(np.std(values, ddof=1) / np.sqrt(n))
    p, reach = _p_value(_ratio(mean, own), n - 1), _quantile(alpha, n - 1) * own
    if pooled is not None:
        error = float(np.sqrt(2 * pooled.variance / n))
        low, high = sorted(_quantile(alpha / factor, n - 1) * own for factor in REACH)
        reach = float(np.clip(_quantile(alpha, pooled.df) * error, low, high))
        p = float(np.clip(_p_value(_ratio(mean, error), pooled.df), REACH[0] * p, min(REACH[1] * p, 1)))
    return Tested(mean - reach, mean + reach, p)


def pooled_error(values: Floats) -> PooledError | None:
    """Return the error of the model method + seed + error, of values (M, S) of M methods with S seeds each.

    The residual variance is pooled over the methods: (M - 1) (S - 1) degrees of freedom. The method with the
    largest error is left out if that is larger than the error of the others (`TOO_NOISY`), then the next.
    None if fewer than three methods remain: the error of two is that of their differences.
    """
    methods, n_seeds = np.arange(len(values)), values.shape[1]
    while len(methods) > 2 and n_seeds > 1:
        kept = values[methods]
        residuals = kept - kept.mean(axis=0) - kept.mean(axis=1, keepdims=True) + kept.mean()
        squares = (residuals**2).sum(axis=1)
        total, df = float(squares.sum()), (len(methods) - 1) * (n_seeds - 1)
        # What the sum of squares loses if the noisiest method is left out: the square of its contrast.
        excess = float(squares.max()) * len(methods) / (len(methods) - 1)
        ratio = _ratio(excess / (n_seeds - 1), max(total - excess, 0.0) / (df - n_seeds + 1))
        if special.fdtrc(n_seeds - 1, df - n_seeds + 1, ratio) >= TOO_NOISY:
            return PooledError(total / df, df, frozenset(map(int, methods)))
        methods = np.delete(methods, int(squares.argmax()))
    return None


def _quantile(p: float, df: int) -> float:
    """The t value that is exceeded, in either direction, with probability p."""
    return float(special.stdtrit(df, 1 - p / 2))


def _p_value(t: float, df: int) -> float:
    return float(2 * special.stdtr(df, -abs(t)))


def _ratio(value: float, error: float) -> float:
    """A quotient in which 0 / 0 is 0, and other values without error are infinite."""
    return value / error if error else np.copysign(np.inf, value) if value else 0.0


def _factors(groups: Groups) -> list[Int64Array]:
    """Number the groups of each way from 0."""
    ways = groups if isinstance(groups, tuple) else (groups,)
    return [np.unique(way, return_inverse=True)[1] for way in ways]
