"""Linear probe: what a code tells to a linear classifier."""

from __future__ import annotations

import warnings
from typing import ClassVar

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from lordbench.images import Int64Array
from lordbench.probing import Codes, StandardisedProbe

STRENGTH = 1.0
"""scikit-learn's C: the inverse of the L2 penalty, on standardised codes."""
TOLERANCE = 1e-5
ITERATIONS = 500


class LinearProbe(StandardisedProbe):
    """Multinomial logistic regression on standardised codes."""

    source: ClassVar[str] = "Alain & Bengio 2016, scikit-learn LogisticRegression"

    def classify(self, train: Codes, labels: Int64Array, test: Codes, seed: int) -> Int64Array:
        """Fit and predict. `seed` plays no part: the optimum is unique."""
        del seed
        model = LogisticRegression(C=STRENGTH, tol=TOLERANCE, max_iter=ITERATIONS)
        with warnings.catch_warnings():
            # Where the cap is reached, accuracy has settled long before the penalised likelihood.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(train, labels)
        return model.predict(test).astype(np.int64)  # type: ignore[no-any-return]

    def policy(self) -> str:
        """Capacity, scaling and stopping."""
        return (
            f"standardised codes; multinomial logistic regression, C = {STRENGTH:g}, "
            f"L-BFGS to a gradient of {TOLERANCE:g}, {ITERATIONS} iterations at most"
        )
