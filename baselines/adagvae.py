"""Ada-GVAE: shared dimensions found pair by pair (Locatello et al., ICML 2020), for class and content.

Published: one Gaussian posterior for all factors; two images of a pair share the dimensions in which their
posteriors are close, found for each pair; shared dimensions are averaged as in GVAE.

Ours: pairs are of one class; a dimension belongs to the class if most such pairs share it (`division`); and
the generator, which the methods have in common, is given the whole latent at both of its inputs, since the
dimensions have no roles before training. Class and content codes have one length, with zeros in the place of
each other's dimensions, so that their sum is the latent.
"""

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from lordbench.nn import Generator, ReconstructionLoss, average, divergence, draw
from lordbench.nn.methods import GroupTrained, GroupTrainedConfig
from lordbench.training import Batch, Codes, DataSpec, MethodConfig
from lordbench.training.ranges import KL_WEIGHT, RATE, Range

MEMORY = 0.01
"""Weight of a batch in the running share of pairs: about the last hundred batches count."""


class AdaGVaeConfig(GroupTrainedConfig):
    """Settings of Ada-GVAE. Of `class_size` and `content_size` only the sum counts, the length of the latent.

    Attributes:
        kl_weight: the paper's beta, weight of the KL in nats per image. 1 gives the evidence lower bound,
            with `reconstruction=published`; the shared losses, means over pixels, need a weight to match.
        division: a dimension is the class's if at least this share of the pairs of one class share it; ours.
        learning_rate: Adam's; ours.
    """

    kl_weight: Annotated[float, KL_WEIGHT] = Field(1.0, ge=0)
    division: Annotated[float, Range(0.2, 0.9)] = Field(0.5, ge=0, le=1)
    learning_rate: Annotated[float, RATE] = Field(1e-4, gt=0)


class AdaGVae(GroupTrained):
    """One Gaussian latent, whose dimensions are the class's where pairs of one class agree."""

    summary: ClassVar[str] = "variational autoencoder that finds the dimensions which pairs of a class share"
    source: ClassVar[str] = "Locatello et al., Weakly-Supervised Disentanglement Without Compromises, 2020"
    Config: ClassVar[type[MethodConfig]] = AdaGVaeConfig
    config: AdaGVaeConfig
    shared: Tensor

    def __init__(self, config: AdaGVaeConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        size = config.class_size + config.content_size
        self.encoder = config.encoder(spec, 2 * size)
        self.generator = Generator(
            spec.channels, spec.size, size, size, config.width, config.slope, config.kernels, config.taper
        )
        # How often pairs of one class have shared each dimension lately, float32 (D,), in [0, 1].
        self.register_buffer("shared", torch.ones(size))

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        return self.encoder, self.generator

    def loss(self, batch: Batch, reconstruct: ReconstructionLoss) -> dict[str, Tensor]:
        """Negative evidence lower bound of pairs whose shared dimensions are averaged."""
        means, log_variances = self.encoder(batch.images).view(-1, 2, 2 * len(self.shared)).chunk(2, 2)
        close = shared_dimensions(means.detach(), log_variances.detach())
        self.shared.lerp_(close.float().mean(0), MEMORY)
        mean, log_variance = (
            torch.where(close[:, None], averaged[:, None], own).flatten(0, 1)
            for averaged, own in zip(average(means, log_variances), (means, log_variances), strict=True)
        )
        output = self._generate(draw(mean, log_variance, batch.generator))
        return {
            "reconstruction": reconstruct(output, batch.images),
            "KL": self.config.kl_weight * divergence(mean, log_variance).mean(),
        }

    def encode(self, images: Tensor) -> Codes:
        """Means of the posteriors, divided between class and content."""
        mean = self.encoder(images).chunk(2, dim=1)[0]
        of_class = self.shared >= self.config.division
        return Codes(mean * of_class, mean * ~of_class)

    def deviations(self, images: Tensor) -> Codes:
        """Standard deviations of the posteriors, divided like the means."""
        deviation = (0.5 * self.encoder(images).chunk(2, dim=1)[1]).exp()
        of_class = self.shared >= self.config.division
        return Codes(deviation * of_class, deviation * ~of_class)

    def decode(self, codes: Codes) -> Tensor:
        """Images by the generator, from the sum of both codes."""
        return self._generate(codes.class_code + codes.content_code)

    def _generate(self, latent: Tensor) -> Tensor:
        images: Tensor = self.generator(latent, latent)
        return images


def shared_dimensions(means: Tensor, log_variances: Tensor) -> Tensor:
    """Return which dimensions the two images of each pair share: bool (pairs, D).

    Those in which the KL of the first posterior from the second is less than midway between the least and the
    greatest of all dimensions. Means and log variances are float32 (pairs, 2, D).
    """
    gap = log_variances[:, 1] - log_variances[:, 0]
    distance = (means[:, 0] - means[:, 1]).square() * (-log_variances[:, 1]).exp()
    apart = 0.5 * (distance + (-gap).exp() - 1 + gap)
    return apart < 0.5 * (apart.amin(1, keepdim=True) + apart.amax(1, keepdim=True))
