"""Probes of published protocols: networks that are trained with a validation set and early stopping."""

from abc import abstractmethod
from collections.abc import Sequence
from copy import deepcopy
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lordbench.data.images import Int64Array
from lordbench.data.splits import stratified
from lordbench.evaluation.metric import Float32Array, Prediction, Probe, ProbeTask
from lordbench.evaluation.probes import standardise
from lordbench.utils import seeds
from lordbench.utils.parallel import one_thread

LEARNING_RATE, BATCH, EPOCHS, VALIDATED, PATIENCE = 1e-3, 128, 100, 0.1, 7
SCHEDULE = (
    f"Adam {LEARNING_RATE:g}, batches of {BATCH}, {EPOCHS} epochs at most, stopped {PATIENCE} epochs after "
    f"the best on {VALIDATED:.0%} of the training codes, drawn one by one"
)


class NetworkProbe(Probe):
    """A classifier that a subclass builds, trained as published; used on request.

    It chooses its epoch on codes that are held out one by one, as its paper did. So it reads less than there
    is of codes that hide a label well (see docs/instruments.md), and takes no part in `probe_best`.
    """

    higher_is_better: ClassVar[bool] = True
    on_request: ClassVar[bool] = True

    @abstractmethod
    def network(self, n_inputs: int, n_labels: int) -> nn.Module:
        """Build a network from codes, float32 (N, n_inputs), to scores, (N, n_labels)."""

    def predict(
        self, train_codes: Float32Array, train_labels: Int64Array, test_codes: Float32Array, seed: int
    ) -> Int64Array:
        return self._predict(train_codes, train_labels, test_codes, seed, torch.device("cpu"))

    def predict_all(self, tasks: Sequence[ProbeTask], device: torch.device) -> list[list[Prediction]]:
        return [
            [
                Prediction(self._predict(task.train, labels, task.test, seeds.derive(task.seed, i), device))
                for i, labels in enumerate(task.labels)
            ]
            for task in tasks
        ]

    def _predict(
        self, train: Float32Array, labels: Int64Array, test: Float32Array, seed: int, device: torch.device
    ) -> Int64Array:
        names, numbered = np.unique(labels, return_inverse=True)
        near, far = (torch.from_numpy(codes).to(device) for codes in standardise(train, test))
        with seeds.initialising(seed, "network"):
            network = self.network(near.shape[1], len(names)).to(device)
        generator = seeds.numpy_generator(seed, "batches")
        with one_thread():
            with torch.enable_grad():
                _train(network, near, torch.from_numpy(numbered.reshape(-1)).to(device), generator)
            with torch.no_grad():
                best: Int64Array = network.eval()(far).argmax(dim=1).cpu().numpy()
        return names[best]


def _train(network: nn.Module, codes: Tensor, labels: Tensor, generator: np.random.Generator) -> None:
    """Train, and end with the weights of the best epoch."""
    rest, held = stratified(labels.cpu().numpy(), VALIDATED, generator)
    # With one code for each label there is nothing to validate on but the training codes.
    held = held if len(held) else rest
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    least, best, waited = float("inf"), deepcopy(network.state_dict()), 0
    for _ in range(EPOCHS):
        network.train()
        for index in _batches(generator.permutation(rest)):
            optimizer.zero_grad()
            F.cross_entropy(network(codes[index]), labels[index]).backward()
            optimizer.step()
        network.eval()
        with torch.no_grad():
            loss = float(F.cross_entropy(network(codes[held]), labels[held]))
        if loss < least:
            least, best, waited = loss, deepcopy(network.state_dict()), 0
        elif (waited := waited + 1) >= PATIENCE:
            break
    network.load_state_dict(best)


def _batches(order: Int64Array) -> list[Tensor]:
    """Divide indices into batches; a last one of a single code, which has no deviation, joins another."""
    starts = list(range(0, len(order), BATCH))
    if len(order) % BATCH == 1 and len(starts) > 1:
        starts.pop()
    return list(torch.from_numpy(order).tensor_split(starts[1:]))
