"""3 x 3 convolutions with a quarter of the multiplications, for frozen networks on a CPU.

Winograd's minimal filtering F(4 x 4, 3 x 3) (Lavin & Gray, Fast Algorithms for Convolutional Neural Networks,
CVPR 2016): a tile of 4 x 4 outputs takes 36 multiplications a channel in place of 144. Equal to the
convolution up to float32 rounding. On a GPU, cuDNN chooses such an algorithm by itself.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

OUTPUT, TILE = 4, 6
"""Pixels of a side: of the outputs of a tile, and of the inputs that they depend on."""
TILES = 128
"""Tiles at a time, so that what lies between the four products is still in the cache when it is read."""
# Interpolation points 0, 1, -1, 2, -2 and infinity, as in section 4.3 of the paper.
_INPUT = [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0],
          [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]]  # fmt: skip
_FILTER = [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]
"""In units of 1/24."""
_OUTPUT = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]


class WinogradConv2d(nn.Module):
    """A frozen 3 x 3 convolution of stride 1 and padding 1, in float32.

    Args:
        convolution: whose weights, (D, C, 3, 3), and bias, (D,), are taken.
    """

    input_transform: Tensor
    output_transform: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        assert convolution.kernel_size == (3, 3)
        assert convolution.stride == convolution.padding == convolution.dilation == (1, 1)
        assert convolution.groups == 1
        assert convolution.bias is not None
        filters = convolution.weight.detach().double().flatten(2)
        one = torch.tensor(_FILTER, dtype=torch.float64) / 24
        both = torch.kron(one, one)
        self.register_buffer("weight", torch.einsum("kp,dcp->kcd", both, filters).float().contiguous())
        self.register_buffer("bias", convolution.bias.detach().clone())
        self.register_buffer("input_transform", torch.tensor(_INPUT).float())
        self.register_buffer("output_transform", torch.tensor(_OUTPUT).float())

    def forward(self, images: Tensor) -> Tensor:
        """Convolve float32 (N, C, H, W), H and W multiples of 4: (N, D, H, W), both channels last."""
        n, _, height, width = images.shape
        outputs = images.new_empty(n, height, width, len(self.bias))
        at_once = max(1, TILES // (height * width // OUTPUT**2))
        inputs = images.permute(0, 2, 3, 1)
        for part, result in zip(torch.split(inputs, at_once), torch.split(outputs, at_once), strict=True):
            self._convolve(part, result)
        return outputs.permute(0, 3, 1, 2)

    def _convolve(self, images: Tensor, result: Tensor) -> None:
        """Convolve (n, H, W, C) into (n, H, W, D)."""
        n, height, width, channels = images.shape
        down, across = height // OUTPUT, width // OUTPUT
        padded = F.pad(images, (0, 0, 1, 1, 1, 1))
        image, line, pixel, channel = padded.stride()
        # Tiles overlap by two pixels: a view, one position in the tile at a time.
        tiles = padded.as_strided(
            (TILE, TILE, n, down, across, channels),
            (line, pixel, image, OUTPUT * line, OUTPUT * pixel, channel),
        ).reshape(TILE, TILE, -1)
        transformed = _both_ways(self.input_transform, tiles).view(TILE**2, n * down * across, channels)
        products = torch.bmm(transformed, self.weight).view(TILE, TILE, -1)
        outputs = _both_ways(self.output_transform, products).view(OUTPUT, OUTPUT, n, down, across, -1)
        torch.add(
            outputs.permute(2, 3, 0, 4, 1, 5),
            self.bias,
            out=result.view(n, down, OUTPUT, across, OUTPUT, -1),
        )


def _both_ways(transform: Tensor, tiles: Tensor) -> Tensor:
    """Transform tiles along their lines, then across: (to, from) and (from, from, M) give (to, to * M)."""
    along = torch.bmm(transform.expand(len(tiles), -1, -1), tiles)
    return transform @ along.view(len(tiles), -1)
