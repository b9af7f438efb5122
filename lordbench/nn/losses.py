"""Losses that methods share: reconstruction losses, and the parts of variational objectives."""

import copy
import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lordbench.nn.features import imagenet_normalise, to_rgb, vgg16_activations, vgg16_features

Reconstruction = Literal["perceptual", "pyramid", "published"]
"""`perceptual`: pixel L1 plus VGG16 features (LORD's); `pyramid`: pixel L1 at three scales, which needs no
network and suits small images on a CPU; `published`: the loss of the method's own paper."""
ReconstructionLoss = Callable[[Tensor, Tensor], Tensor]
"""(output, target), both float [0, 1] (N, C, S, S) -> scalar."""
LAYERS = (2, 7, 12, 21, 30)
"""Indices into torchvision's `vgg16().features`: the outputs of conv1_2, conv2_2, conv3_2 and conv4_3 after
their ReLU, and the last pooling."""


def reconstruction_loss(
    name: Reconstruction, published: ReconstructionLoss | None, device: torch.device
) -> ReconstructionLoss:
    """Return a reconstruction loss on `device`; `published` is the paper's, None if that is perceptual."""
    if name == "pyramid":
        return pyramid
    return published if name == "published" and published else PerceptualLoss().to(device)


class PerceptualLoss(nn.Module):
    """Pixel L1 plus the sum over layers of the L1 between VGG16 activations (Gabbay & Hoshen 2020, eq. 2).

    Layers and weighting are those of the authors' PyTorch release. Normalising images for VGG16 and tiling
    grey ones to three channels are our decisions. The network is frozen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.network = vgg16_features().to(memory_format=torch.channels_last)
        self._rounded: dict[torch.dtype, nn.Sequential] = {}

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Loss between float [0, 1] images, (N, C, S, S): scalar."""
        loss = (output - target).abs().mean()
        for fake, real in zip(self._activations(output), self._activations(target), strict=True):
            # Sum in float32 without a float32 copy of the maps.
            gap = torch.linalg.vector_norm(fake - real.detach(), 1, dtype=torch.float32)
            loss = loss + gap / fake.numel()
        return loss

    def _activations(self, images: Tensor) -> list[Tensor]:
        network, device = self.network, images.device.type
        if torch.is_autocast_enabled(device):
            # Autocast would round the frozen weights in every pass.
            dtype = torch.get_autocast_dtype(device)
            if dtype not in self._rounded:
                self._rounded[dtype] = copy.deepcopy(self.network).to(dtype)
            network = self._rounded[dtype]
        return vgg16_activations(network, imagenet_normalise(to_rgb(images)), LAYERS)


def pyramid(output: Tensor, target: Tensor) -> Tensor:
    """Sum of the L1 losses at full, half and quarter resolution: scalar."""
    difference = (output - target).float()
    total = difference.abs().mean()
    for factor in (2, 4):
        # Averaging is linear: the difference of the averages is the average of the difference.
        total = total + F.avg_pool2d(difference, factor).abs().mean()
    return total


def draw(mean: Tensor, log_variance: Tensor, generator: torch.Generator) -> Tensor:
    """Sample each Gaussian once: float32 (N, D) each -> (N, D), differentiable in both (reparameterized)."""
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
    """Negative log-likelihood of a unit-variance Gaussian around the output, in nats per image: scalar."""
    pixels = output[0].numel()
    return 0.5 * (pixels * F.mse_loss(output.float(), target) + pixels * math.log(2 * math.pi))
