"""LORD as a method of the benchmark."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from lordbench import seeds
from lordbench.images import ImageSet
from lordbench.lord.config import LordConfig
from lordbench.lord.latents import ClassCodes, ContentCodes
from lordbench.lord.stages import amortization, latent_optimization, test_time_optimization
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

    def optimize_codes(self, images: ImageSet, context: Context) -> Codes | None:
        """Codes of unseen images by stage 1 with the generator fixed; None where a code is amortized."""
        config, spec = self.config, DataSpec.of(images)
        if self.class_codes.table is None or self.content_codes.table is None:
            return None
        with seeds.initialising(context.seed, "test-time optimization"):
            class_codes = ClassCodes(config, spec, self.class_encoder)
            content_codes = ContentCodes(config, spec, self.content_encoder)
        codes = nn.ModuleList([class_codes, content_codes]).to(context.device)
        reconstruct = reconstruction_loss(config.reconstruction, PerceptualLoss, context.device)
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        self.requires_grad_(False)
        try:
            phase = test_time_optimization(self, class_codes, content_codes, context, reconstruct)
            context.run(codes, images, [phase])
        finally:
            for parameter in trained:
                parameter.requires_grad_(True)
        return _clean_codes(class_codes, content_codes, torch.from_numpy(images.classes).to(context.device))

    def train_codes(self) -> Codes | None:
        """The latent codes of stage 1, without noise; None for variants that amortize either."""
        return _clean_codes(self.class_codes, self.content_codes, self.train_classes)


def _clean_codes(class_codes: ClassCodes, content_codes: ContentCodes, classes: Tensor) -> Codes | None:
    """Learned codes, without noise, of images with these classes, int64 (N,); None where one is amortized."""
    if class_codes.table is None or content_codes.table is None:
        return None
    return Codes(class_codes.table.weight.detach()[classes], content_codes.table.weight.detach().clone())
