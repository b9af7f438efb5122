"""Parts of the built-in probes: batches of tasks, standardised codes, and the choice of settings."""

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from lordbench.data.images import Int64Array
from lordbench.data.splits import stratified
from lordbench.evaluation.metric import BoolArray, Float32Array, Prediction, Probe, ProbeTask
from lordbench.utils import seeds
from lordbench.utils.parallel import in_threads

HELD_OUT = 1 / 3
"""Share of the training codes, by values of the other label, on which a probe's settings are chosen."""
STANDARD_ERRORS = 1.0
"""A setting nearer the middle of its grid is preferred unless another is better by more than this."""


@dataclass(frozen=True, eq=False)
class Batch:
    """B tasks of equally many labellings L and dimensions D, padded to N training codes and K labels.

    Attributes:
        codes: float32 (B, N, D), standardised over each task's training codes; padding is zero.
        labels: int64 (B, L, N), numbered from 0 in each task.
        held: bool (B, N): codes on which settings are chosen.
        rest: bool (B, N): codes that are fitted while settings are chosen.
        all: bool (B, N): every code but the padding.
        possible: bool (B, K): labels that the task has.
        test: float32 (B, M, D), standardised like the training codes.
    """

    seeds: tuple[int, ...]
    codes: Tensor
    labels: Tensor
    held: Tensor
    rest: Tensor
    all: Tensor
    possible: Tensor
    test: Tensor


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a probe predicts for a batch.

    Attributes:
        predicted: int64 (B, L, M), labels of the test codes.
        accuracy: float (B, L), on the held-out codes, by the setting that was chosen.
        chosen: (B, L) texts.
        at_edge: (B, L), whether a chosen setting lies at the edge of its grid.
    """

    predicted: Tensor
    accuracy: Tensor
    chosen: list[list[str]]
    at_edge: list[list[bool]]


class BatchedProbe(Probe):
    """A probe that fits tasks together on one device; a subclass adds the classifier.

    On a CPU every task is a batch, fitted on one thread, so that predictions do not depend on the number of
    threads. Labels that do not occur in training are never predicted.
    """

    higher_is_better: ClassVar[bool] = True
    thread_safe: ClassVar[bool] = True

    @abstractmethod
    def fit(self, batch: Batch) -> Fitted:
        """Choose settings on the held-out codes, fit on all training codes, and predict the test codes.

        No choice may depend on the test codes.
        """

    def predict(
        self, train_codes: Float32Array, train_labels: Int64Array, test_codes: Float32Array, seed: int
    ) -> Int64Array:
        task = ProbeTask(train_codes, train_labels[None], None, test_codes, seed)
        return self.predict_all([task], torch.device("cpu"))[0][0].labels

    def predict_all(self, tasks: Sequence[ProbeTask], device: torch.device) -> list[list[Prediction]]:
        alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for i, task in enumerate(tasks):
            # A GPU fits all tasks of one shape together.
            shape = (i,) if device.type == "cpu" else (len(task.labels), task.train.shape[1])
            alike[shape].append(i)
        batches = list(alike.values())

        def fit(batch: list[int]) -> list[list[Prediction]]:
            with torch.no_grad():
                return self._fit([tasks[i] for i in batch], device)

        fitted = in_threads(fit, batches)
        results = dict(zip(chain(*batches), chain(*fitted), strict=True))
        return [results[i] for i in range(len(tasks))]

    def _fit(self, tasks: Sequence[ProbeTask], device: torch.device) -> list[list[Prediction]]:
        names = [np.unique(task.labels[0]) for task in tasks]
        fitted = self.fit(collate(tasks, device))
        predicted = fitted.predicted.cpu().numpy()
        return [
            [
                Prediction(
                    names[b][predicted[b, row, : len(task.test)]],
                    fitted.chosen[b][row],
                    float(fitted.accuracy[b, row]),
                    fitted.at_edge[b][row],
                )
                for row in range(len(task.labels))
            ]
            for b, task in enumerate(tasks)
        ]


def collate(tasks: Sequence[ProbeTask], device: torch.device) -> Batch:
    """Standardise and pad tasks; all must have as many labellings and dimensions as the first."""
    sizes = [len(task.train) for task in tasks]
    n_labels = [len(np.unique(task.labels[0])) for task in tasks]
    shape = (len(tasks), max(sizes))
    codes = torch.zeros(*shape, tasks[0].train.shape[1])
    labels = torch.zeros(len(tasks), len(tasks[0].labels), max(sizes), dtype=torch.int64)
    test = torch.zeros(len(tasks), max(len(task.test) for task in tasks), codes.shape[2])
    held, rest, every = (torch.zeros(shape, dtype=torch.bool) for _ in range(3))
    for b, (task, n) in enumerate(zip(tasks, sizes, strict=True)):
        train, others = standardise(task.train, task.test)
        codes[b, :n], test[b, : len(others)] = torch.from_numpy(train), torch.from_numpy(others)
        labels[b, :, :n] = torch.from_numpy(np.unique(task.labels, return_inverse=True)[1].reshape(-1, n))
        mask = held_out(task.labels[0], task.groups, seeds.numpy_generator(task.seed, "held out"))
        held[b, :n], every[b, :n] = torch.from_numpy(mask), True
        # Where nothing can be held out, settings are chosen on the codes that are fitted.
        rest[b, :n] = torch.from_numpy(~mask | mask.all())
    possible = torch.arange(max(n_labels)) < torch.tensor(n_labels)[:, None]
    tensors = (codes, labels, held, rest, every, possible, test)
    return Batch(tuple(task.seed for task in tasks), *(tensor.to(device) for tensor in tensors))


def held_out(labels: Int64Array, groups: Int64Array | None, generator: np.random.Generator) -> BoolArray:
    """Choose training codes, bool (N,), to choose settings on, as test codes are: by values of another label.

    Were codes held out one by one, settings would be chosen that remember the other label's values, which
    the test codes do not have. Where `groups`, int64 (N,), are unknown or all equal, codes are held out one
    by one, evenly over the labels; where every label has a single code, all codes are returned.
    """
    values = np.unique(labels if groups is None else groups)
    if groups is None or len(values) < 2:
        mask = np.zeros(len(labels), dtype=np.bool_)
        mask[stratified(labels, HELD_OUT, generator)[1]] = True
    else:
        mask = np.isin(groups, generator.permutation(values)[: max(1, round(HELD_OUT * len(values)))])
    return mask if mask.any() else ~mask


def standardise(train: Float32Array, test: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Scale codes, (N, D) and (M, D), to zero mean and unit deviation over the training codes.

    A dimension that does not vary in training becomes zero in both.
    """
    mean = train.mean(axis=0, dtype=np.float64)
    deviation = train.std(axis=0, dtype=np.float64)
    # Values that are equal but for rounding must not be blown up to unit deviation.
    varies = deviation > 1e-6 * np.abs(mean)
    scale = np.where(varies, 1 / np.where(varies, deviation, 1), 0)
    return ((train - mean) * scale).astype(np.float32), ((test - mean) * scale).astype(np.float32)


