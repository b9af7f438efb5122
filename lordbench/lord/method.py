"""LORD as a method of the benchmark."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from lordbench.images import ImageSet
from lordbench.lord.config import LordConfig
from lordbench.lord.latents import ClassCodes, ContentCodes
from lordbench.lord.stages import amortization, latent_optimization
from lordbench.method import Codes, DataSpec, Method, MethodConfig
from lordbench.nn.perceptual import PerceptualLoss
from lordbench.nn.reconstruction import reconstruction_loss
from lordbench.training import Context


class Lord(Method):
    """LORD with both stages, and the variants that its paper compares it with."""

    summary: ClassVar[str] = "shared latent class codes, noise-regularized content codes, then encoders"
    source: ClassVar[str] = "Gabbay & Hoshen, Demystifying Inter-Class Disentanglement, ICLR 2020"
    Config: ClassVar[type[MethodConfig]] = LordConfig
    train_classes: Tensor

    def __init__(self, config: LordConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.config = config
        self.generator = config.generator(spec)
        self.class_encoder = config.encoder(spec, config.class_size)
        self.content_encoder = config.encoder(spec, config.content_size)
        self.class_codes = ClassCodes(config, spec, self.class_encoder)
        self.content_codes = ContentCodes(config, spec, self.content_encoder)
        self.register_buffer("train_classes", torch.zeros(spec.n_images, dtype=torch.int64))

    def fit(self, train: ImageSet, context: Context) -> None:
        """Run stage 1, then stage 2, in the shares of the budget that the settings give them."""
        self.train_classes.copy_(torch.from_numpy(train.classes))
        reconstruct = reconstruction_loss(self.config.reconstruction, PerceptualLoss, context.device)
        phases = [stage(self, context, reconstruct) for stage in (latent_optimization, amortization)]
        context.run(self, train, phases)

    def encode(self, images: Tensor) -> Codes:
        """Codes by the stage-2 encoders."""
        return Codes(self.class_encoder(images), self.content_encoder(images))

    def decode(self, codes: Codes) -> Tensor:
        """Images by the generator."""
        images: Tensor = self.generator(codes.class_code, codes.content_code)
        return images

    def train_codes(self) -> Codes | None:
        """The latent codes of stage 1, without noise; None for variants that amortize either."""
        if self.class_codes.table is None or self.content_codes.table is None:
            return None
        classes = self.class_codes.table.weight.detach()[self.train_classes]
        return Codes(classes, self.content_codes.table.weight.detach().clone())
