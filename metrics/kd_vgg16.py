"""Kernel distance on VGG16 features."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lordbench import distances
from lordbench.metric import SetMetric
from lordbench.nn.features import PooledVgg16


class KdVgg16(SetMetric):
    """Unbiased kernel distance on 512 pooled features of VGG16 (Bińkowski et al. 2018); not KID itself.

    Equal distributions give 0 on average at any number of images, so it serves small sets better than the
    Fréchet distance does; it can be negative.

    Raises:
        MissingWeightsError: VGG16's weights are not on this machine.
    """

    higher_is_better: ClassVar[bool] = False
    source: ClassVar[str] = "Bińkowski et al. 2018, on VGG16"
    weights: ClassVar[tuple[str, ...]] = ("vgg16",)
    features_of: ClassVar[str] = "vgg16"

    def __init__(self, device: torch.device) -> None:
        self.network = PooledVgg16().to(device)

    def features(self, images: Tensor) -> Tensor:
        """Features of float [0, 1] images (N, 1 or 3, H, W): float32 (N, 512)."""
        pooled: Tensor = self.network(images)
        return pooled

    def distance(self, fake: npt.NDArray[np.float64], real: npt.NDArray[np.float64]) -> float:
        """Kernel distance between (N, 512) and (M, 512) features."""
        return distances.kernel(fake, real)

    def policy(self) -> str:
        """Network, resizing, the weights' checksum and the statistics."""
        return f"{self.network.policy()}; kernel (x'y / 512 + 1)^3, full sets, unbiased"
