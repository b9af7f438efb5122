"""The contract of an experiment, and what it is given to work with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, ConfigDict, Field

from lordbench.data.images import ImageSet, join
from lordbench.data.splits import Split
from lordbench.evaluation import inference
from lordbench.evaluation.judge import POLICY, Judge
from lordbench.evaluation.measurement import Measurement, MeasurementKey
from lordbench.evaluation.scoring import Scoring
from lordbench.evaluation.statistics import Groups
from lordbench.training.method import Codes, Method

T = TypeVar("T")


class EvaluationConfig(BaseModel):
    """Sizes of the experiments; a preset sets them, they land in the cell's id.

    Attributes:
        pairs: image pairs of a content transfer.
        real_images: real images that sets of outputs are compared with, at most.
        grid: contents across and classes down in a transfer grid.
        shots: images of a class that its code is inferred from, in one-shot, beside all that there are.
        optimization: images seen, per held-out image, when its codes are found by optimization, in one-shot.
        probed: images that a probe learns from, and that it is tried on, at most.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pairs: int = Field(1000, ge=2)
    real_images: int = Field(10_000, ge=2)
    grid: tuple[int, int] = (10, 8)
    shots: tuple[int, ...] = (1, 5)
    optimization: int = Field(200, ge=1)
    probed: int = Field(5000, ge=10)


@dataclass
class Trained:
    """A trained method and the data to try it on.

    Attributes:
        label: of the method, for titles.
        method: in evaluation mode, on `device`.
        split: training and held-out images.
        device: where the method is.
        seed: of the cell; pairs and probes derive theirs from it by name, so all methods share them.
        sizes: of the experiments.
        batch_size: images a step, as in training.
        scoring: the metrics.
        folder: for pictures and other files.
        log: is told what is being done.
    """

    label: str
    method: Method
    split: Split
    device: torch.device
    seed: int
    sizes: EvaluationConfig
    batch_size: int
    scoring: Scoring
    folder: Path
    log: Callable[[str], None] = field(default=lambda text: None)

    @cached_property
    def test_codes(self) -> Codes:
        """Codes of the held-out images, by the encoders."""
        return inference.encode(self.method, self.split.test.images, self.device)

    @cached_property
    def train_codes(self) -> Codes:
        """Codes of the training images, by the encoders."""
        return inference.encode(self.method, self.split.train.images, self.device)

    @cached_property
    def learned_codes(self) -> Codes | None:
        """Codes of the training images as training learned them, where the method does so."""
        return self.method.train_codes()

    @cached_property
    def pool(self) -> ImageSet:
        """All images of the test images' classes: where the true image of a transfer is looked up.

        With `samples` these are the training and the held-out images (in this order), with `classes` the
        held-out images.
        """
        train, test = self.split.train, self.split.test
        if self.split.name == "classes":
            return test
        return join(train, test)

    def judge(self, label: str = "class") -> Judge:
        """Tells the class of outputs, or another label that the images have."""
        return self.shared(f"judge: {label}", lambda: Judge(self.split, self.seed, label))

    def judged(
        self, place: MeasurementKey, metric: str, correct: npt.NDArray[np.bool_], groups: Groups
    ) -> Measurement:
        """How often a judge was right, bool (N,), or took outputs for what they should be."""
        return self.scoring.mean(
            place, metric, correct, groups, self.seed, higher_is_better=True, policy=POLICY
        )

    @property
    def key(self) -> Hashable:
        """Names what is the same for all methods: images, split, labels, seed and sizes."""
        return (self.split.test.fingerprint, self.split.title, self.split.labels, self.seed, self.sizes)

    def shared(self, name: str, make: Callable[[], T]) -> T:
        """Make what no method changes, or take it from a cell of this process that has made it already.

        Args:
            name: of what is made, beginning with the experiment's, so that no other one takes it for its own.
            make: makes it; must depend on nothing but `key`.
        """
        return self.scoring.recent.get((name, self.key), make)


class Experiment(ABC):
    """One experiment. A file holds one subclass; the file's name is the experiment's name.

    Attributes:
        summary: one line for `lordbench list experiments`.
    """

    summary: ClassVar[str]

    @abstractmethod
    def run(self, trained: Trained) -> list[Measurement]:
        """Try a trained method and say what came out.

        Where the data set has no labels that an experiment needs, the measurements concerned are left out.
        """
