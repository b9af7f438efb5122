"""The convolutional encoder that LORD publishes and the other methods share."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn

GRID = 4
"""Height and width of the coarsest feature map, in encoder and generator alike."""


def halvings(size: int) -> int:
    """How often an image of `size` pixels is halved to reach the coarsest map (64 -> 4 times)."""
    return max(1, int(math.log2(size / GRID)))


class Encoder(nn.Module):
    """Image -> code: conv 7x7, strided 4x4 convolutions down to 4x4, three linear layers.

    At 64 px and 256 channels these are the published layers, one for one: 7x7-64, 4x4-128, -256, -256,
    -256 (stride 2), linear 256, 256, code, LeakyReLU between all (Gabbay & Hoshen 2020, both releases).
    At other sizes only the number of strided layers changes; where the size is no power of two times 4,
    the last map is pooled to 4x4.

    Args:
        channels: of the image, 1 or 3.
        size: height and width of the image in pixels, 8 or more.
        code_size: length of the code.
        width: channels of the deepest layers; the first two have a quarter and a half of it.
        slope: of LeakyReLU.
    """

    def __init__(
        self, channels: int, size: int, code_size: int, width: int = 256, slope: float = 0.01
    ) -> None:
        super().__init__()
        widths = [width // 4, width // 2, *[width] * (halvings(size) - 1)]
        layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 7, padding=3), nn.LeakyReLU(slope)]
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(slope)]
        if size != GRID << halvings(size):
            layers.append(nn.AdaptiveAvgPool2d(GRID))
        self.convolutions = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(GRID * GRID * widths[-1], width),
            nn.LeakyReLU(slope),
            nn.Linear(width, width),
            nn.LeakyReLU(slope),
            nn.Linear(width, code_size),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Encode images, float [0, 1] (N, C, S, S), to codes, float32 (N, code size)."""
        code: Tensor = self.head(self.convolutions(images))
        return code.float()
