"""What set metrics on VGG16 share: all but the distance."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from lordbench.metric import SetMetric
from lordbench.pooled_vgg16 import POOLED_SIZE, PooledVgg16


class Vgg16Metric(SetMetric):
    """A distance between sets of images on 512 pooled features of VGG16; a subclass adds `distance`.

    Attributes:
        statistics: how the distance is computed, for the policy.

    Raises:
        MissingWeightsError: VGG16's weights are not on this machine.
    """

    higher_is_better: ClassVar[bool] = False
    weights: ClassVar[tuple[str, ...]] = ("vgg16",)
    features_of: ClassVar[str] = "vgg16"
    side: ClassVar[int] = POOLED_SIZE
    thread_safe: ClassVar[bool] = True
    statistics: ClassVar[str]

    def __init__(self, device: torch.device) -> None:
        self.network = PooledVgg16(device)

    def features(self, images: Tensor) -> Tensor:
        """Features of float [0, 1] images (N, 1 or 3, H, W): float32 (N, 512)."""
        pooled: Tensor = self.network(images)
        return pooled

    def policy(self) -> str:
        """Network, resizing, the weights' checksum and the statistics."""
        return f"{self.network.policy()}; {self.statistics}"
