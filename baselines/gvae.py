"""GVAE: a VAE whose class posterior averages those of a group (Hosoya, IJCAI 2019).

Names follow lordbench: *class* is what the paper calls content (common to a group), *content* is what it
calls transformation. Groups are images of one class.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from lordbench.data.images import ImageSet
from lordbench.nn.losses import average, divergence, draw, negative_log_likelihood, reconstruction_loss
from lordbench.nn.networks import TrunkConfig
from lordbench.training.batches import Batch, GroupedBatches
from lordbench.training.loop import Context, Phase, Update
from lordbench.training.method import Codes, DataSpec, Method, MethodConfig
from lordbench.training.optimizers import adam
from lordbench.utils import seeds

BETAS = (0.9, 0.999)


class GVaeConfig(TrunkConfig):
    """Settings of GVAE; the bound is the paper's, group size and rates are ours.

    Attributes:
        kl_weight: weight of both KL terms, in nats. 1 gives the evidence lower bound, with
            `reconstruction=published`, which is a log-likelihood in nats; the shared losses are means over
            pixels, in other units, and need a weight to match.
        per_class: images of a class in a batch, whose posteriors are averaged.
        learning_rate: Adam's.
        final_rate: where the learning rate ends, on a cosine; None keeps it constant.
    """

    kl_weight: float = Field(1.0, ge=0)
    per_class: int = Field(8, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    final_rate: float | None = None


class GVae(Method):
    """Gaussian codes; those of one class are averaged into one posterior."""

    summary: ClassVar[str] = "variational autoencoder whose class posterior is the average over a group"
    source: ClassVar[str] = "Hosoya, Group-based Learning of Disentangled Representations, IJCAI 2019"
    built_on: ClassVar[tuple[str, ...]] = ("lordbench.nn.losses",)
    Config: ClassVar[type[MethodConfig]] = GVaeConfig

    def __init__(self, config: GVaeConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.config = config
        self.class_encoder = config.encoder(spec, 2 * config.class_size)
        self.content_encoder = config.encoder(spec, 2 * config.content_size)
        self.generator = config.generator(spec)

    def fit(self, train: ImageSet, context: Context) -> None:
        """Maximise the evidence lower bound of groups, divided by the number of images.

        For a group of K images: the sum of their log-likelihoods, less the KL of one class posterior and of
        K content posteriors.
        """
        config = self.config
        reconstruct = reconstruction_loss(
            config.reconstruction, lambda: negative_log_likelihood, context.device
        )
        batches = GroupedBatches(
            train.classes, context.budget.batch_size, config.per_class, seeds.derive(context.seed, "batches")
        )

        def loss(batch: Batch) -> dict[str, Tensor]:
            content_mean, content_log_variance = self.content_encoder(batch.images).chunk(2, dim=1)
            class_mean, class_log_variance = self.group_posterior(batch.images)
            # The class variable is drawn once a group, as its images have it in common.
            shared = draw(class_mean, class_log_variance, batch.generator)
            codes = Codes(
                shared.repeat_interleave(config.per_class, dim=0),
                draw(content_mean, content_log_variance, batch.generator),
            )
            kl_scale = config.kl_weight / len(batch.images)
            return {
                "reconstruction": reconstruct(self.decode(codes), batch.images),
                "content KL": kl_scale * divergence(content_mean, content_log_variance).sum(),
                "class KL": kl_scale * divergence(class_mean, class_log_variance).sum(),
            }

        networks = (self.class_encoder, self.content_encoder, self.generator)
        update = Update([adam([(network, config.learning_rate) for network in networks], BETAS)], loss)
        steps = context.budget.steps(batches.batch_size)
        context.run(self, train, [Phase("training", steps, batches, [update], config.final_rate)])

    def group_posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the class posterior of each group, float32 (N / per_class, class size).

        Args:
            images: float32 [0, 1], (N, C, S, S), the images of a group one after the other.
        """
        mean, log_variance = self.class_encoder(images).chunk(2, dim=1)
        shape = (-1, self.config.per_class, self.config.class_size)
        return average(mean.reshape(shape), log_variance.reshape(shape))

    def encode(self, images: Tensor) -> Codes:
        """Means of the posteriors, each image by itself; those of several images average as in training."""
        encoders = (self.class_encoder, self.content_encoder)
        return Codes(*(encoder(images).chunk(2, dim=1)[0] for encoder in encoders))

    def decode(self, codes: Codes) -> Tensor:
        """Images by the generator."""
        images: Tensor = self.generator(codes.class_code, codes.content_code)
        return images
