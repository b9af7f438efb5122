"""Gaussians without correlations, the posteriors of VAEs, given by their means and log variances."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def draw(mean: Tensor, log_variance: Tensor, generator: torch.Generator) -> Tensor:
    """Draw once from each Gaussian: float32 (N, D) each -> (N, D), differentiable in both."""
    noise = torch.randn(mean.shape, generator=generator, device=mean.device)
    return mean + (0.5 * log_variance).exp() * noise


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL from N(0, 1), in nats, summed over dimensions: (N, D) each -> (N,)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)


def average(means: Tensor, log_variances: Tensor) -> tuple[Tensor, Tensor]:
    """Average the means and the variances of each group.

    Args:
        means: float32 (groups, members, D).
        log_variances: likewise.

    Returns:
        Mean and log variance, (groups, D) each.
    """
    return means.mean(dim=1), torch.logsumexp(log_variances, dim=1) - math.log(log_variances.shape[1])


def negative_log_likelihood(output: Tensor, target: Tensor) -> Tensor:
    """Of a Gaussian with unit variance around the output, in nats per image, averaged over images: scalar.

    Args:
        output: float (N, C, S, S).
        target: float32, likewise.
    """
    pixels = output[0].numel()
    return 0.5 * (pixels * F.mse_loss(output.float(), target) + pixels * math.log(2 * math.pi))
