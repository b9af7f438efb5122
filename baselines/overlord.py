"""OverLORD: LORD's first stage, then encoders and an adversary (Gabbay & Hoshen, ICCV 2021).

This is the paper's setting without correlated attributes: the class is its labeled attribute, the content all
the rest, so there is no code of a transformed or masked image. Its first stage, disentanglement, is then
LORD's: class codes and noisy content codes by latent optimization. Its second, synthesis, is LORD's
amortization with an adversarial term. The term's weight and rate and the discriminator are ours; encoders and
generator are those that the methods share.
"""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from lordbench.lord import BETAS, Lord, LordConfig
from lordbench.nn import ReconstructionLoss
from lordbench.training import Batch, Context, DataSpec, MethodConfig, Phase, Update, adam


class OverLordConfig(LordConfig):
    """Settings of OverLORD: those of LORD, and the adversary's.

    Attributes:
        adversary: weight of the adversarial term of the second stage; ours.
        adversary_rate: Adam's learning rate for the discriminator; ours.
    """

    adversary: float = Field(1e-2, ge=0)
    adversary_rate: float = Field(1e-4, gt=0)


class OverLord(Lord):
    """LORD with an adversarial second stage."""

    summary: ClassVar[str] = "latent class codes and noisy content codes, then encoders and an adversary"
    source: ClassVar[str] = "Gabbay & Hoshen, Scaling-up Disentanglement for Image Translation, ICCV 2021"
    built_on: ClassVar[tuple[str, ...]] = ("lordbench.lord",)
    Config: ClassVar[type[MethodConfig]] = OverLordConfig
    config: OverLordConfig

    def __init__(self, config: OverLordConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.discriminator = config.encoder(spec, 1)

    def amortization(self, context: Context, reconstruct: ReconstructionLoss) -> Phase:
        """Synthesis: encoders learn the codes, and the generator learns images that look real."""
        config = self.config

        def discriminate(batch: Batch) -> dict[str, Tensor]:
            with torch.no_grad():
                fakes = self.decode(self.encode(batch.images))
            real, fake = self.discriminator(batch.images), self.discriminator(fakes)
            return {"discriminator": F.softplus(-real).mean() + F.softplus(fake).mean()}

        def synthesize(batch: Batch) -> dict[str, Tensor]:
            terms, output = self.amortization_terms(batch, reconstruct)
            score = self.discriminator(output)
            return terms | {"adversary": config.adversary * F.softplus(-score).mean()}

        networks = (self.class_encoder, self.content_encoder, self.generator)
        updates = [
            Update([adam([(self.discriminator, config.adversary_rate)], BETAS)], discriminate),
            Update([adam([(network, config.encoder_rate) for network in networks], BETAS)], synthesize),
        ]
        return self.phase(context, "synthesis", 1 - config.stage1_share, updates)
