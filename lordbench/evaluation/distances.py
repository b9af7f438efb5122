"""Distances between two sets of feature vectors, in float64."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lordbench.utils.errors import UserError

Features = npt.NDArray[np.float64]
"""(N, D), one vector a sample."""

BLOCK = 1024


def frechet(fake: Features, real: Features) -> float:
    """Squared Fréchet distance between Gaussians fitted to two sets (Heusel 2017, eq. 6).

    |mu_f - mu_r|^2 + tr(S_f) + tr(S_r) - 2 tr((S_f S_r)^(1/2)), with unbiased covariances S. If S_f = A'A
    and S_r = B'B, the last trace is the sum of the singular values of AB', so no root of an ill-conditioned
    product is taken, and sets of fewer samples than dimensions need no correction.

    Args:
        fake: (N, D), N of 2 or more.
        real: (M, D), likewise.

    Raises:
        UserError: a set has fewer than two samples.
    """
    _need_two(fake, real)
    mean_gap = fake.mean(axis=0) - real.mean(axis=0)
    a, b = _covariance_factor(fake), _covariance_factor(real)
    cross = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    # Rounding can bring the distance of equal sets just below zero.
    return max(0.0, float(mean_gap @ mean_gap + (a * a).sum() + (b * b).sum() - 2 * cross))


def kernel(fake: Features, real: Features) -> float:
    """Squared maximum mean discrepancy, kernel (x'y / D + 1)^3, unbiased (Bińkowski 2018, sections 3 and 4).

    The estimator runs over the full sets, not over subsets drawn at random; equal distributions give zero on
    average, so it can be negative.

    Args:
        fake: (N, D), N of 2 or more.
        real: (M, D), likewise.

    Raises:
        UserError: a set has fewer than two samples.
    """
    _need_two(fake, real)
    n, m = len(fake), len(real)
    within_fake = (_kernel_sum(fake, fake) - _kernel_of(fake, fake).sum()) / (n * (n - 1))
    within_real = (_kernel_sum(real, real) - _kernel_of(real, real).sum()) / (m * (m - 1))
    return float(within_fake + within_real - 2 * _kernel_sum(fake, real) / (n * m))


def _covariance_factor(features: Features) -> Features:
    """A (min(N, D), D) matrix A with A'A the covariance of features."""
    centred = features - features.mean(axis=0)
    factor: Features = np.linalg.qr(centred, mode="r") / np.sqrt(len(features) - 1)
    return factor


def _kernel_sum(x: Features, y: Features) -> float:
    """Sum of the kernel over all pairs, a block of rows at a time to bound memory."""
    dimensions = x.shape[1]
    blocks = (x[start : start + BLOCK] for start in range(0, len(x), BLOCK))
    return sum(float((((block @ y.T) / dimensions + 1) ** 3).sum()) for block in blocks)


def _kernel_of(x: Features, y: Features) -> Features:
    """The kernel of corresponding rows: (N,)."""
    values: Features = ((x * y).sum(axis=1) / x.shape[1] + 1) ** 3
    return values


def _need_two(fake: Features, real: Features) -> None:
    if min(len(fake), len(real)) < 2:
        raise UserError(
            f"a distance between sets needs two samples of each; there are {len(fake)} and {len(real)}",
            "Score more images.",
        )
