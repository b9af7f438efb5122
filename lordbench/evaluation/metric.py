"""The contracts of metrics: pair metrics, set metrics and probes.

A plug-in file holds one subclass; the file's name is the metric's name. Pair and set metrics take float
images in [0, 1], (N, C, H, W), C of 1 or 3, and convert them to what their network expects.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from torch import Tensor, device

from lordbench.data.images import Int64Array
from lordbench.utils import seeds

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


class Metric(ABC):
    """What every metric declares; it is stored in the row beside the value.

    Attributes:
        higher_is_better: direction of merit.
        unit: unit of the value, e.g. `dB`; empty for a pure number.
        source: paper or package that defines the metric.
        title: display name in tables; empty for the file's name.
        weights: names of the pretrained weights it needs (see `lordbench.nn.weights`); without them its
            constructor raises MissingWeightsError.
        thread_safe: several threads may call it at once; it keeps no state between calls.
        min_image_size: height and width in pixels that images need; a run on smaller ones does not start.
        on_request: a run uses it only if it is named with `--metrics`.
    """

    higher_is_better: ClassVar[bool]
    unit: ClassVar[str] = ""
    source: ClassVar[str]
    title: ClassVar[str] = ""
    weights: ClassVar[tuple[str, ...]] = ()
    thread_safe: ClassVar[bool] = False
    min_image_size: ClassVar[int] = 1
    on_request: ClassVar[bool] = False

    @abstractmethod
    def policy(self) -> str:
        """Describe briefly how the value is made: resizing, value range, weights' checksum."""


class PairMetric(Metric):
    """Compares each output with its own target: one value per pair."""

    @abstractmethod
    def __init__(self, device: device) -> None: ...

    @abstractmethod
    def __call__(self, fake: Tensor, real: Tensor) -> Tensor:
        """Compare `fake` with `real`, both float [0, 1] (N, C, H, W): float (N,). Runs without gradients."""

    def against(self, real: Tensor) -> Callable[[Tensor], Tensor]:
        """Return the comparison with `real`, float [0, 1] (N, C, H, W), to be called for several `fake`.

        Override it to compute what depends on `real` only once.
        """
        return lambda fake: self(fake, real)


class SetMetric(Metric):
    """Compares two sets of images by features of a network.

    Attributes:
        features_of: name of the feature extractor; metrics with the same name share cached features.
        enough: number of samples below which a value is flagged as unreliable.
        side: pixels to which `features` resizes, which decides how many images fit into memory; 0: none.
    """

    features_of: ClassVar[str]
    side: ClassVar[int] = 0
    enough: ClassVar[int] = 2048

    @abstractmethod
    def __init__(self, device: device) -> None: ...

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """Features of a batch of images, float [0, 1] (N, C, H, W): float (N, D). Runs without gradients."""

    @abstractmethod
    def distance(self, fake: Float64Array, real: Float64Array) -> float:
        """Distance between two sets of features, (N, D) and (M, D)."""


@dataclass(frozen=True, eq=False)
class ProbeTask:
    """Codes that a probe is fitted to, under one or several labellings, and codes whose labels it predicts.

    Attributes:
        train: float32 (N, D).
        labels: int64 (L, N); each row labels all training codes, with the same set of labels: the true one,
            and permutations of it.
        groups: int64 (N,): values of another label, which are held out whole to choose settings, as they are
            from training to test; None if there is none.
        test: float32 (M, D).
        seed: of all draws.
    """

    train: Float32Array
    labels: Int64Array
    groups: Int64Array | None
    test: Float32Array
    seed: int


class Prediction(NamedTuple):
    """What a probe predicts under one labelling.

    Attributes:
        labels: int64 (M,).
        chosen: settings that the probe chose on its training codes, such as a penalty; empty for none.
        accuracy: on the training codes that were held out for that choice; None if none were.
        at_edge: a chosen setting lies at the edge of its grid.
    """

    labels: Int64Array
    chosen: str = ""
    accuracy: float | None = None
    at_edge: bool = False


class Probe(Metric):
    """Predicts a label from frozen codes; its test accuracy measures what the code reveals."""

    @abstractmethod
    def predict(
        self, train_codes: Float32Array, train_labels: Int64Array, test_codes: Float32Array, seed: int
    ) -> Int64Array:
        """Fit on (N, D) codes with (N,) labels, then predict the labels of (M, D) other codes: int64 (M,)."""

    def predict_all(self, tasks: Sequence[ProbeTask], device: device) -> list[list[Prediction]]:
        """Predict for each task under each of its labellings.

        By default `predict` is called for each. A probe that chooses settings overrides this to report them,
        with its accuracy on held-out codes.
        """
        return [
            [
                Prediction(self.predict(task.train, labels, task.test, seeds.derive(task.seed, i)))
                for i, labels in enumerate(task.labels)
            ]
            for task in tasks
        ]
