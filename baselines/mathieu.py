"""A VAE and an adversary that knows the class (Mathieu, Zhao, Sprechmann, Ramesh & LeCun, NIPS 2016).

Names follow lordbench: *class* is what the paper calls the specified factors (a plain code), *content* the
unspecified ones (a Gaussian). Published: the reconstruction from the image's own class code and from that of
another image of its class, the KL of the content, and an adversary on images without a true counterpart.
The networks, how the discriminator is given the class, and all weights and rates are ours.
"""

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from lordbench.nn import EncoderDecoder, GroupTrainedConfig, ReconstructionLoss, divergence, draw, swap_pairs
from lordbench.nn.methods import mean_of
from lordbench.training import Batch, Codes, DataSpec, MethodConfig, Update, another_class
from lordbench.training.ranges import ADVERSARY, KL_WEIGHT, RATE


class MathieuConfig(GroupTrainedConfig):
    """Settings of this method; the defaults are ours.

    Attributes:
        kl_weight: weight of the content posterior's KL, in nats per image, against each of the two
            reconstructions. 1 is the bound's with `reconstruction=published`; the shared losses are means
            over pixels and need a weight to match.
        adversary: weight of the adversarial term.
        adversary_rate: Adam's, for the discriminator.
        hidden: length of the discriminator's features.
    """

    kl_weight: Annotated[float, KL_WEIGHT] = Field(1.0, ge=0)
    adversary: Annotated[float, ADVERSARY] = Field(1e-2, ge=0)
    adversary_rate: Annotated[float, RATE] = Field(1e-3, gt=0)
    hidden: int = Field(64, ge=1)


class Discriminator(nn.Module):
    """Image and class -> a score for being a real image of that class: features times a vector per class."""

    def __init__(self, config: MathieuConfig, spec: DataSpec) -> None:
        super().__init__()
        self.features = config.encoder(spec, config.hidden)
        self.realism = nn.Linear(config.hidden, 1)
        self.classes = nn.Embedding(spec.n_classes, config.hidden)

    def forward(self, images: Tensor, classes: Tensor) -> Tensor:
        """Logits float32 (N,) of float [0, 1] images (N, C, S, S) and their classes, int64 (N,)."""
        features = self.features(images)
        logits: Tensor = self.realism(features)[:, 0].float() + (features * self.classes(classes)).sum(1)
        return logits


class Mathieu(EncoderDecoder):
    """Autoencoder swapped within a class; across classes a discriminator judges the images."""

    summary: ClassVar[str] = "swapped reconstruction within a class, an adversary that knows the class across"
    source: ClassVar[str] = "Mathieu et al., Disentangling Factors of Variation in Deep Representation, 2016"
    Config: ClassVar[type[MethodConfig]] = MathieuConfig
    betas = (0.5, 0.999)
    couples = True
    content_outputs = 2
    config: MathieuConfig

    def __init__(self, config: MathieuConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.discriminator = Discriminator(config, spec)

    def updates(self, reconstruct: ReconstructionLoss) -> list[Update]:
        """The discriminator, then the other networks."""
        adversary = self.update([self.discriminator], self.config.adversary_rate, self.discriminate)
        return [adversary, *super().updates(reconstruct)]

    def discriminate(self, batch: Batch) -> dict[str, Tensor]:
        """Loss of the discriminator: real images against mixed ones, with their classes."""
        with torch.no_grad():
            classes = self.class_encoder(batch.images)
            mean, log_variance = self.content_encoder(batch.images).chunk(2, dim=1)
            contents = draw(mean, log_variance, batch.generator)
            fakes, exist = self.mixed(classes, contents, batch)
        real = self.discriminator(batch.images, batch.classes)
        fake = self.discriminator(fakes, batch.classes.repeat(2))
        return {"discriminator": F.softplus(-real).mean() + mean_of(F.softplus(fake), exist)}

    def loss(self, batch: Batch, reconstruct: ReconstructionLoss) -> dict[str, Tensor]:
        """Each image from its own class code and from its partner's, the content's KL, and the adversary."""
        config = self.config
        classes = self.class_encoder(batch.images)
        swapped = swap_pairs(classes)
        mean, log_variance = self.content_encoder(batch.images).chunk(2, dim=1)
        contents = draw(mean, log_variance, batch.generator)
        terms = {
            "reconstruction": reconstruct(self.decode(Codes(classes, contents)), batch.images),
            "swapped": reconstruct(self.decode(Codes(swapped, contents)), batch.images),
            "content KL": config.kl_weight * divergence(mean, log_variance).mean(),
        }
        if config.adversary:
            fakes, exist = self.mixed(classes, contents, batch)
            logits = self.discriminator(fakes, batch.classes.repeat(2))
            terms["adversary"] = config.adversary * mean_of(F.softplus(-logits), exist)
        return terms

    def mixed(self, classes: Tensor, contents: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Images of each class with a content of another class, then with one drawn from the prior.

        Args:
            classes: class codes, float32 (N, class size), of the batch's images, pairs of one class.
            contents: their content codes, float32 (N, content size).
            batch: for the classes, and for the prior's draws.

        Returns:
            float32 [0, 1], (2 N, C, S, S): the N classes in order, twice; and bool (2 N,): whether there is
            such an image, since a batch may have no other class.
        """
        pair, exists = another_class(batch.classes[::2])
        others = contents.view(-1, 2, contents.shape[1])[pair].flatten(0, 1)
        drawn = torch.randn(contents.shape, generator=batch.generator, device=contents.device)
        exist = torch.cat([exists.repeat_interleave(2), torch.ones_like(exists).repeat(2)])
        return self.decode(Codes(classes.repeat(2, 1), torch.cat([others, drawn]))), exist
