"""The contracts of metrics: pair metrics, set metrics and probes.

A plug-in file holds one subclass; the file's name is the metric's name. Pair and set metrics take float
images in [0, 1], (N, C, H, W), C of 1 or 3, and convert them to what their network expects.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from torch import Tensor, device

from lordbench.data.images import Int64Array

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]


class Metric(ABC):
    """What every metric declares; it is stored in the row beside the value.

    Attributes:
        higher_is_better: direction of merit.
        unit: unit of the value, e.g. `dB`; empty for a pure number.
        source: paper or package that defines the metric.
        weights: names of the pretrained weights it needs (see `lordbench.nn.weights`); without them its
            constructor raises MissingWeightsError.
        thread_safe: several threads may call it at once; it keeps no state between calls.
        min_image_size: height and width in pixels that images need; a run on smaller ones does not start.
    """

    higher_is_better: ClassVar[bool]
    unit: ClassVar[str] = ""
    source: ClassVar[str]
    weights: ClassVar[tuple[str, ...]] = ()
    thread_safe: ClassVar[bool] = False
    min_image_size: ClassVar[int] = 1

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


class Prediction(NamedTuple):
    """What a probe predicts.

    Attributes:
        labels: int64 (M,).
        chosen: settings that the probe chose on its training codes, such as a penalty; empty for none.
    """

    labels: Int64Array
    chosen: str


class Probe(Metric):
    """Predicts a label from frozen codes; its test accuracy measures what the code reveals."""

    @abstractmethod
    def predict(
        self, train_codes: Float32Array, train_labels: Int64Array, test_codes: Float32Array, seed: int
    ) -> Int64Array:
        """Fit on (N, D) codes with (N,) labels, then predict the labels of (M, D) other codes: int64 (M,)."""

    def fit_predict(
        self, train_codes: Float32Array, train_labels: Int64Array, test_codes: Float32Array, seed: int
    ) -> Prediction:
        """Predict as `predict` does, and report chosen settings; for probes that choose any to override."""
        return Prediction(self.predict(train_codes, train_labels, test_codes, seed), "")
