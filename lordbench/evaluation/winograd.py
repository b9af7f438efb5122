"""3 x 3 convolutions and their ReLU with a quarter of the multiplications, for frozen networks on a CPU.

Winograd's minimal filtering F(4 x 4, 3 x 3) (Lavin & Gray, Fast Algorithms for Convolutional Neural Networks,
CVPR 2016): a tile of 4 x 4 outputs takes 36 multiplications a channel in place of 144. Equal to the
convolution up to float32 rounding. On a GPU, cuDNN chooses such an algorithm by itself.
"""

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


OUTPUT, TILE = 4, 6
"""Pixels of a side: of the outputs of a tile, and of the inputs that they depend on."""
POSITIONS = TILE**2
CACHED = 8192
"""Tiles times channels that are transformed at a time: four bytes for each position, and as many results."""
TILES, IMAGES = 128, 64
"""Most tiles multiplied at a time, and images that they are of: as many as come in a batch."""
# Interpolation points 0, 1, -1, 2, -2 and infinity, as in section 4.3 of the paper.
_INPUT = torch.tensor([[4.0, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
                       [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]])  # fmt: skip
_FILTER = (
    torch.tensor([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]).double() / 24
)
_OUTPUT = torch.tensor([[1.0, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])
_EVERYWHERE = 1 * TILE + 1
"""The position in a tile whose product is added to all of its outputs as it is: there the bias comes in."""


class WinogradConv2d(nn.Module):
    """A frozen 3 x 3 convolution of stride 1 and padding 1, and the ReLU behind it, in float32.

    Args:
        layer: whose weights, (D, C, 3, 3), and bias, (D,), are taken.
        size: height and width of the images that it will be given, a multiple of 4.
    """

    def __init__(self, layer: nn.Conv2d, size: int) -> None:
        super().__init__()
        weight, bias = weights_3x3(layer)
        assert size % OUTPUT == 0
        self.filters = layer.out_channels
        self.across = size // OUTPUT
        # Few images are transformed at a time, many multiplied.
        tiles, widest = self.across**2, max(layer.in_channels, layer.out_channels)
        self.few = max(1, min(IMAGES, CACHED // (tiles * widest)))
        self.many = self.few * max(1, min(IMAGES, TILES // tiles) // self.few)
        both = torch.kron(_FILTER, _FILTER)
        transformed = torch.einsum("kp,dcp->kdc", both, weight.double().flatten(2)).float()
        biases = transformed.new_zeros(POSITIONS, self.filters)
        biases[_EVERYWHERE] = bias
        # The products at each position, as a 1 x 1 convolution with a group for each: on AMD's processors
        # oneDNN's convolution takes less than half the time of a batched matrix product.
        self.products = convolution(
            transformed.flatten(0, 1)[:, :, None, None],
            biases.flatten(),
            (1, POSITIONS * layer.in_channels, self.many * tiles, 1),
            groups=POSITIONS,
        )

    def forward(self, images: Tensor) -> Tensor:
        """Convolve float32 (N, C, size, size): (N, D, size, size), not below 0, both channels last."""
        n, channels, height, width = images.shape
        outputs = images.new_empty(n, height, width, self.filters)
        few, tiles = self.few, self.across**2
        before = _InputTransform(few, self.across, channels)
        after = _OutputTransform(few, self.across, self.filters)
        # Always as many tiles, since the weights are laid out for their number.
        transformed = images.new_zeros(self.many * tiles, POSITIONS * channels)
        parts = images.permute(0, 2, 3, 1).split(self.many)
        for part, result in zip(parts, outputs.split(self.many), strict=True):
            for some, into in zip(part.split(few), transformed.split(few * tiles), strict=False):
                before(some, into)
            products = self._multiply(transformed)
            for into, some in zip(result.split(few), products.split(few * tiles), strict=False):
                after(some, into)
        return outputs.permute(0, 3, 1, 2)

    def _multiply(self, tiles: Tensor) -> Tensor:
        """Products of tiles (T, 36 * C) and weights: (T, 36 * D)."""
        images = tiles.view(1, len(tiles), 1, -1).permute(0, 3, 1, 2)
        return self.products(images).permute(0, 2, 3, 1).reshape(len(tiles), -1)


class _InputTransform:
    """Cuts images into overlapping tiles and transforms them, in memory that stays in the cache.

    Args:
        n: number of images at a time.
        across: tiles in a line of an image, and lines of tiles.
        channels: of the images.
    """

    def __init__(self, n: int, across: int, channels: int) -> None:
        padded = torch.zeros(n, OUTPUT * across + 2, OUTPUT * across + 2, channels)
        image, line, pixel, channel = padded.stride()
        self.inner = padded[:, 1:-1, 1:-1]
        # Tiles overlap by two pixels: a view, one line of a tile at a time.
        self.overlapping = padded.as_strided(
            (n, across, across, TILE, TILE * channels),
            (image, OUTPUT * line, OUTPUT * pixel, line, channel),
        )
        self.tiles = torch.empty(self.overlapping.shape)
        self.along = torch.empty(n * across**2, TILE, TILE * channels)

    def __call__(self, images: Tensor, result: Tensor) -> None:
        """Transform n images or fewer, (., size, size, C), into tiles (., 36 * C)."""
        self.inner[: len(images)] = images
        self.tiles.copy_(self.overlapping)
        _both_ways(_INPUT, self.tiles.view(self.along.shape), self.along, result)


class _OutputTransform:
    """Transforms products and puts their tiles together, rectified, in memory that stays in the cache.

    Args:
        n: number of images at a time.
        across: tiles in a line of an image, and lines of tiles.
        filters: channels of the results.
    """

    def __init__(self, n: int, across: int, filters: int) -> None:
        self.along = torch.empty(n * across**2, OUTPUT, TILE * filters)
        self.tiles = torch.empty(n, across, across, OUTPUT, OUTPUT, filters)

    def __call__(self, products: Tensor, result: Tensor) -> None:
        """Transform products of n images, (n * tiles, 36 * D), into (., size, size, D), as many as wanted."""
        across = self.tiles.shape[1]
        _both_ways(_OUTPUT, products.view(len(products), TILE, -1), self.along, self.tiles)
        placed = self.tiles[: len(result)].transpose(2, 3)
        torch.clamp(placed, min=0, out=result.view(len(result), across, OUTPUT, across, OUTPUT, -1))


def _both_ways(transform: Tensor, tiles: Tensor, along: Tensor, result: Tensor) -> None:
    """Transform tiles, (T, from, from * M), along lines and then pixels by a matrix, (to, from).

    The lines go into `along`, (T, to, from * M), and the T * to * to * M values into `result`, of any shape.
    """
    to, of = transform.shape
    torch.bmm(transform.expand(len(tiles), -1, -1), tiles, out=along)
    lines = along.view(len(tiles) * to, of, -1)
    torch.bmm(transform.expand(len(lines), -1, -1), lines, out=result.view(len(lines), to, -1))
