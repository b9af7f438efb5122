"""Distance correlation (Székely & Rizzo 2014): how much two samples have to do with each other."""

import torch
from torch import Tensor

LEAST = 1e-20
"""Product of distance variances below which all points of a sample count as equally far from each other."""


def distance_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Squared, bias-corrected distance correlation of two samples; 0 for fewer than four observations.

    Args:
        first: float32 (N, D). One row is one observation, the same in both samples.
        second: float32 (N, E).

    Returns:
        A scalar, as from `correlation`.
    """
    if len(first) < 4:
        return 0 * (first.sum() + second.sum())
    return correlation(centred_distances(first), centred_distances(second))


def centred_distances(sample: Tensor) -> Tensor:
    """Distances between the N >= 4 rows of (N, D), centred so that each row sums to zero: (N, N).

    The diagonal, which has no information, is zero (U-centring, eq. 2.2).
    """
    n = len(sample)
    # Not by matrix products, whose rounding gives equal rows a distance.
    distances = torch.cdist(sample, sample, compute_mode="donot_use_mm_for_euclid_dist")
    sums = distances.sum(dim=0)
    centred = distances - (sums[:, None] + sums) / (n - 2) + sums.sum() / ((n - 1) * (n - 2))
    return centred.masked_fill(torch.eye(n, dtype=torch.bool, device=sample.device), 0)


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """The distance correlation of two samples by their `centred_distances`, (N, N): a scalar (eq. 3.4).

    It is at most 1, and around 0 for independent samples, which makes it negative half of the time. It is 0
    where it is not defined: if the points of a sample are all equally far from each other.
    """
    variances = a.square().sum() * b.square().sum()
    return (a * b).sum() / variances.clamp(min=LEAST).sqrt()
