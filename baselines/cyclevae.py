"""Cycle-consistent VAE (Jha, Anand, Singh & Veeravasarapu, ECCV 2018).

Names follow lordbench: *class* is what the paper calls the specified factors (a plain code), *content* the
unspecified ones (a Gaussian). The authors' one encoder with two heads is two encoders here.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from lordbench.data.images import ImageSet
from lordbench.nn.losses import divergence, draw, negative_log_likelihood, reconstruction_loss
from lordbench.nn.networks import TrunkConfig
from lordbench.training.batches import Batch, GroupedBatches
from lordbench.training.loop import Context, Phase, Update
from lordbench.training.method import Codes, DataSpec, Method, MethodConfig
from lordbench.training.optimizers import adam
from lordbench.utils import seeds

BETAS = (0.9, 0.999)
PAIR = 2


class CycleVaeConfig(TrunkConfig):
    """Settings of the cycle-consistent VAE; the defaults are those of the authors' release.

    Attributes:
        kl_weight: weight of the content posterior's KL, in nats per image. 0.75 is the release's with
            `reconstruction=published`: it weighs mean squared errors by 2 and the KL by 3, both per pixel,
            which is this up to a common factor. The shared losses need a weight to match.
        learning_rate: Adam's, for the forward cycle.
        cycle_rate: Adam's, for the reverse cycle, which has an optimizer of its own, so that the rate says
            how much it counts and a weight would not; None leaves the reverse cycle out.
        final_rate: where learning rates end, on a cosine; None keeps them constant.
    """

    kl_weight: float = Field(0.75, ge=0)
    learning_rate: float = Field(1e-4, gt=0)
    cycle_rate: float | None = Field(1e-4, gt=0)
    final_rate: float | None = None


class CycleVae(Method):
    """Class codes are swapped within a class, and contents must survive a change of class."""

    summary: ClassVar[str] = "swapped class codes forward, content codes that any class gives back in reverse"
    source: ClassVar[str] = (
        "Jha et al., Disentangling Factors of Variation with Cycle-Consistent Variational Auto-Encoders, 2018"
    )
    built_on: ClassVar[tuple[str, ...]] = ("lordbench.nn.losses",)
    Config: ClassVar[type[MethodConfig]] = CycleVaeConfig

    def __init__(self, config: CycleVaeConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.config = config
        self.class_encoder = config.encoder(spec, config.class_size)
        self.content_encoder = config.encoder(spec, 2 * config.content_size)
        self.generator = config.generator(spec)

    def fit(self, train: ImageSet, context: Context) -> None:
        """Go round both cycles in turn, on pairs of one class."""
        config = self.config
        reconstruct = reconstruction_loss(
            config.reconstruction, lambda: negative_log_likelihood, context.device
        )

        def forward_cycle(batch: Batch) -> dict[str, Tensor]:
            # Each image from its own content and the class code of its partner.
            classes = self.class_encoder(batch.images).view(-1, PAIR, config.class_size).flip(1)
            mean, log_variance = self.content_encoder(batch.images).chunk(2, dim=1)
            contents = draw(mean, log_variance, batch.generator)
            output = self.decode(Codes(classes.reshape(-1, config.class_size), contents))
            return {
                "reconstruction": reconstruct(output, batch.images),
                "content KL": config.kl_weight * divergence(mean, log_variance).mean(),
            }

        networks = (self.class_encoder, self.content_encoder, self.generator)
        forward = adam([(network, config.learning_rate) for network in networks], BETAS)
        updates = [Update([forward], forward_cycle)]
        if config.cycle_rate is not None:
            reverse = adam([(self.content_encoder, config.cycle_rate)], BETAS)
            updates.append(Update([reverse], self.reverse_cycle))
        batches = GroupedBatches(
            train.classes, context.budget.batch_size, PAIR, seeds.derive(context.seed, "batches")
        )
        steps = context.budget.steps(batches.batch_size)
        context.run(self, train, [Phase("training", steps, batches, updates, config.final_rate)])

    def reverse_cycle(self, batch: Batch) -> dict[str, Tensor]:
        """One drawn content on two classes: L1 between the content codes that the two images are given.

        Only the content encoder learns from it, so the images are made without gradients. (In the authors'
        release it is the encoder that learns, with class codes held fixed.) Neighbouring pairs of a batch,
        the last and the first too, are of two classes (where the batch has several).
        """
        with torch.no_grad():
            classes = self.class_encoder(batch.images[::PAIR])
            shape = len(classes), self.config.content_size
            contents = torch.randn(shape, generator=batch.generator, device=classes.device)
            images = self.decode(Codes(torch.cat([classes, classes.roll(1, 0)]), contents.repeat(2, 1)))
        one, other = self.encode_content(images).chunk(2)
        return {"reverse cycle": F.l1_loss(one, other)}

    def encode_content(self, images: Tensor) -> Tensor:
        """Means of the content posteriors, float32 (N, content size)."""
        mean: Tensor = self.content_encoder(images).chunk(2, dim=1)[0]
        return mean

    def encode(self, images: Tensor) -> Codes:
        """Class codes, and the means of the content posteriors."""
        return Codes(self.class_encoder(images), self.encode_content(images))

    def decode(self, codes: Codes) -> Tensor:
        """Images by the generator."""
        images: Tensor = self.generator(codes.class_code, codes.content_code)
        return images
