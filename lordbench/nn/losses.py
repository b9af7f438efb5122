"""Reconstruction losses that all methods share, so that none is judged by a better one."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lordbench.nn.features import imagenet_normalise, to_rgb, vgg16_activations, vgg16_features

LAYERS = (2, 7, 12, 21, 30)
"""Indices into torchvision's `vgg16().features`: conv1_2, conv2_2, conv3_2, conv4_3 and the last pooling;
of a convolution its output after the ReLU counts."""


class PerceptualLoss(nn.Module):
    """Pixel L1 plus the sum over layers of the L1 between VGG16 activations (Gabbay & Hoshen 2020, eq. 2).

    Layers and weighting are those of the authors' PyTorch release. Two things are our decision: images are
    normalised as VGG16 was trained, and grey images are tiled to three channels. The network is frozen,
    and the target's activations are computed without gradients.

    Raises:
        MissingWeightsError: VGG16's weights are not on this machine.
    """

    def __init__(self) -> None:
        super().__init__()
        self.network = vgg16_features().to(memory_format=torch.channels_last)
        self._rounded: dict[torch.dtype, nn.Sequential] = {}

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Loss between float [0, 1] images, (N, C, S, S): scalar."""
        loss = (output - target).abs().mean()
        for fake, real in zip(self._activations(output), self._activations(target), strict=True):
            # Summed in float32, without a float32 copy of the maps.
            gap = torch.linalg.vector_norm(fake - real.detach(), 1, dtype=torch.float32)
            loss = loss + gap / fake.numel()
        return loss

    def _activations(self, images: Tensor) -> list[Tensor]:
        device = images.device.type
        network = self.network
        if torch.is_autocast_enabled(device):
            # Autocast would round the frozen weights anew in every pass.
            dtype = torch.get_autocast_dtype(device)
            if dtype not in self._rounded:
                self._rounded[dtype] = copy.deepcopy(self.network).to(dtype)
            network = self._rounded[dtype]
        return vgg16_activations(network, imagenet_normalise(to_rgb(images)), LAYERS)


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


def draw(mean: Tensor, log_variance: Tensor, generator: torch.Generator) -> Tensor:
    """Draw once from each Gaussian: float32 (N, D) each -> (N, D), differentiable in both."""
    noise = torch.randn(mean.shape, generator=generator, device=mean.device)
    return mean + (0.5 * log_variance).exp() * noise


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL from N(0, 1), in nats, summed over dimensions: (N, D) each -> (N,)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)


def average(means: Tensor, log_variances: Tensor) -> tuple[Tensor, Tensor]:
    """Average means and variances of each group: float32 (groups, members, D) each -> (groups, D) each."""
    return means.mean(dim=1), torch.logsumexp(log_variances, dim=1) - math.log(log_variances.shape[1])


def product(means: Tensor, log_variances: Tensor) -> tuple[Tensor, Tensor]:
    """Multiply the Gaussians of each group: float32 (groups, members, D) each -> (groups, D) each."""
    log_precision = torch.logsumexp(-log_variances, dim=1)
    weights = torch.exp(-log_variances - log_precision[:, None])
    return (weights * means).sum(dim=1), -log_precision


def negative_log_likelihood(output: Tensor, target: Tensor) -> Tensor:
    """Of a Gaussian with unit variance around the output, in nats per image, averaged over images: scalar.

    Args:
        output: float (N, C, S, S).
        target: float32, likewise.
    """
    pixels = output[0].numel()
    return 0.5 * (pixels * F.mse_loss(output.float(), target) + pixels * math.log(2 * math.pi))
