"""MLP probe: what a code reveals to a classifier with one hidden layer."""

from collections.abc import Sequence
from math import prod
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
        networks = Networks(batch, (batch.rest, batch.all))
        networks.train()
        correct = networks.predict(batch.codes, 0) == batch.labels
        held = batch.held[:, None]
        accuracy = (correct & held).sum(dim=-1) / held.sum(dim=-1)
        nothing = [[""] * correct.shape[1]] * len(correct)
        never = [[False] * correct.shape[1]] * len(correct)
        return Fitted(networks.predict(batch.test, 1), accuracy, nothing, never)

    def policy(self) -> str:
        return (
            f"standardised codes; {HIDDEN} ReLUs, Adam {LEARNING_RATE:g} with a cosine, {STEPS} batches of "
            f"{BATCH}, decay {DECAY:g}"
        )


class Networks:
    """Networks of one hidden layer, one for each task, part and labelling, (B, P, L), of a batch.

    A part is a choice of codes to train on, bool (B, N). Networks of a task begin with the same weights, and
    those of a part see the same batches. All are trained together, since on a CPU the calls for one alone
    take as long as its products.
    """

    def __init__(self, batch: Batch, parts: Sequence[Tensor]) -> None:
        self.batch, self.parts = batch, parts
        self.shape = (len(batch.seeds), len(parts), batch.labels.shape[1])
        inputs, n_labels = batch.codes.shape[2], batch.possible.shape[1]
        self.shapes = ((inputs, HIDDEN), (1, HIDDEN), (HIDDEN, n_labels), (1, n_labels))
        # One vector of all layers takes a quarter of the calls to update.
        size = prod(self.shape) * sum(map(prod, self.shapes))
        self.vector = torch.zeros(size, device=batch.codes.device)
        self.layers = self._layers_of(self.vector)
        into, _, out, bias = (layer.unflatten(0, self.shape) for layer in self.layers)
        for b, seed in enumerate(batch.seeds):
            generator, own = seeds.numpy_generator(seed, "probe_mlp", "network"), int(batch.possible[b].sum())
            # Scaled for ReLUs (He et al. 2015).
            into[b] = _normal(generator, (inputs, HIDDEN), 2)
            out[b, ..., :own] = _normal(generator, (HIDDEN, own), 1)
            # No gradient moves the bias of a label that the task does not have.
            bias[b, ..., own:] = -torch.inf

    def train(self) -> None:
        """Train by Adam with decoupled decay."""
        copies, size = self.shape[2], self.batch.codes.shape[1]
        order = torch.stack([
            torch.stack([_batches(part[b], seed) + b * size for part in self.parts])
            for b, seed in enumerate(self.batch.seeds)
        ])  # fmt: skip
        all_codes, all_labels = (
            self.batch.codes.flatten(0, 1),
            self.batch.labels.transpose(1, 2).flatten(0, 1),
        )
        labels = all_labels[order].movedim(4, 2).flatten(0, 2)
        gradient, means, squares = (torch.zeros_like(self.vector) for _ in range(3))
        slopes = self._layers_of(gradient)
        first, second = BETAS
        for step in range(STEPS):
            index = order[:, :, step]
            codes = all_codes.index_select(0, index.flatten()).view(*index.shape[:2], 1, BATCH, -1)
            self._differentiate(codes.expand(-1, -1, copies, -1, -1).flatten(0, 2), labels[:, step], slopes)
            means.lerp_(gradient, 1 - first)
            squares.mul_(second).addcmul_(gradient, gradient, value=1 - second)
            rate = _rate(step)
            for weights in self.layers[::2]:
                weights.mul_(1 - rate * DECAY)
            scale = np.sqrt(1 - second ** (step + 1)) / (1 - first ** (step + 1))
            self.vector.addcdiv_(means, squares.sqrt().add_(EPSILON), value=-rate * scale)

    def predict(self, codes: Tensor, part: int) -> Tensor:
        """The most likely label, int64 (B, L, M), of codes, (B, M, D), by the networks of a part."""
        own = (layer.unflatten(0, self.shape)[:, part] for layer in self.layers)
        into, hidden_bias, out, bias = own
        hidden = (codes[:, None] @ into + hidden_bias).relu_()
        best: Tensor = (hidden @ out + bias).argmax(dim=-1)
        return best

    def _layers_of(self, vector: Tensor) -> list[Tensor]:
        """Weights and biases in turn, as views of a vector: (B * P * L, ...) each."""
        sizes = [prod(self.shape) * prod(shape) for shape in self.shapes]
        parts = zip(vector.split(sizes), self.shapes, strict=True)
        return [part.view(-1, *shape) for part, shape in parts]

    def _differentiate(self, codes: Tensor, labels: Tensor, slopes: list[Tensor]) -> None:
        """Write gradients of the mean cross-entropy, in the order of the layers."""
        into, hidden_bias, out, bias = self.layers
        hidden = torch.baddbmm(hidden_bias, codes, into).relu_()
        error = torch.baddbmm(bias, hidden, out).softmax(dim=-1)
        error.scatter_add_(-1, labels[..., None], error.new_tensor(-1.0).expand(*labels.shape, 1))
        error /= BATCH
        inner = (error @ out.mT).mul_(hidden.sign())
        torch.bmm(codes.mT, inner, out=slopes[0])
        torch.sum(inner, dim=1, keepdim=True, out=slopes[1])
        torch.bmm(hidden.mT, error, out=slopes[2])
        torch.sum(error, dim=1, keepdim=True, out=slopes[3])


def _normal(generator: np.random.Generator, shape: tuple[int, int], variance: float) -> Tensor:
    """Random weights of a layer, of a variance divided by the number of its inputs."""
    values = generator.standard_normal(shape) * np.sqrt(variance / shape[0])
    return torch.from_numpy(values.astype(np.float32))


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
