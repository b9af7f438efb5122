"""colour: difference of mean colours."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from lordbench.evaluation import PairMetric


class Colour(PairMetric):
    """Mean over channels of the absolute difference between the images' mean colours; in [0, 1]."""

    higher_is_better: ClassVar[bool] = False
    source: ClassVar[str] = "an example of a plug-in that comes as a package"
    thread_safe: ClassVar[bool] = True

    def __init__(self, device: torch.device) -> None:
        del device  # it has no networks

    @torch.no_grad()
    def __call__(self, fake: Tensor, real: Tensor) -> Tensor:
        """Compare float [0, 1] images (N, C, S, S): float32 (N,)."""
        return (fake.float().mean(dim=(2, 3)) - real.float().mean(dim=(2, 3))).abs().mean(dim=1)

    def policy(self) -> str:
        """Value range and averaging."""
        return "range [0, 1]; mean colour of the whole image"
