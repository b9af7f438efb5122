"""MLP probe: what a code reveals to a classifier with one hidden layer."""

from typing import ClassVar

import numpy as np

from lordbench.data.images import Int64Array
from lordbench.evaluation.metric import Float32Array
from lordbench.evaluation.probes import HELD_OUT, Fitted, Perceptron, StandardisedProbe, held_out
from lordbench.utils import seeds

HIDDEN = 256
DECAYS = (1.0, 0.1)
"""L2 penalties, as `Perceptron` defines them; the first of equally good ones is chosen."""
EPOCHS, PATIENCE = 100, 10
BATCH, STEPS = 128, 8
"""Batch size; smaller where an epoch would have fewer than `STEPS` steps."""
LEARNING_RATE = 3e-3


class MlpProbe(StandardisedProbe):
    """One hidden layer of ReLUs on standardised codes, trained by Adam.

    Penalty and number of epochs are chosen on held-out training codes. Then it is trained anew on all codes:
    labels with few codes need them all.
    """

    source: ClassVar[str] = "Alain & Bengio 2016; the classifier is scikit-learn's MLPClassifier"

    def fit(self, codes: Float32Array, labels: Int64Array, seed: int) -> Fitted:
        """Choose and fit. Equal seeds give equal predictions."""
        names, numbers = np.unique(labels, return_inverse=True)
        parts = held_out(labels, seeds.numpy_generator(seed, "probe_mlp", "held out"))
        rest, held = ((codes[part], numbers[part]) for part in parts)
        results = {d: _best_epoch(_model(codes, len(names), d, seed), rest, held) for d in DECAYS}
        decay = max(DECAYS, key=lambda d: results[d][0])
        model, epochs = _model(codes, len(names), decay, seed), results[decay][1]
        for _ in range(epochs):
            model.epoch(codes, numbers, _batch_size(len(codes)))
        return Fitted(lambda others: names[model.predict(others)], f"L2 = {decay:g}, {epochs} epochs")

    def policy(self) -> str:
        decays = ", ".join(f"{decay:g}" for decay in DECAYS)
        return (
            f"standardised codes; {HIDDEN} ReLUs, Adam {LEARNING_RATE:g}, batch {BATCH}; best L2 of {decays} "
            f"and best of {EPOCHS} epochs at most (patience {PATIENCE}) on {HELD_OUT:.0%} held out, "
            "then trained on all"
        )


def _model(codes: Float32Array, n_labels: int, decay: float, seed: int) -> Perceptron:
    generator = seeds.numpy_generator(seed, "probe_mlp", "network")
    return Perceptron(codes.shape[1], HIDDEN, n_labels, decay, LEARNING_RATE, generator)


def _batch_size(n: int) -> int:
    return min(BATCH, max(1, n // STEPS))


def _best_epoch(
    model: Perceptron, rest: tuple[Float32Array, Int64Array], held: tuple[Float32Array, Int64Array]
) -> tuple[float, int]:
    """Train until neither accuracy nor log loss on the held-out codes improves: (best accuracy, its epochs).

    Accuracy alone would stop at once where a label is hard to predict: it stays at chance for many epochs,
    while the log loss falls.
    """
    best, least, epochs, waited = -1.0, np.inf, 0, 0
    for epoch in range(1, EPOCHS + 1):
        model.epoch(*rest, _batch_size(len(rest[1])))
        likelihoods = model.likelihoods(held[0])
        accuracy = float(np.mean(likelihoods.argmax(axis=1) == held[1]))
        of_labels = likelihoods[np.arange(len(held[1])), held[1]]
        loss = -float(np.log(np.maximum(of_labels, np.finfo(np.float32).tiny)).mean())
        waited = 0 if accuracy > best or loss < least else waited + 1
        if accuracy > best:
            best, epochs = accuracy, epoch
        least = min(least, loss)
        if waited == PATIENCE or best == 1:
            break
    return best, epochs
