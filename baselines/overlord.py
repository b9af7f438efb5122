"""OverLORD: LORD's first stage, then encoders, then an adversary (Gabbay & Hoshen, ICCV 2021).

This is the paper's setting without correlated attributes: the class is its labeled attribute, the content all
the rest, so there is no code of a transformed or masked image.

Published: class codes and noisy content codes by latent optimization; encoders alone, trained on the fixed
codes for as long; then synthesis, in which encoders and a copy of the generator are tuned together with a
discriminator, under a non-saturating loss and a penalty on the discriminator's gradient at real images; and
all defaults of the settings that are not called ours.

Ours: encoders, generator and discriminator have the layers that the methods share; the reconstruction loss is
LORD's, the same for all methods; synthesis takes as long as each of the stages before it, and the whole fits
into the budget of a method. As in LORD, amortized codes and other regularizers are settings.
"""

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from lordbench.lord import BETAS, Lord, LordConfig
from lordbench.nn import ReconstructionLoss
from lordbench.training import Batch, Context, DataSpec, MethodConfig, Phase, Update, adam
from lordbench.training.ranges import ADVERSARY, LATENT_RATE, RATE


class OverLordConfig(LordConfig):
    """Settings of OverLORD: those of LORD, with other values and meanings where they are listed, and its own.

    Attributes:
        decay: weight of the squared clean content code, averaged over dimensions and over the batch.
        encoder_rate: Adam's learning rate for the encoders alone; it ends at `final_rate`.
        tuning_rate: Adam's constant learning rate for encoders and generator in synthesis.
        final_rate: where the rates of the two stages before synthesis end, on a cosine.
        stage1_share: share of the budget that latent optimization gets; ours.
        warmup_share: share of the rest in which the encoders learn alone: as many images as stage 1 sees.
        adversary: weight of the adversarial term of synthesis.
        adversary_rate: Adam's constant learning rate for the discriminator.
        gradient_penalty: weight of the squared norm of the discriminator's gradient at real images, averaged
            over the batch.
    """

    content_size: int = Field(64, ge=1)
    noise: float = Field(0.1, ge=0)
    generator_rate: Annotated[float, RATE] = Field(1e-3, gt=0)
    latent_rate: Annotated[float, LATENT_RATE] = Field(1e-2, gt=0)
    stage1_share: float = Field(1 / 3, gt=0, lt=1)
    warmup_share: float = Field(0.5, gt=0, lt=1)
    adversary: Annotated[float, ADVERSARY] = Field(1.0, ge=0)
    adversary_rate: float = Field(1e-4, gt=0)
    gradient_penalty: float = Field(0.5, ge=0)

    def penalty(self, content: Tensor) -> Tensor:
        return self.decay * content.square().mean()


class OverLord(Lord):
    """LORD whose generator is tuned against a discriminator."""

    summary: ClassVar[str] = "latent class codes and noisy content codes, then encoders and an adversary"
    source: ClassVar[str] = "Gabbay & Hoshen, Scaling-up Disentanglement for Image Translation, ICCV 2021"
    built_on: ClassVar[tuple[str, ...]] = ("lordbench.lord",)
    Config: ClassVar[type[MethodConfig]] = OverLordConfig
    config: OverLordConfig

    def __init__(self, config: OverLordConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.discriminator = config.encoder(spec, 1)

    def amortization(self, context: Context, reconstruct: ReconstructionLoss, steps: int) -> Phase:
        """Synthesis: encoders keep to the codes, and the generator learns images that look real."""
        config, name = self.config, "synthesis"
        tuned = [(network, config.tuning_rate) for network in (*self.encoders, self.tuned_generator)]
        updates = [
            Update([adam([(self.discriminator, config.adversary_rate)], BETAS)], self.discriminate),
            Update([adam(tuned, BETAS)], lambda batch: self.synthesize(batch, reconstruct)),
        ]
        return Phase(name, steps, self.batches(context, name), updates, begin=self.copy_generator)

    def discriminate(self, batch: Batch) -> dict[str, Tensor]:
        """Loss of the discriminator: real images against the method's own, and the penalty (R1)."""
        with torch.no_grad():
            fakes = self.decode(self.encode(batch.images))
        images = batch.images.detach().requires_grad_()
        real, fake = self.discriminator(images), self.discriminator(fakes)
        (gradient,) = torch.autograd.grad(real.sum(), images, create_graph=True)
        norms = gradient.float().square().flatten(1).sum(dim=1)
        return {
            "discriminator": F.softplus(-real).mean() + F.softplus(fake).mean(),
            "gradient penalty": self.config.gradient_penalty * norms.mean(),
        }

    def synthesize(self, batch: Batch, reconstruct: ReconstructionLoss) -> dict[str, Tensor]:
        """Loss of encoders and generator: LORD's terms, and images that the discriminator takes for real."""
        terms, output = self.amortization_terms(batch, reconstruct)
        score = self.discriminator(output)
        return terms | {"adversary": self.config.adversary * F.softplus(-score).mean()}