def choose(correct: Tensor, held: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Choose a setting of a grid by the share of held-out codes that it predicts.

    A setting nearer the middle of the grid is preferred to one that is better by less than a standard error,
    so a choice at the edge says that the grid may be too narrow.

    Args:
        correct: bool (B, L, S, N), by setting, in the order of the grid.
        held: bool (B, N), which codes count.

    Returns:
        The chosen setting, int64 (B, L); its accuracy, (B, L); whether it lies at an edge, bool (B, L).
    """
    counts = held.sum(dim=-1)[:, None, None]
    accuracy = (correct & held[:, None, None]).sum(dim=-1) / counts
    best = accuracy.max(dim=-1, keepdim=True).values
    error = (best * (1 - best) / counts).sqrt()
    distance = torch.linspace(-1, 1, correct.shape[2], device=correct.device).abs()
    # The nearest to the middle; of two equally near ones, the more accurate.
    preference = torch.where(accuracy >= best - STANDARD_ERRORS * error, accuracy - 2 * distance, -torch.inf)
    chosen = preference.argmax(dim=-1)
    at_edge = (chosen == 0) | (chosen == correct.shape[2] - 1)
    return chosen, accuracy.gather(-1, chosen[..., None]).squeeze(-1), at_edge


def take(values: Tensor, chosen: Tensor) -> Tensor:
    """Select from values, (B, L, S, ...), by the chosen settings, int64 (B, L): (B, L, ...)."""
    index = chosen.reshape(*chosen.shape, *[1] * (values.ndim - 2)).expand(
        *chosen.shape, 1, *values.shape[3:]
    )
    return values.gather(2, index).squeeze(2)


def texts(chosen: Tensor, names: Sequence[str]) -> list[list[str]]:
    """Names of chosen settings, int64 (B, L)."""
    return [[names[i] for i in row] for row in chosen.tolist()]
