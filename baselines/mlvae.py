"""ML-VAE: a VAE with grouped class evidence (Bouchacourt, Tomioka & Nowozin, AAAI 2018)."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from lordbench.data.images import ImageSet
from lordbench.nn.losses import reconstruction_loss
from lordbench.nn.networks import TrunkConfig
from lordbench.training.batches import Batch, GroupedBatches
from lordbench.training.loop import Context, Phase, Update
from lordbench.training.method import Codes, DataSpec, Method, MethodConfig
from lordbench.training.optimizers import adam
from lordbench.utils import seeds

BETAS = (0.9, 0.999)


class MlVaeConfig(TrunkConfig):
    """Settings of ML-VAE.

    Attributes:
        kl_weight: weight of both KL terms. 1 is the paper's, with `reconstruction=published`, where the
            reconstruction is a log-likelihood in nats; the shared losses are means over pixels, in other
            units, and need a weight to match.
        per_class: images of a class in a batch, which pool their evidence.
        learning_rate: Adam's.
        final_rate: where the learning rate ends, on a cosine; None keeps it constant.
    """

    kl_weight: float = Field(1.0, ge=0)
    per_class: int = Field(8, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    final_rate: float | None = None


class MlVae(Method):
    """Gaussian codes; those of one class are multiplied into one posterior."""

    summary: ClassVar[str] = "variational autoencoder whose class posterior pools the evidence of a group"
    source: ClassVar[str] = "Bouchacourt, Tomioka & Nowozin, Multi-Level Variational Autoencoder, AAAI 2018"
    Config: ClassVar[type[MethodConfig]] = MlVaeConfig

    def __init__(self, config: MlVaeConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.config = config
        self.class_encoder = config.encoder(spec, 2 * config.class_size)
        self.content_encoder = config.encoder(spec, 2 * config.content_size)
        self.generator = config.generator(spec)

    def fit(self, train: ImageSet, context: Context) -> None:
        """Maximise the evidence lower bound of groups (paper, eq. 4), divided by the number of groups."""
        config = self.config
        reconstruct = reconstruction_loss(
            config.reconstruction, lambda: negative_log_likelihood, context.device
        )
        batches = GroupedBatches(
            train.classes, context.budget.batch_size, config.per_class, seeds.derive(context.seed, "batches")
        )

        def loss(batch: Batch) -> dict[str, Tensor]:
            n_groups = len(batch.images) // config.per_class
            content_mean, content_log_variance = self.content_encoder(batch.images).chunk(2, dim=1)
            class_mean, class_log_variance = pool(
                *(part.view(n_groups, config.per_class, -1) for part in self._class_posterior(batch.images))
            )
            # One draw per group: its images share the class variable itself, not only its distribution.
            shared = _draw(class_mean, class_log_variance, batch.generator)
            codes = Codes(
                shared.repeat_interleave(config.per_class, dim=0),
                _draw(content_mean, content_log_variance, batch.generator),
            )
            kl_scale = config.kl_weight / n_groups
            return {
                "reconstruction": config.per_class * reconstruct(self.decode(codes), batch.images),
                "content KL": kl_scale * divergence(content_mean, content_log_variance).sum(),
                "class KL": kl_scale * divergence(class_mean, class_log_variance).sum(),
            }

        networks = (self.class_encoder, self.content_encoder, self.generator)
        update = Update([adam([(network, config.learning_rate) for network in networks], BETAS)], loss)
        steps = context.budget.steps(batches.batch_size)
        context.run(self, train, [Phase("training", steps, batches, [update], config.final_rate)])

    def encode(self, images: Tensor) -> Codes:
        """Means of the posteriors; the class posterior is each image's own, without pooling."""
        return Codes(self._class_posterior(images)[0], self.content_encoder(images).chunk(2, dim=1)[0])

    def encode_class(self, images: Tensor) -> Tensor:
        """Mean of the pooled class posterior of K images of one class."""
        mean, log_variance = self._class_posterior(images)
        return pool(mean[None], log_variance[None])[0][0]

    def decode(self, codes: Codes) -> Tensor:
        """Images by the generator."""
        images: Tensor = self.generator(codes.class_code, codes.content_code)
        return images

    def _class_posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.class_encoder(images).chunk(2, dim=1)
        return mean, log_variance


def pool(means: Tensor, log_variances: Tensor) -> tuple[Tensor, Tensor]:
    """Multiply the Gaussians of each group, in log space (paper, section 3.2): no prior expert among them.

    Args:
        means: float32 (groups, members, D).
        log_variances: likewise.

    Returns:
        Mean and log variance of the products, (groups, D) each.
    """
    log_precision = torch.logsumexp(-log_variances, dim=1)
    weights = torch.exp(-log_variances - log_precision[:, None])
    return (weights * means).sum(dim=1), -log_precision


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL from N(0, 1), in nats, summed over dimensions: (N, D) -> (N,)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)


def negative_log_likelihood(output: Tensor, target: Tensor) -> Tensor:
    """Of a Gaussian with unit variance around the output, in nats per image, averaged over images."""
    pixels = output[0].numel()
    return 0.5 * (pixels * F.mse_loss(output.float(), target) + pixels * math.log(2 * math.pi))


def _draw(mean: Tensor, log_variance: Tensor, generator: torch.Generator) -> Tensor:
    noise = torch.randn(mean.shape, generator=generator, device=mean.device)
    return mean + (0.5 * log_variance).exp() * noise
