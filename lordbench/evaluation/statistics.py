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
RESAMPLES = 2000
LEVEL = 0.95
BLOCK = 100
"""Resamples per block; bounds memory."""


class Estimate(NamedTuple):
    """A mean with its 95 % interval; no interval where all values are of one group."""

    value: float
    low: float | None
    high: float | None
    n: int


def mean_interval(
    values: Floats, groups: Groups, generator: np.random.Generator, resamples: int = RESAMPLES
) -> Estimate:
    """Return the mean of values, (N,), finite, with its expanded percentile interval (cluster bootstrap)."""
    mean, fewest = float(np.mean(values)), fewest_groups(groups)
    if fewest < 2:
        return Estimate(mean, None, None, len(values))
    low, high = percentiles(resampled_means(values, groups, generator, resamples), fewest)
    return Estimate(mean, low, high, len(values))


def resampled_means(
    values: Floats, groups: Groups, generator: np.random.Generator, resamples: int = RESAMPLES
) -> npt.NDArray[np.float64]:
    """Return means of finite values over resampled groups, two or more in each way (cluster bootstrap).

    Whole groups are drawn with replacement, not single values: values of one group are dependent, and
    treating them as independent would make the interval too narrow (Davison & Hinkley 1997, section 3.8).
    Where values are grouped in several ways at once (a transfer belongs to its class and to its content
    image), the groups of each way are drawn independently, and a value counts as often as the product of its
    groups' counts (Owen 2007, the pigeonhole bootstrap).

    The draws depend on the groups and the generator only: with equal ones, two calls see the same resamples,
    and the difference of their means is that of the paired values.

    Values are (N,), or (N, K) for K means over the same resamples; the result is (R,) or (R, K). R may be
    less than `resamples`, as crossed groups may have drawn no value at all.
    """
    factors = _factors(groups)
    sizes = [int(factor.max()) + 1 for factor in factors]
    drawn = [generator.multinomial(n, np.full(n, 1 / n), size=resamples) for n in sizes]
    means = []
    for start in range(0, resamples, BLOCK):
        weights = np.ones((1, len(values)))
        for counts, factor in zip(drawn, factors, strict=True):
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


def expanded_tail(n: int) -> float:
    """Return the share of resampled means outside the interval at each end, for `n` groups."""
    reach = np.sqrt(n / (n - 1)) * special.stdtrit(n - 1, (1 + LEVEL) / 2)
    return float(special.ndtr(-reach))


def fewest_groups(groups: Groups) -> int:
    """Return the number of groups; the smallest such number where values are grouped in several ways."""
    return min(int(factor.max()) + 1 for factor in _factors(groups))


def student_interval(values: Floats) -> tuple[float, float]:
    """Return the ends of Student's t interval of the mean of independent values, (N,), N of 2 or more."""
    standard_error = np.std(values, ddof=1) / np.sqrt(len(values))
    reach = special.stdtrit(len(values) - 1, (1 + LEVEL) / 2) * standard_error
    return float(np.mean(values) - reach), float(np.mean(values) + reach)


def _factors(groups: Groups) -> list[Int64Array]:
    """Number the groups of each way from 0."""
    ways = groups if isinstance(groups, tuple) else (groups,)
    return [np.unique(way, return_inverse=True)[1] for way in ways]
