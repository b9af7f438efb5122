"""Upsampling and convolution in one: nearest neighbour by 2, then 3x3, without the large map between."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TAPS = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
"""Which of the 3 taps a small pixel has a part in, for each of the 4 large pixels that it reaches."""
NARROW = 128
"""Below this many channels, bfloat16 convolutions on a CPU are faster in two steps (docs/performance.md)."""


class UpsampledConv2d(nn.Conv2d):
    """Nearest-neighbour upsampling by 2 and a 3x3 convolution with padding 1, as one transposed convolution.

    Each pixel of the small map is four equal ones of the large map, so the 3x3 taps that fall onto it can be
    added up beforehand: a 4x4 transposed convolution of stride 2 then needs 16 multiplications where the two
    steps need 36, and the large map is never made. Equal to the two steps up to rounding.

    Args:
        channels: of the input and of the output.
    """

    taps: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3, padding=1)
        self.register_buffer("taps", torch.kron(TAPS, TAPS), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map float (N, C, H, W) to (N, C, 2 H, 2 W)."""
        if self.in_channels < NARROW and x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            return super().forward(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        # Added up before they are rounded to bfloat16, not after.
        with torch.autocast(x.device.type, enabled=False):
            kernel = F.linear(self.weight.reshape(-1, 9), self.taps).view(*self.weight.shape[:2], 4, 4)
        return F.conv_transpose2d(x, kernel.transpose(0, 1), self.bias, stride=2, padding=1)
