"""Linear probe: what a code reveals to a linear classifier."""

from typing import ClassVar

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from lordbench.data.images import Int64Array
from lordbench.evaluation.metric import Float32Array
from lordbench.evaluation.probes import HELD_OUT, Fitted, StandardisedProbe, held_out
from lordbench.utils import seeds
from lordbench.utils.parallel import SuppressWarnings

STRENGTHS = (1e-3, 1e-2, 0.1, 1.0, 10.0)
"""scikit-learn's C, the inverse of the L2 penalty; the first of equally good ones is chosen."""
TOLERANCE, ITERATIONS = 1e-5, 500
_silenced = SuppressWarnings(
    # Accuracy settles long before the penalised likelihood.
    ("", ConvergenceWarning),
    # The preset smoke has few codes of many labels.
    ("The number of unique classes", UserWarning),
)


class LinearProbe(StandardisedProbe):
    """Multinomial logistic regression on standardised codes, its penalty chosen on held-out training codes.

    While choosing, each fit starts from the one before; the final fit, on all codes, starts afresh.
    """

    source: ClassVar[str] = "Alain & Bengio 2016, scikit-learn LogisticRegression"

    def fit(self, codes: Float32Array, labels: Int64Array, seed: int) -> Fitted:
        """Choose the penalty and fit. The seed draws the held-out codes only; the optimum is unique."""
        rest, held = held_out(labels, seeds.numpy_generator(seed, "probe_linear", "held out"))
        path = LogisticRegression(tol=TOLERANCE, max_iter=ITERATIONS, warm_start=True)
        accuracies = []
        with _silenced:
            for strength in STRENGTHS:
                path.set_params(C=strength).fit(codes[rest], labels[rest])
                accuracies.append(np.mean(path.predict(codes[held]) == labels[held]))
            chosen = STRENGTHS[int(np.argmax(accuracies))]
            model = LogisticRegression(C=chosen, tol=TOLERANCE, max_iter=ITERATIONS).fit(codes, labels)
        return Fitted(lambda others: model.predict(others).astype(np.int64), f"C = {chosen:g}")

    def policy(self) -> str:
        strengths = ", ".join(f"{strength:g}" for strength in STRENGTHS)
        return (
            f"standardised codes; multinomial logistic regression, L-BFGS to a gradient of {TOLERANCE:g}, "
            f"{ITERATIONS} iterations at most; best C of {strengths} on {HELD_OUT:.0%} held out, "
            "then fitted on all"
        )
