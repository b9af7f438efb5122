"""Layers of the generator: adaptive instance normalization, and upsampling fused with a convolution."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

TAPS = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
"""Which of the 3 taps use a small pixel, for each of the 4 large pixels that it reaches."""
SATURATED = 6.24
"""Logit from which on a pixel of 8 bits is white; black below its negative."""
ONE_PASS = 1024
"""From this many pixels on, group normalization on a CPU is faster than moments; below, it takes ten times as
long: it then sums over memory that is not contiguous."""
NARROW = 128
"""Below this many channels, bfloat16 convolutions on a CPU are faster in two steps (docs/performance.md)."""


def to_pixels(logits: Tensor) -> Tensor:
    """Sigmoid of float32 logits from which training can return: there the slope is never below `SATURATED`'s.

    On images that are mostly white, the first steps of training drive all logits so high that a sigmoid is
    exactly 1 and its gradient exactly 0: the training would never leave the white image. Only a gradient that
    leads back is kept up: one that drives white pixels further would grow the generator's scales until
    the training breaks down.
    """
    result: Tensor = _ToPixels.apply(logits)  # type: ignore[no-untyped-call]
    return result


class _ToPixels(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor) -> Tensor:
        ctx.save_for_backward(logits)
        return logits.sigmoid()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Tensor:
        (logits,), (grad,) = ctx.saved_tensors, gradients
        back = logits * grad > 0
        pixels = torch.where(back, logits.clamp(-SATURATED, SATURATED), logits).sigmoid()
        slope: Tensor = grad * pixels * (1 - pixels)
        return slope


def adain(x: Tensor, offset: Tensor, scale: Tensor, epsilon: float = 1e-5) -> Tensor:
    """Normalise each channel of each image over its pixels, then scale and shift it.

    Huang & Belongie 2017, eq. 8, with the scale and offset given instead of a style image.

    The map is floating, (N, C, H, W); the result has its dtype and memory format. Offset and scale, (N, C, 1,
    1), are float32 (float64 with a float64 map).
    """
    result: Tensor = _AdaIN.apply(x, offset, scale, epsilon)  # type: ignore[no-untyped-call]
    return result


class _AdaIN(torch.autograd.Function):
    """AdaIN with its own backward pass, which keeps one feature map, the normalised one.

    Automatic differentiation of mean, variance and multiply-add keeps five maps and reads them eleven times,
    two thirds of a training step on a CPU. Statistics are summed in float32 or better.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, offset: Tensor, scale: Tensor, epsilon: float) -> Tensor:
        normalise = normalised_anywhere
        if x.device.type == "cpu":
            normalise = normalised_in_one_pass if x[0, 0].numel() >= ONE_PASS else normalised_by_moments
        normalised, inverse = normalise(x, epsilon)
        ctx.save_for_backward(normalised, inverse.to(scale.dtype), scale)
        return torch.addcmul(offset.to(x.dtype), normalised, scale.to(x.dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        normalised, inverse, scale = ctx.saved_tensors
        pixels = normalised.shape[2] * normalised.shape[3]
        grad_offset = _pixel_sum(grad, scale.dtype)
        grad_scale = _pixel_sum(grad * normalised, scale.dtype)
        # d/dx of (x - mean) * inverse: the gradient minus its mean and its projection on the output.
        gain = scale * inverse
        constant = (-gain * grad_offset / pixels).to(grad.dtype)
        slope = (-gain * grad_scale / pixels).to(grad.dtype)
        grad_x = torch.addcmul(constant, grad, gain.to(grad.dtype)).addcmul_(normalised, slope)
        return grad_x, grad_offset, grad_scale, None


def normalised_in_one_pass(x: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Normalise as `normalised_anywhere`, by group normalization with a group per channel.

    1 / deviation has the dtype of `x` here.
    """
    n, channels, height, width = x.shape
    normalised, _, inverse = torch.native_group_norm(
        x, None, None, n, channels, height * width, channels, epsilon
    )
    return normalised, inverse[:, :, None, None]


def normalised_by_moments(x: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Normalise as `normalised_anywhere`, without a float32 copy of the map.

    The map is shifted by about its mean before it is squared, so that no digits cancel; the rounding of that
    mean is corrected after.
    """
    pixels, wide = x.shape[2] * x.shape[3], torch.promote_types(x.dtype, torch.float32)
    shifted = x - (_pixel_sum(x, wide) / pixels).to(x.dtype)
    mean = _pixel_sum(shifted, wide) / pixels
    variance = _pixel_sum(shifted * shifted, wide) / pixels - mean * mean
    inverse = (variance + epsilon).rsqrt()
    return torch.addcmul((-mean * inverse).to(x.dtype), shifted, inverse.to(x.dtype)), inverse


def normalised_anywhere(x: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Normalise each channel of each image: (N, C, H, W) in dtype and memory format of the input.

    Also returns 1 / deviation, (N, C, 1, 1), float32 or better. Group normalization on a GPU does not take
    channels last.
    """
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    variance, mean = torch.var_mean(wide, dim=(2, 3), correction=0, keepdim=True)
    inverse = (variance + epsilon).rsqrt()
    return ((wide - mean) * inverse).to(x.dtype), inverse


def _pixel_sum(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Sum over the pixels: (N, C, H, W) -> (N, C, 1, 1) of `dtype`.

    First over each row: bfloat16 is summed in float32, but requesting a float32 result would make a float32
    copy of the whole map. Only the sums of rows are rounded. In the order of the memory, channels last: any
    other order of the dimensions takes five times as long on a CPU.
    """
    rows = x.permute(0, 2, 3, 1).sum(2, keepdim=True).to(dtype)
    return rows.sum(1, keepdim=True).permute(0, 3, 1, 2)


class UpsampledConv2d(nn.Conv2d):
    """Nearest-neighbour upsampling by 2 and a 3x3 convolution with padding 1, as one transposed convolution.

    Each pixel of the small map is four equal ones of the large map, so the 3x3 taps on it can be summed
    beforehand: a 4x4 transposed convolution of stride 2 needs 16 multiplications instead of 36, and the large
    map is never computed. Equal to the two steps up to rounding.
    """

    taps: Tensor

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, padding=1)
        self.register_buffer("taps", torch.kron(TAPS, TAPS), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map float (N, in channels, H, W) to (N, out channels, 2 H, 2 W)."""
        if self.in_channels < NARROW and x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            return super().forward(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        # Summed before they are rounded to bfloat16, not after.
        with torch.autocast(x.device.type, enabled=False):
            kernel = F.linear(self.weight.reshape(-1, 9), self.taps).view(*self.weight.shape[:2], 4, 4)
        return F.conv_transpose2d(x, kernel.transpose(0, 1), self.bias, stride=2, padding=1)
