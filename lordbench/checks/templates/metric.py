"""A metric to start from: the mean difference of edges, one value for every pair of images.

Derive from `SetMetric` for a distance between two sets of images, from `Probe` for what codes tell; see
`lordbench/metric.py`.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from lordbench.evaluation.metric import PairMetric


class Mine(PairMetric):
    """One class a file; its name does not matter, the file's is the metric's."""

    higher_is_better: ClassVar[bool] = False
    unit: ClassVar[str] = ""
    source: ClassVar[str] = "the paper, or where the idea is from"
    # It keeps nothing between calls, so several threads may call it at once.
    thread_safe: ClassVar[bool] = True

    def __init__(self, device: torch.device) -> None:
        """Move networks to `device` here; name the pretrained weights that are needed in `weights`."""
        del device  # there is nothing to move

    @torch.no_grad()
    def __call__(self, fake: Tensor, real: Tensor) -> Tensor:
        """Compare float [0, 1] images (N, C, S, S), C of 1 or 3: float32 (N,)."""
        down = (fake.diff(dim=2) - real.diff(dim=2)).abs().float().mean(dim=(1, 2, 3))
        across = (fake.diff(dim=3) - real.diff(dim=3)).abs().float().mean(dim=(1, 2, 3))
        return (down + across) / 2

    def policy(self) -> str:
        """Say in a few words how the value is made; it stands in the row."""
        return "range [0, 1]; differences of neighbouring pixels, mean of both directions"
