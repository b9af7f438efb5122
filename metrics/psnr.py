"""Peak signal-to-noise ratio."""

from typing import ClassVar

import torch
from torch import Tensor

from lordbench.evaluation import PairMetric

CAP = 100.0
"""Value of equal images, whose ratio is infinite: means over samples must stay finite. 8-bit images that
differ by one step in one value reach it only above 150,000 values, so the cap hides nothing."""


class Psnr(PairMetric):
    """-10 log10 of the mean squared difference over pixels and channels, for a peak of 1."""

    higher_is_better: ClassVar[bool] = True
    unit: ClassVar[str] = "dB"
    title: ClassVar[str] = "PSNR"
    source: ClassVar[str] = "peak signal-to-noise ratio"
    thread_safe: ClassVar[bool] = True

    def __init__(self, device: torch.device) -> None:
        del device  # has no network

    @torch.no_grad()
    def __call__(self, fake: Tensor, real: Tensor) -> Tensor:
        """Compare float [0, 1] images (N, C, H, W): float32 (N,), in dB."""
        error = (fake - real).float().square().mean(dim=(1, 2, 3))
        return -10 * error.clamp(min=10 ** (-CAP / 10)).log10()

    def policy(self) -> str:
        return f"range [0, 1]; per image over pixels and channels; capped at {CAP:g} dB"
