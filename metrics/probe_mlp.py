"""MLP probe: what a code tells to a classifier with one hidden layer."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from sklearn.neural_network import MLPClassifier

from lordbench import seeds
from lordbench.images import Int64Array
from lordbench.probing import Codes, StandardisedProbe
from lordbench.splits import stratified

HIDDEN = 256
HELD_OUT = 0.1
EPOCHS = 200
PATIENCE = 10
BATCH = 128
LEARNING_RATE = 1e-3


class MlpProbe(StandardisedProbe):
    """One hidden layer of ReLUs on standardised codes, trained by Adam, stopped on codes of its own.

    scikit-learn's early stopping fails on labels with a single code, and on more labels than held-out codes,
    so epochs are run here one by one, and the weights of the best one are kept.
    """

    source: ClassVar[str] = "Alain & Bengio 2016, scikit-learn MLPClassifier"

    def classify(self, train: Codes, labels: Int64Array, test: Codes, seed: int) -> Int64Array:
        """Fit and predict. Equal seeds give equal predictions."""
        rest, held = stratified(labels, HELD_OUT, seeds.numpy_generator(seed, "probe_mlp", "held out"))
        if len(held) == 0:  # every label has one code only: stop on the training codes themselves
            held = rest
        model = MLPClassifier(
            (HIDDEN,),
            batch_size=min(BATCH, len(rest)),
            learning_rate_init=LEARNING_RATE,
            random_state=seeds.derive(seed, "probe_mlp") % 2**32,
        )
        _fit(model, np.unique(labels), (train[rest], labels[rest]), (train[held], labels[held]))
        return model.predict(test).astype(np.int64)  # type: ignore[no-any-return]

    def policy(self) -> str:
        """Capacity, scaling and stopping."""
        return (
            f"standardised codes; {HIDDEN} ReLUs, Adam {LEARNING_RATE:g}, batch {BATCH}, L2 1e-4; "
            f"best of {EPOCHS} epochs at most on {HELD_OUT:.0%} held out, patience {PATIENCE}"
        )


def _fit(
    model: MLPClassifier,
    known: Int64Array,
    rest: tuple[Codes, Int64Array],
    held: tuple[Codes, Int64Array],
) -> None:
    """Train epoch by epoch until the held-out accuracy has not risen for a while; keep the best weights."""
    best, waited = -1.0, 0
    for _ in range(EPOCHS):
        model.partial_fit(*rest, classes=known)
        accuracy = float(np.mean(model.predict(held[0]) == held[1]))
        if accuracy > best:
            best, waited = accuracy, 0
            kept = [w.copy() for w in model.coefs_], [b.copy() for b in model.intercepts_]
        elif (waited := waited + 1) == PATIENCE:
            break
    model.coefs_, model.intercepts_ = kept
