"""What probes share: scaling of codes, codes to choose on, the trivial case."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from lordbench.images import Int64Array
from lordbench.metric import Probe, Reading
from lordbench.splits import stratified
from lordbench.threads import one_thread

Codes = npt.NDArray[np.float32]
HELD_OUT = 0.2
"""Share of each label's training codes on which a probe's strength is chosen."""


class Fitted(NamedTuple):
    """A fitted classifier.

    Attributes:
        predict: gives the labels, int64 (M,), of standardised codes, (M, D).
        chosen: the strength that was chosen, for the row.
    """

    predict: Callable[[Codes], Int64Array]
    chosen: str


class StandardisedProbe(Probe):
    """A probe on standardised codes; a subclass adds the classifier.

    Labels that do not occur in training are never predicted.
    """

    higher_is_better: ClassVar[bool] = True
    thread_safe: ClassVar[bool] = True

    def read(
        self,
        train_codes: Codes,
        train_labels: Int64Array,
        test_codes: Codes,
        seed: int,
    ) -> Reading:
        """Fit on (N, D) codes with (N,) labels, predict the labels of (M, D) others."""
        known = np.unique(train_labels)
        if len(known) == 1:
            return Reading(np.full(len(test_codes), known[0], dtype=np.int64), "")
        train, test = standardise(train_codes, test_codes)
        with one_thread():
            fitted = self.fit(train, train_labels, seed)
            return Reading(fitted.predict(test), fitted.chosen)

    def predict(
        self,
        train_codes: Codes,
        train_labels: Int64Array,
        test_codes: Codes,
        seed: int,
    ) -> Int64Array:
        """Fit on (N, D) codes with (N,) labels, predict the labels of (M, D) others: int64 (M,)."""
        return self.read(train_codes, train_labels, test_codes, seed).labels

    @abstractmethod
    def fit(self, codes: Codes, labels: Int64Array, seed: int) -> Fitted:
        """Choose a strength and fit, on standardised codes, (N, D), of two labels or more, int64 (N,).

        The codes that the probe will be tried on are not given: no choice can depend on them.
        """


def held_out(labels: Int64Array, generator: np.random.Generator) -> tuple[Int64Array, Int64Array]:
    """Part training codes into those to fit and those to choose on, by index, within each label.

    Where every label has a single code only there is none to spare: the choice is made on the fitted ones.
    """
    rest, held = stratified(labels, HELD_OUT, generator)
    return rest, held if len(held) else rest


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
