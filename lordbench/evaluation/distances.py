"""Distances between two sets of feature vectors, (N, D) and (M, D), in float64.

They raise UserError where a set has fewer than two samples.
"""

import numpy as np

from lordbench.evaluation.metric import Float64Array
from lordbench.utils.errors import UserError

BLOCK = 1024
"""Rows of the kernel matrix per block; bounds memory."""


def frechet(fake: Float64Array, real: Float64Array) -> float:
    """Return the squared Fréchet distance between Gaussians fitted to two sets (Heusel 2017, eq. 6).

    |mu_f - mu_r|^2 + tr(S_f) + tr(S_r) - 2 tr((S_f S_r)^(1/2)), with unbiased covariances S. If S_f = A'A
    and S_r = B'B, the last trace is the sum of the singular values of AB', so no root of an ill-conditioned
    product is taken, and sets of fewer samples than dimensions need no correction.
    """
    _require_two(fake, real)
    mean_gap = fake.mean(axis=0) - real.mean(axis=0)
    a, b = _covariance_factor(fake), _covariance_factor(real)
    cross = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    # Rounding can bring the distance of equal sets just below zero.
    return max(0.0, float(mean_gap @ mean_gap + (a * a).sum() + (b * b).sum() - 2 * cross))


def kernel(fake: Float64Array, real: Float64Array) -> float:
    """Return the squared maximum mean discrepancy with kernel (x'y / D + 1)^3, unbiased.

    Bińkowski 2018, sections 3 and 4. The estimator runs over the full sets, not over random subsets; equal
    distributions give zero on average, so it can be negative.
    """
    _require_two(fake, real)
    between = _kernel_sum(fake, real) / (len(fake) * len(real))
    return float(_mean_within(fake) + _mean_within(real) - 2 * between)


def _covariance_factor(features: Float64Array) -> Float64Array:
    """Return a (min(N, D), D) matrix A with A'A the covariance of features."""
    centred = features - features.mean(axis=0)
    factor: Float64Array = np.linalg.qr(centred, mode="r") / np.sqrt(len(features) - 1)
    return factor


def _mean_within(x: Float64Array) -> float:
    """Return the mean of the kernel over all pairs of different rows."""
    diagonal = ((x * x).sum(axis=1) / x.shape[1] + 1) ** 3
    return float((_kernel_sum(x, x) - diagonal.sum()) / (len(x) * (len(x) - 1)))


def _kernel_sum(x: Float64Array, y: Float64Array) -> float:
    """Return the sum of the kernel over all pairs."""
    blocks = (x[start : start + BLOCK] for start in range(0, len(x), BLOCK))
    return sum(float((((block @ y.T) / x.shape[1] + 1) ** 3).sum()) for block in blocks)


def _require_two(fake: Float64Array, real: Float64Array) -> None:
    if min(len(fake), len(real)) < 2:
        raise UserError(
            f"a distance between sets needs two samples of each; there are {len(fake)} and {len(real)}",
            "Score more images.",
        )
