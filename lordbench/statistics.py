"""Intervals of means over images, where images of one class are not independent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lordbench.images import Int64Array

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
    values: npt.NDArray[np.floating], groups: Int64Array, generator: np.random.Generator
) -> Estimate:
    """Mean of values, with a percentile interval by the cluster bootstrap.

    Whole groups are drawn with replacement, not single values: values of one group go together, and
    treating them as independent would make the interval too narrow (Davison & Hinkley 1997, section 3.8).

    Args:
        values: (N,), finite.
        groups: which values go together, e.g. the class of each image, int64 (N,).
        generator: of the resampling.
    """
    _, group = np.unique(groups, return_inverse=True)
    sums = np.bincount(group, weights=values)
    counts = np.bincount(group).astype(np.float64)
    drawn = generator.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=RESAMPLES)
    means = (drawn @ sums) / (drawn @ counts)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(np.mean(values)), float(low), float(high), len(values))
