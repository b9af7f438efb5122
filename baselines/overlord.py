"""OverLORD: LORD's first stage, then encoders and an adversary (Gabbay & Hoshen, ICCV 2021).

The paper's setting without correlated attributes: the class is its labeled attribute, the content all the
rest, so there is no code of a transformed or masked image. Disentanglement, its first stage, is then LORD's:
class codes and noisy content codes by latent optimization. Synthesis, the second, is LORD's amortization with
an adversarial term. The term's weight and rate and the discriminator are ours, and the trunk is the one that
the methods have in common.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from lordbench.data.images import ImageSet
from lordbench.lord import BETAS, Lord, LordConfig, latent_optimization
from lordbench.nn.losses import PerceptualLoss, ReconstructionLoss, reconstruction_loss
from lordbench.training.batches import Batch, ShuffledBatches
from lordbench.training.loop import Context, Phase, Update
from lordbench.training.method import DataSpec, MethodConfig
from lordbench.training.optimizers import adam
from lordbench.utils import seeds


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

    def fit(self, train: ImageSet, context: Context) -> None:
        """Run disentanglement, then synthesis, in the shares of the budget that the settings give them."""
        self.train_classes.copy_(torch.from_numpy(train.classes))
        reconstruct = reconstruction_loss(self.config.reconstruction, PerceptualLoss, context.device)
        phases = [latent_optimization(self, context, reconstruct), self._synthesis(context, reconstruct)]
        context.run(self, train, phases)

    def _synthesis(self, context: Context, reconstruct: ReconstructionLoss) -> Phase:
        """Stage 2: encoders learn to find the codes, the generator to make images that pass for real."""
        config = self.config

        def discriminate(batch: Batch) -> dict[str, Tensor]:
            with torch.no_grad():
                fakes = self.decode(self.encode(batch.images))
            real, fake = self.discriminator(batch.images), self.discriminator(fakes)
            return {"discriminator": F.softplus(-real).mean() + F.softplus(fake).mean()}

        def synthesize(batch: Batch) -> dict[str, Tensor]:
            codes = self.encode(batch.images)
            output = self.decode(codes)
            terms = {"reconstruction": reconstruct(output, batch.images)}
            for name, code, learned in (
                ("class code", codes.class_code, self.class_codes),
                ("content code", codes.content_code, self.content_codes),
            ):
                if learned.table is not None:
                    terms[name] = config.code_weight * F.mse_loss(code, learned(batch).detach())
            terms["adversary"] = config.adversary * F.softplus(-self.discriminator(output)).mean()
            return terms

        networks = (self.class_encoder, self.content_encoder, self.generator)
        updates = [
            Update([adam([(self.discriminator, config.adversary_rate)], BETAS)], discriminate),
            Update([adam([(network, config.encoder_rate) for network in networks], BETAS)], synthesize),
        ]
        batches = ShuffledBatches(
            self.spec.n_images, context.budget.batch_size, seeds.derive(context.seed, "synthesis", "batches")
        )
        steps = context.budget.steps(batches.batch_size, 1 - config.stage1_share)
        return Phase("synthesis", steps, batches, updates, config.final_rate)
