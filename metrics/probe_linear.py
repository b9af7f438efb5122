"""Linear probe: what a code tells to a linear classifier."""

from __future__ import annotations

import warnings
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from lordbench.images import Int64Array
from lordbench.metric import Probe
from lordbench.probing import one_thread, standardise

STRENGTH = 1.0
"""scikit-learn's C: the inverse of the L2 penalty, on standardised codes."""
TOLERANCE = 1e-5
ITERATIONS = 500


class LinearProbe(Probe):
    """Multinomial logistic regression on standardised codes."""

    higher_is_better: ClassVar[bool] = True
    source: ClassVar[str] = "Alain & Bengio 2016, scikit-learn LogisticRegression"

    def predict(
        self,
        train_codes: npt.NDArray[np.float32],
        train_labels: Int64Array,
        test_codes: npt.NDArray[np.float32],
        seed: int,
    ) -> Int64Array:
        """Fit on (N, D) codes with (N,) labels, predict the labels of (M, D) others: int64 (M,).

        Labels that do not occur in training are never predicted. `seed` plays no part: the optimum is unique.
        """
        del seed
        known = np.unique(train_labels)
        if len(known) == 1:
            return np.full(len(test_codes), known[0], dtype=np.int64)
        train, test = standardise(train_codes, test_codes)
        model = LogisticRegression(C=STRENGTH, tol=TOLERANCE, max_iter=ITERATIONS)
        with one_thread(), warnings.catch_warnings():
            # Where the cap is reached, accuracy has settled long before the penalised likelihood.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(train, train_labels)
        return model.predict(test).astype(np.int64)  # type: ignore[no-any-return]

    def policy(self) -> str:
        """Capacity, scaling and stopping."""
        return (
            f"standardised codes; multinomial logistic regression, C = {STRENGTH:g}, "
            f"L-BFGS to a gradient of {TOLERANCE:g}, {ITERATIONS} iterations at most"
        )
