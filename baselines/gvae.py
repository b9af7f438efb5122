"""GVAE: a VAE whose class posterior averages those of a group (Hosoya, IJCAI 2019).

Names follow lordbench: *class* is what the paper calls content (common to a group), *content* is what it
calls transformation. Groups are images of one class.
"""

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from lordbench.nn import EncoderDecoder, GroupTrainedConfig, ReconstructionLoss, average, divergence, draw
from lordbench.training import Batch, Codes, MethodConfig
from lordbench.training.ranges import KL_WEIGHT, Choice


class GVaeConfig(GroupTrainedConfig):
    """Settings of GVAE; the bound is the paper's, group size and rates are ours.

    Attributes:
        kl_weight: weight of both KL terms, in nats. 1 gives the evidence lower bound, with
            `reconstruction=published`, which is a log-likelihood in nats; the shared losses are means over
            pixels, in other units, and need a weight to match.
        per_class: images of a class in a batch, whose posteriors are averaged.
    """

    kl_weight: Annotated[float, KL_WEIGHT] = Field(1.0, ge=0)
    per_class: Annotated[int, Choice((2, 4, 8))] = Field(8, ge=1)

    def needs_pairs(self) -> bool:
        return self.per_class > 1


class GVae(EncoderDecoder):
    """Gaussian codes; those of one class are averaged into one posterior.

    The class code of several images is the mean of theirs, which is the average of training.
    """

    summary: ClassVar[str] = "variational autoencoder whose class posterior is the average over a group"
    source: ClassVar[str] = "Hosoya, Group-based Learning of Disentangled Representations, IJCAI 2019"
    Config: ClassVar[type[MethodConfig]] = GVaeConfig
    class_outputs = content_outputs = 2
    config: GVaeConfig

    @property
    def group_size(self) -> int:
        return self.config.per_class

    def loss(self, batch: Batch, reconstruct: ReconstructionLoss) -> dict[str, Tensor]:
        """Negative evidence lower bound of groups, divided by the number of images.

        The bound of a group of K images: the sum of their log-likelihoods, less the KL of one class posterior
        and of K content posteriors.
        """
        config = self.config
        content_mean, content_log_variance = self.content_encoder(batch.images).chunk(2, dim=1)
        class_mean, class_log_variance = self.group_posterior(batch.images)
        # The class variable is drawn once per group: its images have it in common.
        shared = draw(class_mean, class_log_variance, batch.generator)
        contents = draw(content_mean, content_log_variance, batch.generator)
        output = self.decode(Codes(shared.repeat_interleave(config.per_class, dim=0), contents))
        kl_scale = config.kl_weight / len(batch.images)
        return {
            "reconstruction": reconstruct(output, batch.images),
            "content KL": kl_scale * divergence(content_mean, content_log_variance).sum(),
            "class KL": kl_scale * divergence(class_mean, class_log_variance).sum(),
        }

    def group_posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Average of the class posteriors of each group of `per_class` neighbours.

        Mean and log variance, float32 (N / per_class, class size) each.
        """
        mean, log_variance = self.class_encoder(images).chunk(2, dim=1)
        shape = (-1, self.config.per_class, self.config.class_size)
        return average(mean.reshape(shape), log_variance.reshape(shape))
