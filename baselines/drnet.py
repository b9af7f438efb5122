"""DrNet: disentangled representations by an adversary on pairs (Denton & Birodkar, NeurIPS 2017).

Names follow lordbench: *class* is what the paper calls content (shared by the frames of a clip), *content*
is what it calls pose. Clips are generalised to classes. The paper's U-Net skips are left out: they carry
pixels of the class image past the codes.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from lordbench.data.images import ImageSet
from lordbench.nn.losses import reconstruction_loss
from lordbench.nn.networks import DcganDecoder, DcganEncoder, TrunkConfig
from lordbench.training.batches import Batch, GroupedBatches
from lordbench.training.loop import Context, Phase, Update
from lordbench.training.method import Codes, DataSpec, Method, MethodConfig
from lordbench.training.optimizers import adam
from lordbench.utils import seeds

BETAS = (0.5, 0.999)
PAIR = 2


class DrNetConfig(TrunkConfig):
    """Settings of DrNet; the defaults are those of the PyTorch port.

    Attributes:
        adversary: weight of the adversarial term on content codes.
        similarity: weight of the squared distance between class codes of one class.
        learning_rate: Adam's, for encoders and decoder.
        adversary_rate: Adam's, for the scene discriminator.
        hidden: units of the scene discriminator's layers.
        final_rate: where learning rates end, on a cosine; None keeps them constant, as published.
        architecture: `shared`: the encoders and the generator of the other methods; `published`: DCGAN
            convolutions with batch normalization and tanh codes.
    """

    class_size: int = Field(128, ge=1)
    content_size: int = Field(10, ge=1)
    adversary: float = Field(1e-4, ge=0)
    similarity: float = Field(1.0, ge=0)
    learning_rate: float = Field(2e-3, gt=0)
    adversary_rate: float = Field(2e-3, gt=0)
    hidden: int = Field(100, ge=1)
    final_rate: float | None = None
    architecture: Literal["shared", "published"] = "shared"


class DrNet(Method):
    """Two encoders, a decoder, and a discriminator that must not tell classes from content codes."""

    summary: ClassVar[str] = "paired reconstruction with an adversary that keeps class out of content codes"
    source: ClassVar[str] = "Denton & Birodkar, Unsupervised Learning of Disentangled Representations, 2017"
    Config: ClassVar[type[MethodConfig]] = DrNetConfig

    def __init__(self, config: DrNetConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.config = config
        self.class_encoder: nn.Module
        self.content_encoder: nn.Module
        self.decoder: nn.Module
        if config.architecture == "published":
            self.class_encoder = DcganEncoder(spec.channels, spec.size, config.class_size)
            self.content_encoder = DcganEncoder(spec.channels, spec.size, config.content_size)
            self.decoder = DcganDecoder(spec.channels, spec.size, config.class_size + config.content_size)
        else:
            self.class_encoder = config.encoder(spec, config.class_size)
            self.content_encoder = config.encoder(spec, config.content_size)
            self.decoder = config.generator(spec)
        self.discriminator = nn.Sequential(
            nn.Linear(PAIR * config.content_size, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, 1),
        )

    def fit(self, train: ImageSet, context: Context) -> None:
        """Train the discriminator and the rest in turn, on pairs of one class."""
        config = self.config
        reconstruct = reconstruction_loss(config.reconstruction, lambda: F.mse_loss, context.device)

        def discriminate(batch: Batch) -> dict[str, Tensor]:
            with torch.no_grad():
                first, second = _pairs(self.content_encoder(batch.images))
            # Rolling by one pairs each image with one of another class (where the batch has several).
            logits = self.discriminator(
                torch.cat([_beside(first, second), _beside(first, second.roll(1, 0))])
            )
            same = torch.cat([torch.ones(len(first), 1), torch.zeros(len(first), 1)]).to(logits.device)
            return {"discriminator": F.binary_cross_entropy_with_logits(logits.float(), same)}

        def disentangle(batch: Batch) -> dict[str, Tensor]:
            classes, contents = self.class_encoder(batch.images), self.content_encoder(batch.images)
            output = self.decode(Codes(_swap(classes), contents))
            logits = self.discriminator(_beside(_swap(contents).detach(), contents)).float()
            undecided = torch.full_like(logits, 0.5)
            return {
                "reconstruction": reconstruct(output, batch.images),
                "similarity": config.similarity * F.mse_loss(classes, _swap(classes).detach()),
                "adversary": config.adversary * F.binary_cross_entropy_with_logits(logits, undecided),
            }

        networks = (self.class_encoder, self.content_encoder, self.decoder)
        updates = [
            Update([adam([(self.discriminator, config.adversary_rate)], BETAS)], discriminate),
            Update([adam([(network, config.learning_rate) for network in networks], BETAS)], disentangle),
        ]
        batches = GroupedBatches(
            train.classes, context.budget.batch_size, PAIR, seeds.derive(context.seed, "batches")
        )
        steps = context.budget.steps(batches.batch_size)
        context.run(self, train, [Phase("training", steps, batches, updates, config.final_rate)])

    def encode(self, images: Tensor) -> Codes:
        """Codes by the two encoders."""
        return Codes(self.class_encoder(images), self.content_encoder(images))

    def decode(self, codes: Codes) -> Tensor:
        """Images by the decoder."""
        images: Tensor = self.decoder(codes.class_code, codes.content_code)
        return images


def _pairs(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Split neighbours: (2N, D) -> the first and the second of each pair, (N, D) each."""
    return codes[0::2], codes[1::2]


def _swap(codes: Tensor) -> Tensor:
    """Exchange the two of each pair, (2N, D)."""
    return codes.view(-1, PAIR, codes.shape[1]).flip(1).reshape(codes.shape)


def _beside(first: Tensor, second: Tensor) -> Tensor:
    return torch.cat([first, second], dim=1)
