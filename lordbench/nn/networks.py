"""Networks: the encoder and AdaIN generator that LORD publishes and all methods share, and DrNet's DCGAN."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from lordbench.nn.layers import UpsampledConv2d, adain, to_pixels
from lordbench.nn.losses import Reconstruction
from lordbench.training import DataSpec, MethodConfig

GRID = 4
"""Height and width of the coarsest feature map, in encoders and generators."""
Kernel = Literal[1, 3, 5, 7, 9]
KERNELS: tuple[Kernel, Kernel] = (5, 7)
"""Published sizes of kernels: see `TrunkConfig.kernels`."""
DCGAN_SLOPE = 0.2
DCGAN_WIDTH = 64


class TrunkConfig(MethodConfig):
    """Sizes shared by all methods; the defaults are LORD's published ones at 64 px.

    Attributes:
        class_size: length of the class code.
        content_size: length of the content code.
        width: channels of the generator's modulated layers and of the encoders' deepest layers.
        slope: of LeakyReLU.
        kernels: sizes of the two kernels at full resolution: of the generator's last but one layer, and of
            its last and the encoders' first. At 32 px half of the published ones span as much of an image.
        taper: the generator's modulated layer at full resolution, half of its work, has half the channels;
            published: as many as the others.
        reconstruction: see `lordbench.nn.losses`.
    """

    class_size: int = Field(256, ge=1)
    content_size: int = Field(128, ge=1)
    width: int = Field(256, ge=8)
    slope: float = Field(0.01, ge=0)
    kernels: tuple[Kernel, Kernel] = KERNELS
    taper: bool = False
    reconstruction: Reconstruction = "perceptual"

    def weights(self) -> tuple[str, ...]:
        """VGG16, for the perceptual loss."""
        return ("vgg16",) if self.reconstruction == "perceptual" else ()

    def min_image_size(self) -> int:
        """Return 2 x `GRID`; with VGG16, which halves images five times, 32."""
        return 32 if "vgg16" in self.weights() else 2 * GRID

    def encoder(self, spec: DataSpec, code_size: int) -> Encoder:
        return Encoder(spec.channels, spec.size, code_size, self.width, self.slope, self.kernels[1])

    def generator(self, spec: DataSpec) -> Generator:
        sizes = self.class_size, self.content_size, self.width
        return Generator(spec.channels, spec.size, *sizes, self.slope, self.kernels, self.taper)


class Encoder(nn.Module):
    """Image -> code: conv 7x7, strided 4x4 convolutions down to 4x4, three linear layers.

    At 64 px and 256 channels these are the published layers: 7x7-64, 4x4-128, -256, -256, -256 (stride 2),
    linear 256, 256, code, LeakyReLU between all (Gabbay & Hoshen 2020, both releases). At other sizes only
    the number of strided layers changes; if it is not 4 times a power of two, the last map is pooled to 4x4.

    Args:
        channels: of the image, 1 or 3.
        size: height and width of the image in pixels, 8 or more.
        width: channels of the deepest layers; the first two have a quarter and a half of it.
        kernel: size of the first layer's kernel, odd.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        code_size: int,
        width: int = 256,
        slope: float = 0.01,
        kernel: int = KERNELS[1],
    ) -> None:
        super().__init__()
        widths = [width // 4, width // 2, *[width] * (halvings(size) - 1)]
        layers: list[nn.Module] = [
            nn.Conv2d(channels, widths[0], kernel, padding=kernel // 2),
            nn.LeakyReLU(slope),
        ]
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(slope)]
        if size != GRID << halvings(size):
            layers.append(nn.AdaptiveAvgPool2d(GRID))
        self.convolutions = nn.Sequential(*layers)
        head = _linear_layers(slope, GRID * GRID * widths[-1], width, width, code_size)
        self.head = nn.Sequential(nn.Flatten(), *head[:-1])

    def forward(self, images: Tensor) -> Tensor:
        """Encode images, float [0, 1] (N, C, S, S), to codes, float32 (N, code size)."""
        code: Tensor = self.head(self.convolutions(images))
        return code.float()


class Modulation(nn.Module):
    """Class code -> (offset, scale) for each AdaIN layer; the scale is used raw, not as 1 + scale."""

    def __init__(self, class_size: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(class_size, 2 * width) for width in widths)

    def forward(self, class_code: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return (offset, scale), float32 (N, width of the layer, 1, 1) each, for each layer."""
        return [layer(class_code).float()[:, :, None, None].chunk(2, dim=1) for layer in self.layers]


class Generator(nn.Module):
    """(class code, content code) -> image: the content is upsampled, the class modulates each scale.

    At 64 px and 256 channels these are the published layers: linear to 4x4x32, 4x4x64, 4x4x256; four times
    [nearest upsampling x2, conv 3x3-256, LeakyReLU, AdaIN]; conv 5x5-64, LeakyReLU, conv 7x7, sigmoid (Gabbay
    & Hoshen 2020, both releases). Other sizes change the number of upsamplings.

    Args:
        channels: of the image, 1 or 3.
        size: height and width of the image; 4 times a power of two.
        width: channels of the modulated layers.
        kernels: sizes of the last two layers' kernels, odd.
        taper: half as many channels in the last modulated layer.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        class_size: int,
        content_size: int,
        width: int = 256,
        slope: float = 0.01,
        kernels: tuple[int, int] = KERNELS,
        taper: bool = False,
    ) -> None:
        super().__init__()
        if size != GRID << halvings(size):
            raise ValueError(f"image size must be 8, 16, 32, 64, ..., not {size}")
        self.width, self.slope = width, slope
        widths = [width] * (halvings(size) + 1)
        if taper:
            widths[-1] = width // 2
        self.modulation = Modulation(class_size, widths[1:])
        maps = [GRID * GRID * n for n in (width // 8, width // 4, width)]
        self.base = nn.Sequential(*_linear_layers(slope, content_size, *maps))
        self.blocks = nn.ModuleList(UpsampledConv2d(*pair) for pair in pairwise(widths))
        self.tail = nn.Sequential(
            nn.Conv2d(widths[-1], width // 4, kernels[0], padding=kernels[0] // 2),
            nn.LeakyReLU(slope),
            nn.Conv2d(width // 4, channels, kernels[1], padding=kernels[1] // 2),
        )

    def forward(self, class_code: Tensor, content_code: Tensor) -> Tensor:
        """Generate images, float32 [0, 1] (N, C, S, S)."""
        x = self.base(content_code).view(-1, self.width, GRID, GRID)
        x = x.contiguous(memory_format=torch.channels_last)
        for convolution, (offset, scale) in zip(self.blocks, self.modulation(class_code), strict=True):
            # In place: no other layer needs the convolution's output.
            x = adain(F.leaky_relu_(convolution(x), self.slope), offset, scale)
        return to_pixels(self.tail(x).float())


class DcganEncoder(nn.Module):
    """Strided 4x4 convolutions down to 4x4, then one more and tanh, all with batch normalization.

    The size of the image is 4 times a power of two, as for `DcganDecoder`.
    """

    def __init__(self, channels: int, size: int, code_size: int) -> None:
        super().__init__()
        widths = [channels, *_dcgan_widths(size)]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.BatchNorm2d(after)]
            layers.append(nn.LeakyReLU(DCGAN_SLOPE))
        layers += [nn.Conv2d(widths[-1], code_size, GRID), nn.BatchNorm2d(code_size)]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Tanh())

    def forward(self, images: Tensor) -> Tensor:
        """Encode images, float [0, 1] (N, C, S, S), to codes in (-1, 1), float32 (N, code size)."""
        code: Tensor = self.layers(images)
        return code.float()


class DcganDecoder(nn.Module):
    """The encoder mirrored, ending in a sigmoid; its input is both codes, concatenated, of `code_size`."""

    def __init__(self, channels: int, size: int, code_size: int) -> None:
        super().__init__()
        widths = [channels, *_dcgan_widths(size)][::-1]
        layers: list[nn.Module] = [nn.ConvTranspose2d(code_size, widths[0], GRID)]
        for before, after in pairwise(widths):
            layers += [nn.BatchNorm2d(before), nn.LeakyReLU(DCGAN_SLOPE)]
            layers.append(nn.ConvTranspose2d(before, after, 4, stride=2, padding=1))
        self.layers = nn.Sequential(*layers)

    def forward(self, class_code: Tensor, content_code: Tensor) -> Tensor:
        """Generate images, float32 [0, 1] (N, C, S, S)."""
        codes = torch.cat([class_code, content_code], dim=1)[:, :, None, None]
        return to_pixels(self.layers(codes).float())


def halvings(size: int) -> int:
    """How often an image of `size` pixels is halved to reach the coarsest map (64 -> 4 times)."""
    return max(1, int(math.log2(size / GRID)))


def _linear_layers(slope: float, *sizes: int) -> list[nn.Module]:
    """Linear layers between these sizes, each followed by a LeakyReLU."""
    return [layer for pair in pairwise(sizes) for layer in (nn.Linear(*pair), nn.LeakyReLU(slope))]


def _dcgan_widths(size: int) -> list[int]:
    """Channels of the strided layers: 64, 128, 256, 512 at 64 px."""
    return [DCGAN_WIDTH << i for i in range(halvings(size))]
