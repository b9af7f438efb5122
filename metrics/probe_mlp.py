"""MLP probe: what a code reveals to a classifier with one hidden layer."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from lordbench.evaluation.probes import Batch, BatchedProbe, Fitted
from lordbench.utils import seeds

HIDDEN = 128
DECAY = 0.3
"""Decoupled weight decay (Loshchilov & Hutter 2019), in units of the learning rate. From 0.03 to 0.3 all
codes that were tried read the same; 3 hides most of what is in few dimensions, as in DrNet's ten."""
STEPS, BATCH = 150, 256
LEARNING_RATE, WARM_UP = 3e-2, 0.05
"""Peak of the learning rate, and the share of steps that leads up to it; a cosine leads down."""
BETAS, EPSILON = (0.9, 0.999), 1e-8
"""Adam's (Kingma & Ba 2015)."""


class MlpProbe(BatchedProbe):
    """One hidden layer of ReLUs on standardised codes, trained by Adam for a fixed number of steps.

    There is no early stopping: on a label that is hard to predict, the first epochs say nothing of the later
    ones.
    """

    title: ClassVar[str] = "MLP probe"
    source: ClassVar[str] = "Alain & Bengio 2016"

    def fit(self, batch: Batch) -> Fitted:
        correct = Networks(batch).train(batch.rest).predict(batch.codes) == batch.labels
        held = batch.held[:, None]
        accuracy = (correct & held).sum(dim=-1) / held.sum(dim=-1)
        predicted = Networks(batch).train(batch.all).predict(batch.test)
        nothing = [[""] * correct.shape[1]] * len(correct)
        return Fitted(predicted, accuracy, nothing, [[False] * correct.shape[1]] * len(correct))

    def policy(self) -> str:
        return (
            f"standardised codes; {HIDDEN} ReLUs, Adam {LEARNING_RATE:g} with a cosine, {STEPS} batches of "
            f"{BATCH}, decay {DECAY:g}"
        )


class Networks:
    """Networks of one hidden layer, one for each task and labelling, (B, L), of a batch.

    Those of a task begin with the same weights and see the same batches.
    """

    def __init__(self, batch: Batch) -> None:
        self.batch, self.copies = batch, batch.labels.shape[1]
        inputs, n_labels = batch.codes.shape[2], batch.possible.shape[1]
        # Scaled for ReLUs (He et al. 2015).
        into = np.zeros((len(batch.seeds), inputs, HIDDEN), np.float32)
        out = np.zeros((len(batch.seeds), HIDDEN, n_labels), np.float32)
        for b, seed in enumerate(batch.seeds):
            generator, own = seeds.numpy_generator(seed, "probe_mlp", "network"), int(batch.possible[b].sum())
            into[b] = generator.standard_normal((inputs, HIDDEN)) * np.sqrt(2 / inputs)
            out[b, :, :own] = generator.standard_normal((HIDDEN, own)) * np.sqrt(1 / HIDDEN)
        zeros = [np.zeros((len(batch.seeds), 1, size), np.float32) for size in (HIDDEN, n_labels)]
        self.weights = [
            torch.from_numpy(values).to(batch.codes.device).repeat_interleave(self.copies, dim=0)
            for values in (into, zeros[0], out, zeros[1])
        ]
        impossible = torch.where(batch.possible, 0, -torch.inf)[:, None]
        self.impossible = impossible.repeat_interleave(self.copies, dim=0)

    def train(self, used: Tensor) -> "Networks":
        """Train on the codes `used`, bool (B, N)."""
        order = torch.stack([
            _batches(mask, seed) for mask, seed in zip(used, self.batch.seeds, strict=True)
        ])  # fmt: skip
        means, squares = ([torch.zeros_like(w) for w in self.weights] for _ in range(2))
        first, second = BETAS
        for step in range(STEPS):
            index = order[:, step]
            codes = self.batch.codes.gather(1, index[..., None].expand(-1, -1, self.batch.codes.shape[2]))
            labels = self.batch.labels.gather(2, index[:, None].expand(-1, self.copies, -1))
            rate = _rate(step)
            scale = np.sqrt(1 - second ** (step + 1)) / (1 - first ** (step + 1))
            for i, gradient in enumerate(self._gradients(self._repeated(codes), labels)):
                means[i].lerp_(gradient, 1 - first)
                squares[i].lerp_(gradient.square(), 1 - second)
                if i % 2 == 0:
                    self.weights[i].mul_(1 - rate * DECAY)
                self.weights[i].addcdiv_(means[i], squares[i].sqrt().add_(EPSILON), value=-rate * scale)
        return self

    def predict(self, codes: Tensor) -> Tensor:
        """The most likely label, int64 (B, L, N), of codes, (B, N, D)."""
        best: Tensor = self._forward(self._repeated(codes))[1].argmax(dim=-1)
        return best.unflatten(0, (-1, self.copies))  # type: ignore[no-any-return]

    def _repeated(self, codes: Tensor) -> Tensor:
        return codes.repeat_interleave(self.copies, dim=0)

    def _forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        into, hidden_bias, out, bias = self.weights
        hidden = torch.baddbmm(hidden_bias, codes, into).relu_()
        return hidden, torch.baddbmm(bias + self.impossible, hidden, out)

    def _gradients(self, codes: Tensor, labels: Tensor) -> list[Tensor]:
        """Gradients of the mean cross-entropy, in the order of `weights`."""
        hidden, error = self._forward(codes)
        error = error.softmax(dim=-1)
        wanted = labels.flatten(0, 1)[..., None]
        error.scatter_add_(-1, wanted, error.new_tensor(-1.0).expand(wanted.shape))
        error /= labels.shape[-1]
        inner = (error @ self.weights[2].mT).mul_(hidden > 0)
        sums = (inner.sum(dim=1, keepdim=True), error.sum(dim=1, keepdim=True))
        return [codes.mT @ inner, sums[0], hidden.mT @ error, sums[1]]


def _batches(used: Tensor, seed: int) -> Tensor:
    """Indices of the codes in each batch, int64 (STEPS, BATCH): random orders, one after another."""
    index, generator = (
        used.nonzero().squeeze(1).cpu().numpy(),
        seeds.numpy_generator(seed, "probe_mlp", "order"),
    )
    rounds = -(-STEPS * BATCH // len(index))
    order = np.concatenate([generator.permutation(index) for _ in range(rounds)])[: STEPS * BATCH]
    return torch.from_numpy(order.reshape(STEPS, BATCH)).to(used.device)


def _rate(step: int) -> float:
    """The learning rate of a step."""
    done = (step + 1) / STEPS
    if done < WARM_UP:
        return LEARNING_RATE * done / WARM_UP
    return LEARNING_RATE * 0.5 * (1 + float(np.cos(np.pi * (done - WARM_UP) / (1 - WARM_UP))))
