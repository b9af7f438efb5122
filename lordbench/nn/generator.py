"""The AdaIN generator that LORD publishes and the other methods share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lordbench.nn.adain import adain
from lordbench.nn.encoder import GRID, halvings
from lordbench.nn.upsampling import UpsampledConv2d


class Modulation(nn.Module):
    """Class code -> (offset, scale) for each AdaIN layer; the scale is used raw, not as 1 + scale.

    Args:
        class_size: length of the class code.
        width: channels of the modulated layers.
        layers: number of modulated layers.
    """

    def __init__(self, class_size: int, width: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(class_size, 2 * width) for _ in range(layers))

    def forward(self, class_code: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Give (offset, scale), each float32 (N, width, 1, 1), for each layer."""
        pairs = []
        for layer in self.layers:
            offset, scale = layer(class_code).float()[:, :, None, None].chunk(2, dim=1)
            pairs.append((offset, scale))
        return pairs


class Generator(nn.Module):
    """(class code, content code) -> image: the content is upsampled, the class modulates each scale.

    At 64 px and 256 channels these are the published layers, one for one: linear to 4x4x32, 4x4x64,
    4x4x256; four times [nearest upsampling x2, conv 3x3-256, LeakyReLU, AdaIN]; conv 5x5-64, LeakyReLU,
    conv 7x7, sigmoid (Gabbay & Hoshen 2020, both releases). Other sizes change the number of upsamplings.

    Args:
        channels: of the image, 1 or 3.
        size: height and width of the image; 4 times a power of two.
        class_size: length of the class code.
        content_size: length of the content code.
        width: channels of the modulated layers.
        slope: of LeakyReLU.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        class_size: int,
        content_size: int,
        width: int = 256,
        slope: float = 0.01,
    ) -> None:
        super().__init__()
        if size != GRID << halvings(size):
            raise ValueError(f"image size must be 8, 16, 32, 64, ..., not {size}")
        self.width, self.slope = width, slope
        self.modulation = Modulation(class_size, width, halvings(size))
        self.base = nn.Sequential(
            nn.Linear(content_size, GRID * GRID * (width // 8)),
            nn.LeakyReLU(slope),
            nn.Linear(GRID * GRID * (width // 8), GRID * GRID * (width // 4)),
            nn.LeakyReLU(slope),
            nn.Linear(GRID * GRID * (width // 4), GRID * GRID * width),
            nn.LeakyReLU(slope),
        )
        self.blocks = nn.ModuleList(UpsampledConv2d(width) for _ in range(halvings(size)))
        self.tail = nn.Sequential(
            nn.Conv2d(width, width // 4, 5, padding=2),
            nn.LeakyReLU(slope),
            nn.Conv2d(width // 4, channels, 7, padding=3),
        )

    def forward(self, class_code: Tensor, content_code: Tensor) -> Tensor:
        """Generate images, float32 [0, 1] (N, C, S, S)."""
        x = self.base(content_code).view(-1, self.width, GRID, GRID)
        x = x.contiguous(memory_format=torch.channels_last)
        for convolution, (offset, scale) in zip(self.blocks, self.modulation(class_code), strict=True):
            # In place: the convolution has no use for its output any more.
            x = adain(F.leaky_relu_(convolution(x), self.slope), offset, scale)
        return torch.sigmoid(self.tail(x).float())
