"""Cycle-consistent VAE (Jha, Anand, Singh & Veeravasarapu, ECCV 2018).

Names follow lordbench: *class* is what the paper calls the specified factors (a plain code), *content* the
unspecified ones (a Gaussian). The authors' one encoder with two heads is two encoders here.
"""

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from lordbench.nn import EncoderDecoder, GroupTrainedConfig, ReconstructionLoss, divergence, draw, swap_pairs
from lordbench.nn.methods import mean_of
from lordbench.training import Batch, Codes, MethodConfig, Update, another_class
from lordbench.training.ranges import KL_WEIGHT, RATE


class CycleVaeConfig(GroupTrainedConfig):
    """Settings of the cycle-consistent VAE; the defaults are those of the authors' release.

    Constant rates are ours: the release divides both by 10 after 80 of 100 epochs.

    Attributes:
        kl_weight: weight of the content posterior's KL, in nats per image. 0.75 is the release's with
            `reconstruction=published`: it weighs mean squared errors by 2 and the KL by 3, both per pixel,
            which is this up to a common factor. The shared losses need a weight to match.
        learning_rate: Adam's, for the forward cycle.
        cycle_rate: Adam's, for the reverse cycle. It has its own optimizer, so the rate, not a weight, sets
            how much it counts; None leaves the reverse cycle out.
    """

    kl_weight: Annotated[float, KL_WEIGHT] = Field(0.75, ge=0)
    learning_rate: Annotated[float, RATE] = Field(1e-4, gt=0)
    cycle_rate: Annotated[float | None, RATE] = Field(1e-4, gt=0)


class CycleVae(EncoderDecoder):
    """Class codes are swapped within a class, and contents must survive a change of class."""

    summary: ClassVar[str] = "swapped class codes forward, content codes that any class gives back in reverse"
    source: ClassVar[str] = (
        "Jha et al., Disentangling Factors of Variation with Cycle-Consistent Variational Auto-Encoders, 2018"
    )
    Config: ClassVar[type[MethodConfig]] = CycleVaeConfig
    couples = True
    content_outputs = 2
    config: CycleVaeConfig

    def updates(self, reconstruct: ReconstructionLoss) -> list[Update]:
        """The forward cycle, then the reverse cycle."""
        updates = super().updates(reconstruct)
        if self.config.cycle_rate is not None:
            updates.append(self.update([self.content_encoder], self.config.cycle_rate, self.reverse_cycle))
        return updates

    def loss(self, batch: Batch, reconstruct: ReconstructionLoss) -> dict[str, Tensor]:
        """Forward cycle: each image from its own content and the class code of its partner."""
        mean, log_variance = self.content_encoder(batch.images).chunk(2, dim=1)
        contents = draw(mean, log_variance, batch.generator)
        output = self.decode(Codes(swap_pairs(self.class_encoder(batch.images)), contents))
        return {
            "reconstruction": reconstruct(output, batch.images),
            "content KL": self.config.kl_weight * divergence(mean, log_variance).mean(),
        }

    def reverse_cycle(self, batch: Batch) -> dict[str, Tensor]:
        """One drawn content on two classes: L1 between the content codes of the two images.

        Only the content encoder learns from it, so the images are made without gradients. (In the authors'
        release it is the encoder that learns, with class codes held fixed.)
        """
        other, exists = another_class(batch.classes[::2])
        with torch.no_grad():
            classes = self.class_encoder(batch.images[::2])
            shape = len(classes), self.config.content_size
            contents = torch.randn(shape, generator=batch.generator, device=classes.device)
            images = self.decode(Codes(torch.cat([classes, classes[other]]), contents.repeat(2, 1)))
        first, second = self.content_encoder(images).chunk(2, dim=1)[0].chunk(2)
        return {"reverse cycle": mean_of((first - second).abs().mean(dim=1), exists)}
