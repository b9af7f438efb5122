"""A mixing autoencoder with an adversary on pairs (Szabó, Hu, Portenier, Zwicker & Favaro, 2018).

Names follow lordbench: *class* is what two images of a pair have in common, *content* is what varies in it.
Published: triplets of two images of a class and one of another. The first image is reconstructed from its
content and the second one's class code. A discriminator sees two images: two of one class, or the first one
beside the output of its class code and the third one's content. It rules out the shortcut of a content code
that holds everything: the output of such a code would not be of the first image's class.

Ours: the discriminator is the shared encoder on both images together; the non-saturating loss; all weights
and rates. The autoencoder's two features are two encoders. `reconstruction=published` is the squared error,
which could not be checked at the source.
"""

from dataclasses import replace
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from lordbench.nn import EncoderDecoder, GroupTrainedConfig, ReconstructionLoss, swap_pairs
from lordbench.nn.methods import mean_of
from lordbench.training import Batch, Codes, DataSpec, MethodConfig, Update, another_class
from lordbench.training.ranges import ADVERSARY, RATE


class SzaboConfig(GroupTrainedConfig):
    """Settings of this method; the defaults are ours.

    Attributes:
        adversary: weight of the adversarial term.
        adversary_rate: Adam's, for the discriminator.
    """

    adversary: Annotated[float, ADVERSARY] = Field(1e-2, ge=0)
    adversary_rate: Annotated[float, RATE] = Field(1e-3, gt=0)


class Szabo(EncoderDecoder):
    """Autoencoder swapped within a class; across classes a discriminator compares images with the class's."""

    summary: ClassVar[str] = "swapped reconstruction within a class, an adversary on pairs of images across"
    source: ClassVar[str] = "Szabó et al., Challenges in Disentangling Independent Factors of Variation, 2018"
    Config: ClassVar[type[MethodConfig]] = SzaboConfig
    betas = (0.5, 0.999)
    couples = True
    published_loss = staticmethod(F.mse_loss)
    config: SzaboConfig

    def __init__(self, config: SzaboConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.discriminator = config.encoder(replace(spec, channels=2 * spec.channels), 1)

    def updates(self, reconstruct: ReconstructionLoss) -> list[Update]:
        """The discriminator, then the other networks."""
        adversary = self.update([self.discriminator], self.config.adversary_rate, self.discriminate)
        return [adversary, *super().updates(reconstruct)]

    def discriminate(self, batch: Batch) -> dict[str, Tensor]:
        """Loss of the discriminator: each image beside its partner, against beside the mix of its class."""
        with torch.no_grad():
            fakes, exist = self.mixed(self.encode(batch.images), batch)
        partners = batch.images.view(-1, 2, *batch.images.shape[1:]).flip(1).view_as(batch.images)
        real, fake = self.score(batch.images, partners), self.score(batch.images, fakes)
        # Where the batch has no other class, a pair has no counterpart, and both are left out.
        return {"discriminator": mean_of(F.softplus(-real) + F.softplus(fake), exist)}

    def loss(self, batch: Batch, reconstruct: ReconstructionLoss) -> dict[str, Tensor]:
        """Each image from its content and its partner's class code, and the adversary."""
        codes = self.encode(batch.images)
        output = self.decode(Codes(swap_pairs(codes.class_code), codes.content_code))
        terms = {"reconstruction": reconstruct(output, batch.images)}
        if self.config.adversary:
            fakes, exist = self.mixed(codes, batch)
            realism = F.softplus(-self.score(batch.images, fakes))
            terms["adversary"] = self.config.adversary * mean_of(realism, exist)
        return terms

    def mixed(self, codes: Codes, batch: Batch) -> tuple[Tensor, Tensor]:
        """Images of each class code with a content of another class, and whether there is one, bool (N,)."""
        pair, exists = another_class(batch.classes[::2])
        others = codes.content_code.view(len(pair), 2, -1)[pair].flatten(0, 1)
        return self.decode(Codes(codes.class_code, others)), exists.repeat_interleave(2)

    def score(self, images: Tensor, others: Tensor) -> Tensor:
        """Logits, float32 (N,), for being two real images of a class, float [0, 1] (N, C, S, S) each."""
        logits: Tensor = self.discriminator(torch.cat([images, others], dim=1))
        return logits[:, 0]
