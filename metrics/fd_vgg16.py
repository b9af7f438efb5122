"""Fréchet distance on VGG16 features."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lordbench import distances
from lordbench.metric import SetMetric
from lordbench.nn.features import PooledVgg16


class FdVgg16(SetMetric):
    """Fréchet distance (Heusel et al. 2017, eq. 6) on 512 pooled features of VGG16; not FID itself.

    With fewer than 512 images the covariances are singular, and below 2,048 the value is flagged.

    Raises:
        MissingWeightsError: VGG16's weights are not on this machine.
    """

    higher_is_better: ClassVar[bool] = False
    source: ClassVar[str] = "Heusel et al. 2017, on VGG16"
    weights: ClassVar[tuple[str, ...]] = ("vgg16",)
    features_of: ClassVar[str] = "vgg16"

    def __init__(self, device: torch.device) -> None:
        self.network = PooledVgg16().to(device)

    def features(self, images: Tensor) -> Tensor:
        """Features of float [0, 1] images (N, 1 or 3, H, W): float32 (N, 512)."""
        pooled: Tensor = self.network(images)
        return pooled

    def distance(self, fake: npt.NDArray[np.float64], real: npt.NDArray[np.float64]) -> float:
        """Fréchet distance between (N, 512) and (M, 512) features."""
        return distances.frechet(fake, real)

    def policy(self) -> str:
        """Network, resizing, the weights' checksum and the statistics."""
        return f"{self.network.policy()}; float64 statistics"
