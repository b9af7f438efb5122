"""Bases for methods: one phase of training on groups of a class, and two encoders with a generator."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from lordbench.data import ImageSet
from lordbench.nn.losses import ReconstructionLoss, negative_log_likelihood, reconstruction_loss
from lordbench.nn.networks import TrunkConfig
from lordbench.training import Batch, Codes, Context, DataSpec, GroupedBatches, Loss, Method, Phase, Update
from lordbench.training.optimizers import adam
from lordbench.training.ranges import CONTENT_SIZE, RATE
from lordbench.utils import seeds


class GroupTrainedConfig(TrunkConfig):
    """Settings of methods that train in one phase.

    Attributes:
        learning_rate: Adam's, for the networks of `loss`.
        final_rate: where all learning rates end, on a cosine; None: they are constant.
    """

    content_size: Annotated[int, CONTENT_SIZE] = Field(128, ge=1)
    learning_rate: Annotated[float, RATE] = Field(1e-3, gt=0)
    final_rate: float | None = None

    def needs_pairs(self) -> bool:
        return True


class GroupTrained(Method):
    """A method trained in one phase, on batches that hold several images of each of their classes.

    A subclass gives `networks` and `loss`; one with an adversary adds an update to `updates`.
    """

    betas: ClassVar[tuple[float, float]] = (0.9, 0.999)
    published_loss: "staticmethod[[Tensor, Tensor], Tensor] | None" = staticmethod(negative_log_likelihood)
    """The reconstruction loss of the method's paper; None if that is the perceptual one."""
    couples: ClassVar[bool] = False
    """Whether a loss compares images of different classes, as in `GroupedBatches`."""
    config: GroupTrainedConfig

    def __init__(self, config: GroupTrainedConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.config = config

    @property
    def group_size(self) -> int:
        """Images of a class in a batch, one after the other."""
        return 2

    @property
    @abstractmethod
    def networks(self) -> tuple[nn.Module, ...]:
        """The networks that learn from `loss`."""

    @abstractmethod
    def loss(self, batch: Batch, reconstruct: ReconstructionLoss) -> dict[str, Tensor]:
        """Loss terms of `networks`, weights applied; `reconstruct` is the configured reconstruction loss."""

    def updates(self, reconstruct: ReconstructionLoss) -> list[Update]:
        """Updates of a step, in order: by default that of `networks` by `loss`."""
        rate = self.config.learning_rate
        return [self.update(self.networks, rate, lambda batch: self.loss(batch, reconstruct))]

    def update(self, networks: Iterable[nn.Module], rate: float, loss: Loss) -> Update:
        """Return an update of `networks` by an Adam of their own."""
        return Update([adam([(network, rate) for network in networks], self.betas)], loss)

    def fit(self, train: ImageSet, context: Context) -> None:
        """Train for the whole budget."""
        budget, config = context.budget, self.config
        reconstruct = reconstruction_loss(config.reconstruction, self.published_loss, context.device)
        seed = seeds.derive(context.seed, "batches")
        batches = GroupedBatches(train.classes, budget.batch_size, self.group_size, seed, self.couples)
        steps = budget.steps(batches.batch_size)
        phase = Phase("training", steps, batches, self.updates(reconstruct), config.final_rate)
        context.run(self, train, [phase])


class EncoderDecoder(GroupTrained):
    """A class encoder, a content encoder, and the generator."""

    class_outputs: ClassVar[int] = 1
    """Outputs per dimension: 1 for a plain code; 2 for a Gaussian posterior, means before log variances."""
    content_outputs: ClassVar[int] = 1

    def __init__(self, config: GroupTrainedConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.class_encoder = config.encoder(spec, self.class_outputs * config.class_size)
        self.content_encoder = config.encoder(spec, self.content_outputs * config.content_size)
        self.generator = config.generator(spec)

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        return self.class_encoder, self.content_encoder, self.generator

    def encode(self, images: Tensor) -> Codes:
        """Codes by the two encoders; of a Gaussian posterior the mean."""
        class_code = self.class_encoder(images)[:, : self.config.class_size]
        return Codes(class_code, self.content_encoder(images)[:, : self.config.content_size])

    def deviations(self, images: Tensor) -> Codes | None:
        """Standard deviations of Gaussian posteriors; None if both codes are plain."""
        if self.class_outputs == self.content_outputs == 1:
            return None
        return Codes(
            spread(self.class_encoder(images), self.config.class_size),
            spread(self.content_encoder(images), self.config.content_size),
        )

    def decode(self, codes: Codes) -> Tensor:
        """Images by the generator."""
        images: Tensor = self.generator(codes.class_code, codes.content_code)
        return images


def spread(outputs: Tensor, size: int) -> Tensor:
    """Standard deviations, (N, size), in an encoder's outputs: those behind the means; 0 for a plain code."""
    log_variances = outputs[:, size:]
    return (0.5 * log_variances).exp() if log_variances.shape[1] else torch.zeros_like(outputs)


def mean_of(values: Tensor, where: Tensor) -> Tensor:
    """Mean of those values, float (N,), that bool (N,) selects: scalar; 0 if it selects none."""
    return (values * where).sum() / where.sum().clamp(min=1)


def swap_pairs(codes: Tensor) -> Tensor:
    """Exchange the two neighbours of each pair: float (2 N, D) -> (2 N, D)."""
    return codes.view(-1, 2, codes.shape[1]).flip(1).reshape(codes.shape)
