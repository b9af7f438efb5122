"""ML-VAE: a VAE with grouped class evidence (Bouchacourt, Tomioka & Nowozin, AAAI 2018)."""

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from lordbench.nn import EncoderDecoder, GroupTrainedConfig, ReconstructionLoss, divergence, draw, product
from lordbench.training import Batch, Codes, MethodConfig
from lordbench.training.ranges import KL_WEIGHT, Choice


class MlVaeConfig(GroupTrainedConfig):
    """Settings of ML-VAE.

    Attributes:
        kl_weight: weight of both KL terms. 1 is the paper's, with `reconstruction=published`, where the
            reconstruction is a log-likelihood in nats; the shared losses are means over pixels, in other
            units, and need a weight to match.
        per_class: images of a class in a batch, which pool their evidence.
    """

    kl_weight: Annotated[float, KL_WEIGHT] = Field(1.0, ge=0)
    per_class: Annotated[int, Choice((2, 4, 8))] = Field(8, ge=1)

    def needs_pairs(self) -> bool:
        return self.per_class > 1


class MlVae(EncoderDecoder):
    """Gaussian codes; those of one class are multiplied into one posterior."""

    summary: ClassVar[str] = "variational autoencoder whose class posterior pools the evidence of a group"
    source: ClassVar[str] = "Bouchacourt, Tomioka & Nowozin, Multi-Level Variational Autoencoder, AAAI 2018"
    Config: ClassVar[type[MethodConfig]] = MlVaeConfig
    class_outputs = content_outputs = 2
    config: MlVaeConfig

    @property
    def group_size(self) -> int:
        return self.config.per_class

    def loss(self, batch: Batch, reconstruct: ReconstructionLoss) -> dict[str, Tensor]:
        """Negative evidence lower bound of groups (paper, eq. 4), divided by the number of groups."""
        config = self.config
        n_groups = len(batch.images) // config.per_class
        content_mean, content_log_variance = self.content_encoder(batch.images).chunk(2, dim=1)
        class_mean, class_log_variance = self.group_posterior(batch.images, config.per_class)
        # One draw per group: its images share the class variable itself, not only its distribution.
        shared = draw(class_mean, class_log_variance, batch.generator)
        contents = draw(content_mean, content_log_variance, batch.generator)
        output = self.decode(Codes(shared.repeat_interleave(config.per_class, dim=0), contents))
        kl_scale = config.kl_weight / n_groups
        return {
            "reconstruction": config.per_class * reconstruct(output, batch.images),
            "content KL": kl_scale * divergence(content_mean, content_log_variance).sum(),
            "class KL": kl_scale * divergence(class_mean, class_log_variance).sum(),
        }

    def group_posterior(self, images: Tensor, per_class: int) -> tuple[Tensor, Tensor]:
        """Product of the class posteriors of each group (paper, section 3.2), without a prior expert.

        Groups are `per_class` neighbours; mean and log variance, float32 (N / per_class, class size) each.
        """
        mean, log_variance = self.class_encoder(images).chunk(2, dim=1)
        shape = (-1, per_class, self.config.class_size)
        return product(mean.reshape(shape), log_variance.reshape(shape))

    def encode_class(self, images: Tensor) -> Tensor:
        """Mean of the pooled class posterior of K images of one class."""
        return self.group_posterior(images, len(images))[0][0]
