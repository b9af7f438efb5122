"""DCGAN encoder and decoder, as DrNet publishes them (Denton & Birodkar 2017; Radford et al. 2016)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lordbench.nn.encoder import GRID, halvings

SLOPE = 0.2
FIRST_WIDTH = 64


def _widths(size: int) -> list[int]:
    """Channels of the strided layers: 64, 128, 256, 512 at 64 px."""
    return [FIRST_WIDTH << i for i in range(halvings(size))]


class DcganEncoder(nn.Module):
    """Strided 4x4 convolutions with batch normalization down to 4x4, then a 4x4 convolution and tanh.

    Args:
        channels: of the image.
        size: height and width of the image; 4 times a power of two.
        code_size: length of the code.
    """

    def __init__(self, channels: int, size: int, code_size: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = channels
        for width in _widths(size):
            layers += [
                nn.Conv2d(before, width, 4, stride=2, padding=1),
                nn.BatchNorm2d(width),
                nn.LeakyReLU(SLOPE),
            ]
            before = width
        self.layers = nn.Sequential(*layers, nn.Conv2d(before, code_size, GRID), nn.Flatten(), nn.Tanh())

    def forward(self, images: Tensor) -> Tensor:
        """Encode images, float [0, 1] (N, C, S, S), to codes in (-1, 1), float32 (N, code size)."""
        code: Tensor = self.layers(images)
        return code.float()


class DcganDecoder(nn.Module):
    """The encoder's mirror image, ending in a sigmoid; both codes enter side by side.

    Args:
        channels: of the image.
        size: height and width of the image; 4 times a power of two.
        code_size: length of both codes together.
    """

    def __init__(self, channels: int, size: int, code_size: int) -> None:
        super().__init__()
        widths = _widths(size)[::-1]
        layers: list[nn.Module] = [nn.ConvTranspose2d(code_size, widths[0], GRID)]
        for before, after in zip(widths, [*widths[1:], channels], strict=True):
            layers += [nn.BatchNorm2d(before), nn.LeakyReLU(SLOPE)]
            layers.append(nn.ConvTranspose2d(before, after, 4, stride=2, padding=1))
        self.layers = nn.Sequential(*layers)

    def forward(self, class_code: Tensor, content_code: Tensor) -> Tensor:
        """Generate images, float32 [0, 1] (N, C, S, S)."""
        codes = torch.cat([class_code, content_code], dim=1)[:, :, None, None]
        return torch.sigmoid(self.layers(codes).float())
