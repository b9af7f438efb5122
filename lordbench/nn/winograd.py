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
        both = _twice(_FILTER) / 24**2
        self.register_buffer("weight", torch.einsum("kp,dcp->kcd", both, filters).float().contiguous())
        self.register_buffer("bias", convolution.bias.detach().clone())
        self.register_buffer("input_transform", _twice(_INPUT).float())
        self.register_buffer("output_transform", _twice(_OUTPUT).float())

    def forward(self, images: Tensor) -> Tensor:
        """Convolve float32 (N, C, H, W), H and W multiples of 4: (N, D, H, W), both channels last."""
        n, channels, height, width = images.shape
        down, across = height // OUTPUT, width // OUTPUT
        padded = F.pad(images.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1)).contiguous()
        image, line, pixel, channel = padded.stride()
        # Tiles overlap by two pixels: a view, one position in the tile at a time.
        tiles = padded.as_strided(
            (TILE, TILE, n, down, across, channels),
            (line, pixel, image, OUTPUT * line, OUTPUT * pixel, channel),
        ).reshape(TILE**2, -1)
        transformed = (self.input_transform @ tiles).view(TILE**2, n * down * across, channels)
        products = torch.bmm(transformed, self.weight).view(TILE**2, -1)
        outputs = (self.output_transform @ products).view(OUTPUT, OUTPUT, n, down, across, -1)
        joined = outputs.permute(2, 3, 0, 4, 1, 5).reshape(n, height, width, -1).contiguous()
        return joined.add_(self.bias).permute(0, 3, 1, 2)


def _twice(matrix: list[list[int]]) -> Tensor:
    """The transform of both directions of a tile, flattened: float64."""
    one = torch.tensor(matrix, dtype=torch.float64)
    return torch.kron(one, one)
