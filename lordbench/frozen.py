"""Convolutions of frozen networks on a CPU, whose weights are laid out for the processor once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def convolution(
    weight: Tensor,
    bias: Tensor,
    shape: Sequence[int],
    padding: int = 0,
    groups: int = 1,
    rectified: bool = False,
) -> Callable[[Tensor], Tensor]:
    """A convolution of stride 1 with weights that stay as they are, laid out for the processor once.

    PyTorch offers that by the operators with which its own compiler freezes networks. A convolution asked for
    in the usual way lays its weights out anew each time, and does not go to oneDNN at all for few images.
    Where PyTorch is built without oneDNN, it is that usual one.

    Args:
        weight: float32 (D, C / groups, h, w).
        bias: float32 (D,).
        shape: (N, C, H, W), of the images that it will be given. Others work as well, but may be slow.
        padding: zeros around the images.
        groups: of channels.
        rectified: whether a ReLU follows.

    Returns:
        A function from float32 (N, C, H, W) to (N, D, H', W'), both channels last.
    """
    weight, pads, ones = weight.contiguous(), [padding, padding], [1, 1]
    if not torch.backends.mkldnn.is_available():
        follow = torch.relu_ if rectified else nn.Identity()
        return lambda images: follow(F.conv2d(images, weight, bias, padding=pads, groups=groups))
    packed = torch.ops.aten.mkldnn_reorder_conv2d_weight(
        weight.to_mkldnn(), pads, ones, ones, groups, list(shape)
    )
    name = "relu" if rectified else "none"

    def convolve(images: Tensor) -> Tensor:
        convolved: Tensor = torch.ops.mkldnn._convolution_pointwise(
            images, packed, bias, pads, ones, ones, groups, name, [], ""
        )
        return convolved

    return convolve


class RectifiedConv2d(nn.Module):
    """A frozen 3 x 3 convolution of stride 1 and padding 1, and the ReLU behind it, in float32.

    Args:
        layer: whose weights, (D, C, 3, 3), and bias, (D,), are taken.
        size: height and width of the images that it will be given.
    """

    def __init__(self, layer: nn.Conv2d, size: int) -> None:
        super().__init__()
        weight, bias = weights_3x3(layer)
        shape = 1, layer.in_channels, size, size
        self.convolve = convolution(weight, bias, shape, padding=1, rectified=True)

    def forward(self, images: Tensor) -> Tensor:
        """Convolve float32 (N, C, H, W), channels last: (N, D, H, W), likewise, not below 0."""
        return self.convolve(images)


def weights_3x3(layer: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Weights, (D, C, 3, 3), and bias, (D,), of a convolution of stride 1 and padding 1."""
    assert layer.kernel_size == (3, 3)
    assert layer.stride == layer.padding == layer.dilation == (1, 1)
    assert layer.groups == 1
    assert layer.bias is not None
    return layer.weight.detach(), layer.bias.detach()
