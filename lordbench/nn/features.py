"""VGG16 as a frozen feature extractor, and the preparation of images for ImageNet networks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import models

from lordbench.nn import weights

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def vgg16_features() -> nn.Sequential:
    """Torchvision's `vgg16().features` on the CPU: frozen, in evaluation mode, and no ReLU in place.

    Raises:
        MissingWeightsError: the weights are not on this machine.
    """
    # On the meta device: random initialization costs seconds and draws from the global generator.
    with torch.device("meta"):
        network: nn.Sequential = models.vgg16(weights=None).features
    state = {key.removeprefix("features."): value for key, value in weights.load("vgg16").items()}
    network.load_state_dict(state, assign=True)
    for layer in network:
        if isinstance(layer, nn.ReLU):
            layer.inplace = False
    return network.eval().requires_grad_(False)


def vgg16_activations(
    network: nn.Sequential, images: Tensor, layers: Sequence[int], relu: bool = True
) -> list[Tensor]:
    """Activations of VGG16 at several layers, in one pass.

    Args:
        network: from `vgg16_features`.
        images: float, (N, 3, H, W), normalised by `imagenet_normalise`; H and W at least 32 for layer 30.
        layers: indices into `features`, ascending. Convolutions: conv1_1 0, conv1_2 2, conv2_1 5, conv2_2 7,
            conv3_1 10, conv3_2 12, conv3_3 14, conv4_1 17, conv4_2 19, conv4_3 21, conv5_1 24, conv5_2 26,
            conv5_3 28. The ReLU of each is at the next index. Poolings: 4, 9, 16, 23 and 30.
        relu: for a convolution, return the output of its ReLU, as from torchvision's network, whose ReLUs
            overwrite it in place; if False, return the output of the convolution itself.

    Returns:
        For each layer float (N, C, h, w).
    """
    wanted = [i + 1 if relu and isinstance(network[i], nn.Conv2d) else i for i in layers]
    outputs: dict[int, Tensor] = {}
    for index, layer in enumerate(network[: max(wanted) + 1]):
        images = layer(images)
        if index in wanted:
            outputs[index] = images
    return [outputs[index] for index in wanted]


def imagenet_normalise(images: Tensor) -> Tensor:
    """Normalise images, float [0, 1] (N, 3, H, W), to the mean and deviation of torchvision's networks."""
    mean = images.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    std = images.new_tensor(IMAGENET_STD).view(1, 3, 1, 1)
    return (images - mean) / std


def to_rgb(images: Tensor) -> Tensor:
    """Tile grey images to three channels: (N, 1 or 3, H, W) -> (N, 3, H, W)."""
    return images.expand(-1, 3, -1, -1)


def resize(images: Tensor, size: int) -> Tensor:
    """Resize images (N, C, H, W) to (N, C, size, size), bilinearly; antialiased where they shrink."""
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode="bilinear", align_corners=False, antialias=True)
