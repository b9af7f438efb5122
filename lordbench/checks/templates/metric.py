"""Template of a metric: the mean difference of edges, one value per pair of images.

Derive from `SetMetric` for a distance between two sets of images, from `Probe` for a classifier on codes; see
`lordbench/evaluation/metric.py`.
"""

from typing import ClassVar

import torch
from torch import Tensor

from lordbench.evaluation import PairMetric


class Mine(PairMetric):
    """One class per file. The file name is the name of the metric; the class name does not matter."""

    higher_is_better: ClassVar[bool] = False
    unit: ClassVar[str] = ""
    source: ClassVar[str] = "the paper"
    # The heading of its column in tables.
    title: ClassVar[str] = "edges"
    # It stores nothing between calls, so several threads may call it at once.
    thread_safe: ClassVar[bool] = True

    def __init__(self, device: torch.device) -> None:
        """Move networks to `device` here; list the pretrained weights that it needs in `weights`."""
        del device  # it has no networks

    @torch.no_grad()
    def __call__(self, fake: Tensor, real: Tensor) -> Tensor:
        """Compare float [0, 1] images (N, C, S, S), C of 1 or 3: float32 (N,)."""
        vertical = (fake.diff(dim=2) - real.diff(dim=2)).abs().float().mean(dim=(1, 2, 3))
        horizontal = (fake.diff(dim=3) - real.diff(dim=3)).abs().float().mean(dim=(1, 2, 3))
        return (vertical + horizontal) / 2

    def policy(self) -> str:
        """Say in a few words how the value is computed; result rows store it."""
        return "range [0, 1]; differences of neighbouring pixels, mean of both directions"
