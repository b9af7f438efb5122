"""Frozen ImageNet networks as feature extractors, and what images need before them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lordbench import weights
from lordbench.nn.frozen import RectifiedConv2d
from lordbench.nn.winograd import WinogradConv2d
from lordbench.weights import registry

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
POOLED_SIZE = 64
WINOGRAD_FILTERS = 128
"""Output channels from which Winograd's form is faster than the convolution itself."""
POOLED_LAYER = 29
"""Index into torchvision's `vgg16().features`: the ReLU behind conv5_3, the last one."""


def vgg16_features() -> nn.Sequential:
    """VGG16's `features`, layers numbered as torchvision's `vgg16().features`, on the CPU.

    Frozen, in evaluation mode, and with no ReLU in place, so that every layer's output stays as it was.

    Raises:
        MissingWeightsError: the weights are not on this machine.
    """
    network = registry.skeleton("vgg16")
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
        network: as `vgg16_features` gives it.
        images: float, (N, 3, H, W), normalised by `imagenet_normalise`; H and W of 32 at least for layer 30.
        layers: indices into `features`, ascending. Convolutions: conv1_1 0, conv1_2 2, conv2_1 5, conv2_2 7,
            conv3_1 10, conv3_2 12, conv3_3 14, conv4_1 17, conv4_2 19, conv4_3 21, conv5_1 24, conv5_2 26,
            conv5_3 28. The ReLU of each is at the next index. Poolings: 4, 9, 16, 23 and 30.
        relu: of a convolution, give the output of its ReLU, as code that reads torchvision's network does,
            whose ReLUs overwrite it in place; if False, give what the convolution itself puts out.

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
    """Bring images, float [0, 1] (N, 3, H, W), to the mean and deviation torchvision's networks expect."""
    mean = images.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    std = images.new_tensor(IMAGENET_STD).view(1, 3, 1, 1)
    return (images - mean) / std


def to_rgb(images: Tensor) -> Tensor:
    """Tile grey images to three channels: (N, 1 or 3, H, W) -> (N, 3, H, W)."""
    return images.expand(-1, 3, -1, -1)


def resize(images: Tensor, size: int) -> Tensor:
    """Bring images (N, C, H, W) to (N, C, size, size), bilinearly; antialiased where they shrink."""
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode="bilinear", align_corners=False, antialias=True)


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


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Let metrics' networks compute in float32 and deterministically: no autocast, no TF32.

    CUDA convolutions round to TF32's 10 bits by default, and a metric would differ between devices.
    """
    exact = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
    with exact, torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
        yield
