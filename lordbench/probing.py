"""What probes share: scaling of codes, the trivial case, and the one thread they run on."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from lordbench.images import Int64Array
from lordbench.metric import Probe

Codes = npt.NDArray[np.float32]


class StandardisedProbe(Probe):
    """A probe on standardised codes; a subclass adds the classifier.

    Labels that do not occur in training are never predicted.
    """

    higher_is_better: ClassVar[bool] = True

    def predict(
        self,
        train_codes: Codes,
        train_labels: Int64Array,
        test_codes: Codes,
        seed: int,
    ) -> Int64Array:
        """Fit on (N, D) codes with (N,) labels, predict the labels of (M, D) others: int64 (M,)."""
        known = np.unique(train_labels)
        if len(known) == 1:
            return np.full(len(test_codes), known[0], dtype=np.int64)
        train, test = standardise(train_codes, test_codes)
        with one_thread():
            return self.classify(train, train_labels, test, seed)

    @abstractmethod
    def classify(self, train: Codes, labels: Int64Array, test: Codes, seed: int) -> Int64Array:
        """Fit on standardised codes of two labels or more, and predict the labels of others, likewise."""


def standardise(train: Codes, test: Codes) -> tuple[Codes, Codes]:
    """Bring codes, (N, D) and (M, D), to zero mean and unit deviation over the training codes: float32.

    A dimension that does not vary in training tells nothing; it becomes zero in both.
    """
    mean = train.mean(axis=0, dtype=np.float64)
    deviation = train.std(axis=0, dtype=np.float64)
    # Values that are equal but for rounding must not be blown up to unit deviation.
    varies = deviation > 1e-6 * np.abs(mean)
    scale = np.where(varies, 1 / np.where(varies, deviation, 1), 0)
    return ((train - mean) * scale).astype(np.float32), ((test - mean) * scale).astype(np.float32)


def one_thread() -> contextlib.AbstractContextManager[object]:
    """Keep linear algebra on one thread.

    On matrices as small as these, threads can cost a hundred times what they save, and the order of their
    sums depends on the machine.
    """
    limits: contextlib.AbstractContextManager[object] = threadpool_limits(1)
    return limits
