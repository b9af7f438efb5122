"""VGG16 as a frozen feature extractor, and the preparation of images for ImageNet networks."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lordbench.nn import weights

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def vgg16_features() -> nn.Sequential:
    """Torchvision's `vgg16().features` on the CPU: frozen, in evaluation mode, and no ReLU in place.

    Raises:
        MissingWeightsError: the weights are not on this machine.
    """
    from torchvision import models  # As slow to import as torch, and few need it.

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
    """Activations of VGG16 at several layers, in one pass: float (N, C, h, w) each.

    Args:
        network: from `vgg16_features`.
        images: float, (N, 3, H, W), normalised by `imagenet_normalise`; H and W at least 32 for layer 30.
        layers: indices into `features`, ascending. Convolutions: conv1_* 0, 2; conv2_* 5, 7; conv3_* 10, 12,
            14; conv4_* 17, 19, 21; conv5_* 24, 26, 28; each has its ReLU at the next index. Poolings: 4, 9,
            16, 23, 30.
        relu: for a convolution, return the output of its ReLU, as from torchvision's network, whose ReLUs
            overwrite it in place; if False, return the output of the convolution itself.
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
    mean, std = (images.new_tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (images - mean) / std


def to_rgb(images: Tensor) -> Tensor:
    """Tile grey images to three channels: (N, 1 or 3, H, W) -> (N, 3, H, W)."""
    return images.expand(-1, 3, -1, -1)


def resize(images: Tensor, size: int) -> Tensor:
    """Resize images (N, C, H, W) to (N, C, size, size), bilinearly; antialiased where they shrink."""
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode="bilinear", align_corners=False, antialias=True)
