"""MLP probe: what a code tells to a classifier with one hidden layer."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from sklearn.neural_network import MLPClassifier

from lordbench import seeds
from lordbench.images import Int64Array
from lordbench.probing import HELD_OUT, Codes, Fitted, StandardisedProbe, held_out

HIDDEN = 256
DECAYS = (1.0, 0.1)
"""L2 penalties, as scikit-learn's alpha: half of it, over the batch, times the squared norm of the weights.
Of equally good ones the first."""
EPOCHS = 100
PATIENCE = 10
BATCH, STEPS = 128, 8
"""Codes at a time; fewer, where an epoch would have fewer steps."""
LEARNING_RATE = 3e-3


class MlpProbe(StandardisedProbe):
    """One hidden layer of ReLUs on standardised codes, trained by Adam.

    Penalty and number of epochs are chosen on codes of its own; then it is trained anew on all of them, for
    where a label has few codes, those that were held out are missed.

    scikit-learn's early stopping fails on labels with a single code, and on more labels than held-out codes,
    so epochs are run here one by one.
    """

    source: ClassVar[str] = "Alain & Bengio 2016, scikit-learn MLPClassifier"

    def fit(self, codes: Codes, labels: Int64Array, seed: int) -> Fitted:
        """Choose and fit. Equal seeds give equal predictions."""
        rest, held = held_out(labels, seeds.numpy_generator(seed, "probe_mlp", "held out"))
        tries = []
        for decay in DECAYS:
            model = _model(decay, len(rest), seed)
            accuracy, epochs = _best_epoch(model, (codes[rest], labels[rest]), (codes[held], labels[held]))
            tries.append((accuracy, decay, epochs))
        _, decay, epochs = max(tries, key=lambda found: found[0])
        model = _model(decay, len(codes), seed)
        for _ in range(epochs):
            model.partial_fit(codes, labels, classes=np.unique(labels))
        chosen = f"L2 = {decay:g}, {epochs} epochs"
        return Fitted(lambda others: model.predict(others).astype(np.int64), chosen)

    def policy(self) -> str:
        """Capacity, scaling and stopping."""
        decays = ", ".join(f"{decay:g}" for decay in DECAYS)
        return (
            f"standardised codes; {HIDDEN} ReLUs, Adam {LEARNING_RATE:g}, batch {BATCH}; best L2 of {decays} "
            f"and best of {EPOCHS} epochs at most (patience {PATIENCE}) on {HELD_OUT:.0%} held out, "
            "then trained on all"
        )


def _model(decay: float, n: int, seed: int) -> MLPClassifier:
    return MLPClassifier(
        (HIDDEN,),
        alpha=decay,
        batch_size=min(BATCH, max(1, n // STEPS)),
        learning_rate_init=LEARNING_RATE,
        random_state=seeds.derive(seed, "probe_mlp") % 2**32,
    )


def _best_epoch(
    model: MLPClassifier, rest: tuple[Codes, Int64Array], held: tuple[Codes, Int64Array]
) -> tuple[float, int]:
    """Train until nothing gets better on the held-out codes: the best accuracy, and how many epochs it took.

    Accuracy alone would stop at once where a label is hard to read: it stays at chance for many epochs, while
    the log loss falls.
    """
    known = np.unique(rest[1])
    best, least, epochs, waited = -1.0, np.inf, 0, 0
    for epoch in range(1, EPOCHS + 1):
        model.partial_fit(*rest, classes=known)
        likelihoods = model.predict_proba(held[0])
        accuracy = float(np.mean(known[likelihoods.argmax(axis=1)] == held[1]))
        of_labels = likelihoods[np.arange(len(held[1])), np.searchsorted(known, held[1])]
        loss = -float(np.log(np.maximum(of_labels, np.finfo(np.float32).tiny)).mean())
        waited = 0 if accuracy > best or loss < least else waited + 1
        if accuracy > best:
            best, epochs = accuracy, epoch
        least = min(least, loss)
        if waited == PATIENCE or best == 1:
            break
    return best, epochs
