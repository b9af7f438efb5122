"""Reconstruction losses that all methods share, so that none is judged by a better one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lordbench.nn.perceptual import PerceptualLoss

Reconstruction = Literal["perceptual", "pyramid", "published"]
"""`perceptual`: pixel L1 plus VGG16 features (LORD's); `pyramid`: pixel L1 at three scales, which needs no
network and suits small images on a CPU; `published`: the loss of the method's own paper."""

ReconstructionLoss = Callable[[Tensor, Tensor], Tensor]
"""(output, target), both float [0, 1] (N, C, S, S) -> scalar."""

PYRAMID = (1, 2, 4)


def pyramid(output: Tensor, target: Tensor) -> Tensor:
    """Mean of the absolute differences at full, half and quarter resolution, summed over the three."""
    difference = (output - target).float()
    total = difference.abs().mean()
    for factor in PYRAMID[1:]:
        # Averaging is linear: the difference of the averages is the average of the difference.
        total = total + F.avg_pool2d(difference, factor).abs().mean()
    return total


def reconstruction_loss(
    name: Reconstruction, published: Callable[[], ReconstructionLoss], device: torch.device
) -> ReconstructionLoss:
    """Give the loss called `name`, on `device`; `published` makes the one of the method's own paper.

    Raises:
        MissingWeightsError: VGG16's weights are needed, and not on this machine.
    """
    makers: dict[str, Callable[[], ReconstructionLoss]] = {
        "perceptual": PerceptualLoss,
        "pyramid": lambda: pyramid,
        "published": published,
    }
    loss = makers[name]()
    return loss.to(device) if isinstance(loss, nn.Module) else loss
