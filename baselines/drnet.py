"""DrNet: disentangled representations by an adversary on pairs (Denton & Birodkar, NeurIPS 2017).

Names follow lordbench: *class* is what the paper calls content (shared by the frames of a clip), *content*
is what it calls pose. Clips are generalised to classes. The paper's U-Net skips are left out: they carry
pixels of the class image past the codes.
"""

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from lordbench.nn import DcganDecoder, DcganEncoder, ReconstructionLoss
from lordbench.nn.methods import GroupTrained, GroupTrainedConfig, mean_of, swap_pairs
from lordbench.training import Batch, Codes, DataSpec, MethodConfig, Update, another_class
from lordbench.training.ranges import ADVERSARY, CONTENT_SIZE, RATE, Range


class DrNetConfig(GroupTrainedConfig):
    """Settings of DrNet; the defaults are those of the authors' PyTorch release.

    Attributes:
        adversary: weight of the adversarial term on content codes.
        similarity: weight of the squared distance between class codes of one class.
        adversary_rate: Adam's, for the scene discriminator.
        hidden: units of the scene discriminator's layers.
        architecture: `shared`: the encoders and the generator of the other methods; `published`: DCGAN
            convolutions with batch normalization and tanh codes.
    """

    class_size: int = Field(128, ge=1)
    content_size: Annotated[int, CONTENT_SIZE] = Field(10, ge=1)
    adversary: Annotated[float, ADVERSARY] = Field(1e-4, ge=0)
    similarity: Annotated[float, Range(1e-2, 1e3, log=True)] = Field(1.0, ge=0)
    learning_rate: Annotated[float, RATE] = Field(2e-3, gt=0)
    adversary_rate: Annotated[float, RATE] = Field(2e-3, gt=0)
    hidden: int = Field(100, ge=1)
    architecture: Literal["shared", "published"] = "shared"


class DrNet(GroupTrained):
    """Encoders, decoder, and a discriminator that must not predict a shared class from two content codes."""

    summary: ClassVar[str] = "paired reconstruction with an adversary that keeps class out of content codes"
    source: ClassVar[str] = "Denton & Birodkar, Unsupervised Learning of Disentangled Representations, 2017"
    Config: ClassVar[type[MethodConfig]] = DrNetConfig
    # Ours: the authors' releases have 0.9.
    betas = (0.5, 0.999)
    couples = True
    published_loss = staticmethod(F.mse_loss)
    config: DrNetConfig

    def __init__(self, config: DrNetConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        if config.architecture == "published":
            self.class_encoder: nn.Module = DcganEncoder(spec.channels, spec.size, config.class_size)
            self.content_encoder: nn.Module = DcganEncoder(spec.channels, spec.size, config.content_size)
            self.decoder: nn.Module = DcganDecoder(
                spec.channels, spec.size, config.class_size + config.content_size
            )
        else:
            self.class_encoder = config.encoder(spec, config.class_size)
            self.content_encoder = config.encoder(spec, config.content_size)
            self.decoder = config.generator(spec)
        self.discriminator = nn.Sequential(
            nn.Linear(2 * config.content_size, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, 1),
        )

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        return self.class_encoder, self.content_encoder, self.decoder

    def updates(self, reconstruct: ReconstructionLoss) -> list[Update]:
        """The discriminator, then the other networks."""
        adversary = self.update([self.discriminator], self.config.adversary_rate, self.discriminate)
        return [adversary, *super().updates(reconstruct)]

    def discriminate(self, batch: Batch) -> dict[str, Tensor]:
        """Loss of the discriminator: content codes of one class against those of two classes."""
        with torch.no_grad():
            codes = self.content_encoder(batch.images)
        first, second = codes[0::2], codes[1::2]
        other, exists = another_class(batch.classes[0::2])
        pairs = torch.cat([torch.cat([first, partner], dim=1) for partner in (second, second[other])])
        same, different = self.discriminator(pairs)[:, 0].float().chunk(2)
        # Where the batch has no other class, a pair has no counterpart, and both are left out.
        return {"discriminator": 0.5 * mean_of(F.softplus(-same) + F.softplus(different), exists)}

    def loss(self, batch: Batch, reconstruct: ReconstructionLoss) -> dict[str, Tensor]:
        """Each image from its content and its partner's class code, similarity, and the adversary.

        The adversary's target is a half: the content codes of a class should leave the discriminator
        undecided (paper, section 3).
        """
        config = self.config
        classes, contents = self.class_encoder(batch.images), self.content_encoder(batch.images)
        output = self.decode(Codes(swap_pairs(classes), contents))
        logits = self.discriminator(torch.cat([swap_pairs(contents).detach(), contents], dim=1)).float()
        undecided = torch.full_like(logits, 0.5)
        return {
            "reconstruction": reconstruct(output, batch.images),
            "similarity": config.similarity * F.mse_loss(classes, swap_pairs(classes).detach()),
            "adversary": config.adversary * F.binary_cross_entropy_with_logits(logits, undecided),
        }

    def encode(self, images: Tensor) -> Codes:
        """Codes by the two encoders."""
        return Codes(self.class_encoder(images), self.content_encoder(images))

    def decode(self, codes: Codes) -> Tensor:
        """Images by the decoder."""
        images: Tensor = self.decoder(codes.class_code, codes.content_code)
        return images
