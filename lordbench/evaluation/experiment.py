"""The contract of an experiment, and the trained method and data that it is given."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from lordbench.data import ImageSet, Split, SplitName, join
from lordbench.evaluation import inference
from lordbench.evaluation.headlines import Headlines
from lordbench.evaluation.judge import POLICY, Judge
from lordbench.evaluation.measurement import Measurement, MeasurementKey
from lordbench.evaluation.scoring import Scoring
from lordbench.evaluation.sizes import EvaluationConfig
from lordbench.evaluation.statistics import Groups
from lordbench.training import Codes, Method

T = TypeVar("T")

OTHER_LABELS = "compares methods given the data set's own class labels: --labels own"
"""Why an experiment is left out where methods are given other class labels."""


@dataclass
class Trained:
    """A trained method and the data to evaluate it on.

    Attributes:
        label: the method's label, for titles.
        method: in evaluation mode, on `device`.
        split: training and held-out images.
        device: device of the method.
        seed: the cell's seed; pairs and probes derive theirs from it by name, so all methods share them.
        sizes: sizes of the experiments.
        batch_size: images per step, as in training.
        scoring: the metrics.
        folder: where pictures and other files are written.
        log: called with a line of progress.
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
        """Encoded codes of the held-out images."""
        return inference.encode(self.method, self.split.test.images, self.device)

    @cached_property
    def train_codes(self) -> Codes:
        """Encoded codes of the training images."""
        return inference.encode(self.method, self.split.train.images, self.device)

    @cached_property
    def learned_codes(self) -> Codes | None:
        """Codes of the training images as learned in training; None where the method learns none."""
        return self.method.train_codes()

    @cached_property
    def pool(self) -> ImageSet:
        """All images of the test images' classes, among which the true image of a transfer is looked up.

        With `samples`, the training images, then the held-out ones; with `classes`, the held-out ones.
        """
        train, test = self.split.train, self.split.test
        return test if self.split.name == "classes" else join(train, test)

    def judge(self, label: str = "class") -> Judge:
        """Return the judge of a label that the images have."""
        return self.shared(f"judge: {label}", lambda: Judge(self.split, self.seed, label))

    def judged(
        self,
        key: MeasurementKey,
        metric: str,
        correct: npt.NDArray[np.bool_],
        groups: Groups,
        *judges: Judge,
        higher_is_better: bool = True,
    ) -> Measurement:
        """Measure how often predictions of these judges are as they should be, or should not, bool (N,).

        A note warns of judges that do not recognise their label in real images.
        """
        mean = self.scoring.mean
        better = higher_is_better
        row = mean(key, metric, correct, groups, self.seed, higher_is_better=better, policy=POLICY)
        warnings = [
            f"the judge does not recognise the {judge.label} of real images ({judge.ceiling.value:.3g}, "
            f"chance {judge.chance:.3g}): {metric.replace('_', ' ')} says nothing"
            for judge in judges
            if not judge.recognises_real_images
        ]
        return row.model_copy(update={"note": "; ".join(warnings)}) if warnings else row

    @property
    def key(self) -> Hashable:
        """Identifies what is the same for all methods: images, split, labels, seed and sizes."""
        return (self.split.test.fingerprint, self.split.title, self.split.labels, self.seed, self.sizes)

    def shared(self, name: str, make: Callable[[], T]) -> T:
        """Make what depends on `key` only, or reuse it; begin its name with the experiment's."""
        return self.scoring.cache.get((name, self.key), make)


class Experiment(ABC):
    """One experiment. A file holds one subclass; the file's name is the experiment's name.

    Attributes:
        summary: one line for `lordbench list experiments`.
        packages: optional packages without which its measurements have no value; once they are installed, it
            runs again.
        headlines: the columns of its tables, by the title of the table, as plain data; everything else is
            only in `leaderboard.csv`. Empty: whatever it measures of codes with a direction of merit.
    """

    summary: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()
    headlines: ClassVar[Headlines] = {}

    def missing(self, images: ImageSet, split: SplitName, labels: str) -> str:
        """What a run lacks for this experiment, with the remedy, for the plan; empty if it applies.

        `labels` are the class labels given to methods, as a selector; empty for the data set's own. By
        default every experiment applies. `run` must still return nothing where something is missing.
        """
        return ""

    @abstractmethod
    def run(self, trained: Trained) -> list[Measurement]:
        """Evaluate a trained method.

        Where the data set lacks labels that an experiment needs, the measurements concerned are left out.
        """
