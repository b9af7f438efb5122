"""Images as vectors, for distances between sets and for clustering: VGG16's last activations, averaged."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from lordbench.evaluation.metric import SetMetric
from lordbench.evaluation.winograd import RectifiedConv2d, WinogradConv2d
from lordbench.nn import weights
from lordbench.nn.features import imagenet_normalise, resize, to_rgb, vgg16_features
from lordbench.utils.parallel import full_precision

POOLED_SIZE = 64
WINOGRAD_FILTERS = 128
"""Output channels from which Winograd's form is faster than the convolution itself."""
POOLED_LAYER = 29
"""Index into torchvision's `vgg16().features`: the ReLU behind conv5_3, the last one."""


class PooledVgg16(nn.Module):
    """One vector an image for distances between sets: VGG16's last activations, averaged over the image.

    Images are resized to 64 x 64, the size of most images here, and give 512 values, the means of the
    4 x 4 positions behind conv5_3's ReLU.

    Args:
        device: where the network runs; a CPU gets Winograd's form of the convolutions.

    Raises:
        MissingWeightsError: the weights are not on this machine.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        network = vgg16_features()[: POOLED_LAYER + 1]
        self.by_winograd = device.type == "cpu"
        if self.by_winograd:
            network = _for_cpu(network)
        self.network = network.to(device).to(memory_format=torch.channels_last)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Features of float [0, 1] images, (N, 1 or 3, H, W): float32 (N, 512)."""
        prepared = imagenet_normalise(to_rgb(resize(images.float(), POOLED_SIZE)))
        with full_precision():
            activations: Tensor = self.network(prepared)
        return activations.mean(dim=(2, 3))

    def policy(self) -> str:
        """How the features are made, in a few words."""
        return (
            f"VGG16 conv5_3 after ReLU, averaged to 512-d; bilinear to {POOLED_SIZE} px, antialiased; "
            f"ImageNet normalisation; {'Winograd convolutions; ' if self.by_winograd else ''}"
            f"weights {weights.checksum('vgg16')}"
        )


def _for_cpu(network: nn.Sequential) -> nn.Sequential:
    """The same function of images of POOLED_SIZE, each convolution and its ReLU exchanged for one layer."""
    size, exchanged = POOLED_SIZE, nn.Sequential()
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            kind = WinogradConv2d if layer.out_channels >= WINOGRAD_FILTERS else RectifiedConv2d
            exchanged.append(kind(layer, size))
        elif isinstance(layer, nn.MaxPool2d):
            exchanged.append(layer)
            size //= 2
    return exchanged


class Vgg16Metric(SetMetric):
    """A distance between sets of images on 512 pooled features of VGG16; a subclass adds `distance`.

    Attributes:
        statistics: how the distance is computed, for the policy.

    Raises:
        MissingWeightsError: VGG16's weights are not on this machine.
    """

    higher_is_better: ClassVar[bool] = False
    weights: ClassVar[tuple[str, ...]] = ("vgg16",)
    features_of: ClassVar[str] = "vgg16"
    side: ClassVar[int] = POOLED_SIZE
    thread_safe: ClassVar[bool] = True
    statistics: ClassVar[str]

    def __init__(self, device: torch.device) -> None:
        self.network = PooledVgg16(device)

    def features(self, images: Tensor) -> Tensor:
        """Features of float [0, 1] images (N, 1 or 3, H, W): float32 (N, 512)."""
        pooled: Tensor = self.network(images)
        return pooled

    def policy(self) -> str:
        """Network, resizing, the weights' checksum and the statistics."""
        return f"{self.network.policy()}; {self.statistics}"
