"""MLP probe: what a code tells to a classifier with one hidden layer."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lordbench import seeds
from lordbench.images import Int64Array
from lordbench.probing import HELD_OUT, Codes, Fitted, StandardisedProbe, held_out

HIDDEN = 256
DECAYS = (1.0, 0.1)
"""L2 penalties: half of it, over the batch, times the squared norm of the weights. Of equally good ones the
first."""
EPOCHS = 100
PATIENCE = 10
BATCH, STEPS = 128, 8
"""Codes at a time; fewer, where an epoch would have fewer steps."""
LEARNING_RATE = 3e-3

Examples = tuple[Tensor, Tensor]
"""Codes, float32 (N, D), and their labels, counted from 0, int64 (N,)."""


class MlpProbe(StandardisedProbe):
    """One hidden layer of ReLUs on standardised codes, trained by Adam.

    Penalty and number of epochs are chosen on codes of its own; then it is trained anew on all of them, for
    where a label has few codes, those that were held out are missed.

    Network, initial weights, penalty and steps are those of scikit-learn's `MLPClassifier`. Its early
    stopping fails on labels with a single code, and on more labels than held-out codes; and its epochs,
    called one by one, take three times as long as these.
    """

    source: ClassVar[str] = "Alain & Bengio 2016, as scikit-learn's MLPClassifier"

    def fit(self, codes: Codes, labels: Int64Array, seed: int) -> Fitted:
        """Choose and fit. Equal seeds give equal predictions."""
        rest, held = held_out(labels, seeds.numpy_generator(seed, "probe_mlp", "held out"))
        known, counted = np.unique(labels, return_inverse=True)
        every = torch.from_numpy(codes), torch.from_numpy(counted)
        tries = []
        for decay in DECAYS:
            model = Classifier(codes.shape[1], len(known), decay, len(rest), seed)
            accuracy, epochs = _best_epoch(model, _at(every, rest), _at(every, held))
            tries.append((accuracy, decay, epochs))
        _, decay, epochs = max(tries, key=lambda found: found[0])
        model = Classifier(codes.shape[1], len(known), decay, len(codes), seed)
        for _ in range(epochs):
            model.train_epoch(every)

        def predict(others: Codes) -> Int64Array:
            predicted: Int64Array = known[model.scores(torch.from_numpy(others)).argmax(dim=1).numpy()]
            return predicted

        return Fitted(predict, f"L2 = {decay:g}, {epochs} epochs")

    def policy(self) -> str:
        """Capacity, scaling and stopping."""
        decays = ", ".join(f"{decay:g}" for decay in DECAYS)
        return (
            f"standardised codes; {HIDDEN} ReLUs, Adam {LEARNING_RATE:g}, batch {BATCH}; best L2 of {decays} "
            f"and best of {EPOCHS} epochs at most (patience {PATIENCE}) on {HELD_OUT:.0%} held out, "
            "then trained on all"
        )


class Classifier:
    """The network with its optimizer and its random numbers.

    Weights and biases start uniform within the bounds of Glorot & Bengio 2010, eq. 16.

    Args:
        code_size: length of the codes.
        n_labels: labels to tell apart.
        decay: L2 penalty, on the weights but not on the biases.
        n_codes: to learn from.
        seed: of the weights and of the batches.
    """

    def __init__(self, code_size: int, n_labels: int, decay: float, n_codes: int, seed: int) -> None:
        self._batch = min(BATCH, max(1, n_codes // STEPS))
        self._generator = torch.Generator().manual_seed(seeds.derive(seed, "probe_mlp"))
        first, second = (
            nn.utils.skip_init(nn.Linear, *sizes) for sizes in ((code_size, HIDDEN), (HIDDEN, n_labels))
        )
        for layer in (first, second):
            bound = (6 / (layer.in_features + layer.out_features)) ** 0.5
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -bound, bound, self._generator)
        self.network = nn.Sequential(first, nn.ReLU(), second)
        groups = [
            {"params": [first.weight, second.weight], "weight_decay": decay / self._batch},
            {"params": [first.bias, second.bias]},
        ]
        self._optimizer = torch.optim.Adam(groups, lr=LEARNING_RATE, fused=True)

    def train_epoch(self, examples: Examples) -> None:
        """Take a step on each batch of the examples, in random order; the last batch may be smaller."""
        codes, targets = examples
        for batch in torch.randperm(len(codes), generator=self._generator).split(self._batch):
            self._optimizer.zero_grad()
            F.cross_entropy(self.network(codes[batch]), targets[batch]).backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()

    @torch.no_grad()
    def scores(self, codes: Tensor) -> Tensor:
        """Logits of all labels, float32 (N, labels)."""
        outputs: Tensor = self.network(codes)
        return outputs


def _best_epoch(model: Classifier, rest: Examples, held: Examples) -> tuple[float, int]:
    """Train until nothing gets better on the held-out codes: the best accuracy, and how many epochs it took.

    Accuracy alone would stop at once where a label is hard to read: it stays at chance for many epochs, while
    the log loss falls.
    """
    best, least, epochs, waited = -1.0, float("inf"), 0, 0
    for epoch in range(1, EPOCHS + 1):
        model.train_epoch(rest)
        scores = model.scores(held[0])
        accuracy = float((scores.argmax(dim=1) == held[1]).double().mean())
        loss = float(F.cross_entropy(scores, held[1]))
        waited = 0 if accuracy > best or loss < least else waited + 1
        if accuracy > best:
            best, epochs = accuracy, epoch
        least = min(least, loss)
        if waited == PATIENCE or best == 1:
            break
    return best, epochs


def _at(examples: Examples, index: Int64Array) -> Examples:
    return examples[0][index], examples[1][index]
