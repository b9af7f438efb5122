"""Intervals of means over images, where images of one class are not independent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from lordbench.images import Int64Array

Groups = Int64Array | tuple[Int64Array, ...]
"""Which values go together, int64 (N,); several, where values go together in several ways."""
RESAMPLES = 2000
LEVEL = 0.95
BLOCK = 100
"""Resamples at a time, so that memory does not grow with all of them."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval; no interval where all values are of one group."""

    value: float
    low: float | None
    high: float | None
    n: int


def mean_interval(
    values: npt.NDArray[np.floating],
    groups: Groups,
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Mean of values, with an expanded percentile interval by the cluster bootstrap.

    Whole groups are drawn with replacement, not single values: values of one group go together, and
    treating them as independent would make the interval too narrow (Davison & Hinkley 1997, section 3.8).
    Where values are grouped in several ways at once (a transfer belongs to its class and to the image that
    gives the content), the groups of each are drawn by themselves, and a value counts as often as the product
    of its groups' counts (Owen 2007, the pigeonhole bootstrap).

    With few groups percentiles lie too close to the mean; they are taken further out, as Student's t lies
    further out than the normal distribution (Hesterberg 2015, the expanded percentile interval).

    Args:
        values: (N,), finite.
        groups: which values go together, e.g. the class of each image.
        generator: of the resampling.
        resamples: how often.
    """
    factors = [
        np.unique(f, return_inverse=True)[1] for f in (groups if isinstance(groups, tuple) else (groups,))
    ]
    levels = [int(factor.max()) + 1 for factor in factors]
    mean = float(np.mean(values))
    if min(levels) < 2:
        return Estimate(mean, None, None, len(values))
    drawn = [generator.multinomial(n, np.full(n, 1 / n), size=resamples) for n in levels]
    means = []
    for start in range(0, resamples, BLOCK):
        weights = np.ones((1, len(values)))
        for counts, factor in zip(drawn, factors, strict=True):
            weights = weights * counts[start : start + BLOCK, factor]
        totals = weights.sum(axis=1)
        some = totals > 0  # crossed groups may have drawn no value at all
        means.append((weights @ values)[some] / totals[some])
    tail = expanded_tail(min(levels))
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail])
    return Estimate(mean, float(low), float(high), len(values))


def expanded_tail(n: int) -> float:
    """Share of resampled means to leave out at each end, for `n` groups; below (1 - LEVEL) / 2."""
    reach = np.sqrt(n / (n - 1)) * stats.t.ppf((1 + LEVEL) / 2, n - 1)
    return float(stats.norm.cdf(-reach))
