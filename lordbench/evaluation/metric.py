"""The contracts of metrics: pair metrics, set metrics and probes.

A plug-in file holds one subclass; the file's name is the metric's name. Every metric takes float images
in [0, 1], (N, C, H, W), C of 1 or 3, and brings them to what its network expects by itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from torch import Tensor, device

from lordbench.data.images import Int64Array


class Metric(ABC):
    """What all metrics declare; it lands in the row beside the value.

    Attributes:
        higher_is_better: the direction of merit.
        unit: unit of the value, e.g. `dB`; empty for a pure number.
        source: the paper or package that defines the metric.
        weights: names of the pretrained weights that are needed (see `lordbench.nn.weights`).
        thread_safe: several threads may call it at once; it keeps nothing between calls.
    """

    higher_is_better: ClassVar[bool]
    unit: ClassVar[str] = ""
    source: ClassVar[str]
    weights: ClassVar[tuple[str, ...]] = ()
    thread_safe: ClassVar[bool] = False

    @abstractmethod
    def policy(self) -> str:
        """Say in a few words how the value is made: resizing, value range, weights' checksum."""


class PairMetric(Metric):
    """Compares each output with its own target: one value a sample."""

    @abstractmethod
    def __init__(self, device: device) -> None: ...

    @abstractmethod
    def __call__(self, fake: Tensor, real: Tensor) -> Tensor:
        """Compare `fake` with `real`, both float [0, 1] (N, C, H, W): float (N,). Runs without gradients."""

    def against(self, real: Tensor) -> Callable[[Tensor], Tensor]:
        """Return the comparison with `real`, float [0, 1] (N, C, H, W), for several `fake` one by one.

        A metric that does the same to `real` each time overrides this, to do it once.
        """
        return lambda fake: self(fake, real)


class SetMetric(Metric):
    """Compares two sets of images by features of a network.

    Attributes:
        features_of: name of the feature extractor; metrics with the same name share cached features.
        enough: number of samples below which a value is flagged as unreliable.
        side: pixels of a side that images are brought to before the network, which decides how many fit into
            memory; 0: they stay as they are.
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
    def distance(self, fake: npt.NDArray[np.float64], real: npt.NDArray[np.float64]) -> float:
        """Distance between two sets of features, (N, D) and (M, D)."""


class Prediction(NamedTuple):
    """What a probe predicts.

    Attributes:
        labels: int64, (M,).
        chosen: what the probe chose on its training codes, such as a penalty; empty for nothing.
    """

    labels: Int64Array
    chosen: str


class Probe(Metric):
    """Reads a label off a frozen code; its held-out accuracy measures what the code tells."""

    @abstractmethod
    def predict(
        self,
        train_codes: npt.NDArray[np.float32],
        train_labels: Int64Array,
        test_codes: npt.NDArray[np.float32],
        seed: int,
    ) -> Int64Array:
        """Fit on (N, D) codes with (N,) labels, then predict the labels of (M, D) other codes: int64 (M,)."""

    def read(
        self,
        train_codes: npt.NDArray[np.float32],
        train_labels: Int64Array,
        test_codes: npt.NDArray[np.float32],
        seed: int,
    ) -> Prediction:
        """Predict as `predict` does, and say what was chosen; overridden by probes that choose something."""
        return Prediction(self.predict(train_codes, train_labels, test_codes, seed), "")
