"""A method without training that knows every image."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from lordbench.data.images import ImageSet
from lordbench.training.method import Codes, DataSpec, Method, MethodConfig


class Lookup(Method):
    """Knows every image; its class codes have noise of deviation `noise`, different for each image."""

    def __init__(self, images: ImageSet, noise: float = 0.0, optimizes: bool = False) -> None:
        super().__init__(MethodConfig(), DataSpec.of(images))
        self.images, self.optimizes = images, optimizes
        pixels = torch.from_numpy(images.images).float().flatten(1) / 255
        self.register_buffer("pixels", pixels)
        generator = torch.Generator().manual_seed(0)
        centres = torch.eye(images.n_classes)[torch.from_numpy(images.classes)]
        self.register_buffer("codes", centres + noise * torch.randn(centres.shape, generator=generator))

    def fit(self, train: ImageSet, context: Any) -> None:
        """Nothing to learn."""

    def optimize_codes(self, images: ImageSet, context: Any) -> Codes | None:
        """Content codes that also reveal the class."""
        if not self.optimizes:
            return None
        codes = self.encode(torch.from_numpy(images.images).float() / 255)
        first = torch.from_numpy(np.unique(images.classes, return_index=True)[1][images.classes])
        return Codes(codes.class_code[first], torch.cat([codes.content_code, codes.class_code], dim=1))

    def encode(self, images: Tensor) -> Codes:
        index = torch.cdist(images.flatten(1), self.pixels).argmin(dim=1)
        contents = torch.from_numpy(self.images.contents)[index].float()
        return Codes(self.codes[index], contents[:, None])

    def decode(self, codes: Codes) -> Tensor:
        classes, contents = codes.class_code.argmax(dim=1), codes.content_code[:, 0].long()
        where = classes * len(self.images.content_names or ()) + contents
        return self.pixels[where].view(-1, 3, self.images.size, self.images.size)
