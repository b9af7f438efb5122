"""linear: principal components of class means and of the residuals; no training steps."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from lordbench.data import ImageSet, flattened
from lordbench.training import Codes, Context, DataSpec, Method, MethodConfig


class LinearConfig(MethodConfig):
    """Settings.

    Attributes:
        class_size: length of the class code.
        content_size: length of the content code.
    """

    class_size: int = Field(32, ge=1)
    content_size: int = Field(16, ge=1)


class Linear(Method):
    """Class code: coordinates among the class means; content code: the residual; their sum is the image."""

    summary: ClassVar[str] = "principal components of class means and of what is left, in closed form"
    source: ClassVar[str] = "an example of a plug-in that comes as a package"
    Config: ClassVar[type[MethodConfig]] = LinearConfig
    mean: Tensor
    class_basis: Tensor
    content_basis: Tensor

    def __init__(self, config: LinearConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        pixels = spec.channels * spec.size**2
        # Buffers, not attributes: only the state is saved.
        self.register_buffer("mean", torch.zeros(pixels))
        self.register_buffer("class_basis", torch.zeros(config.class_size, pixels))
        self.register_buffer("content_basis", torch.zeros(config.content_size, pixels))

    def fit(self, train: ImageSet, context: Context) -> None:
        """Compute both bases from one pass over the images, which is less than the budget allows."""
        pixels = flattened(train.images)
        means = np.stack([pixels[train.classes == c].mean(axis=0) for c in range(train.n_classes)])
        self.mean.copy_(torch.from_numpy(pixels.mean(axis=0)))
        self._take(self.class_basis, means - pixels.mean(axis=0))
        self._take(self.content_basis, pixels - means[train.classes])

    def encode(self, images: Tensor) -> Codes:
        """Coordinates of images in the class basis, and of the residuals in the content basis."""
        pixels = images.flatten(1) - self.mean
        class_code = pixels @ self.class_basis.T
        return Codes(class_code, (pixels - class_code @ self.class_basis) @ self.content_basis.T)

    def decode(self, codes: Codes) -> Tensor:
        """The sum of both parts, clamped to [0, 1]."""
        pixels = self.mean + codes.class_code @ self.class_basis + codes.content_code @ self.content_basis
        return pixels.clamp(0, 1).unflatten(1, (self.spec.channels, self.spec.size, self.spec.size))

    @staticmethod
    def _take(basis: Tensor, vectors: np.ndarray) -> None:
        """Write the principal directions of vectors, float32 (N, pixels), into a basis; other rows stay 0."""
        _, _, directions = np.linalg.svd(vectors, full_matrices=False)
        rows = min(len(basis), len(directions))
        basis[:rows].copy_(torch.from_numpy(directions[:rows].astype(np.float32)))
