"""Intervals of means over images, where images of one class are not independent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lordbench.images import Int64Array

Groups = Int64Array | tuple[Int64Array, ...]
"""Which values go together, int64 (N,); several, where values go together in several ways."""
RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int


def mean_interval(
    values: npt.NDArray[np.floating], groups: Groups, generator: np.random.Generator
) -> Estimate:
    """Mean of values, with a percentile interval by the cluster bootstrap.

    Whole groups are drawn with replacement, not single values: values of one group go together, and
    treating them as independent would make the interval too narrow (Davison & Hinkley 1997, section 3.8).
    Where values are grouped in several ways at once (a transfer belongs to its class and to the image that
    gives the content), the groups of each are drawn by themselves, and a value counts as often as the product
    of its groups' counts (Owen 2007, the pigeonhole bootstrap).

    Args:
        values: (N,), finite.
        groups: which values go together, e.g. the class of each image.
        generator: of the resampling.
    """
    weights = np.ones((RESAMPLES, len(values)))
    for factor in groups if isinstance(groups, tuple) else (groups,):
        _, group = np.unique(factor, return_inverse=True)
        levels = int(group.max()) + 1
        drawn = generator.multinomial(levels, np.full(levels, 1 / levels), size=RESAMPLES)
        weights *= drawn[:, group]
    totals = weights.sum(axis=1)
    means = (weights @ values)[totals > 0] / totals[totals > 0]
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(np.mean(values)), float(low), float(high), len(values))
