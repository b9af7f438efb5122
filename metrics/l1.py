"""Mean absolute difference of pixels."""

from typing import ClassVar

import torch
from torch import Tensor

from lordbench.evaluation import PairMetric


class L1(PairMetric):
    """Mean absolute difference over pixels and channels; from 0 (equal) to 1."""

    higher_is_better: ClassVar[bool] = False
    title: ClassVar[str] = "L1"
    source: ClassVar[str] = "mean absolute error"
    thread_safe: ClassVar[bool] = True

    def __init__(self, device: torch.device) -> None:
        del device  # has no network

    @torch.no_grad()
    def __call__(self, fake: Tensor, real: Tensor) -> Tensor:
        """Compare float [0, 1] images (N, C, H, W): float32 (N,)."""
        return (fake - real).abs().float().mean(dim=(1, 2, 3))

    def policy(self) -> str:
        return "range [0, 1]; mean over pixels and channels"
