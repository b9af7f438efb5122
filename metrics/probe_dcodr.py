"""The probe of DCoDR's evaluation, for comparison with its numbers; used on request."""

from itertools import pairwise
from typing import ClassVar

from torch import nn

from lordbench.evaluation.probe_networks import SCHEDULE, NetworkProbe

LAYERS, WIDTH = 6, 128


class DcodrProbe(NetworkProbe):
    """Six layers of 128 with batch normalization and LeakyReLU, trained until the validation loss rises."""

    source: ClassVar[str] = (
        "Kahana & Hoshen, A Contrastive Objective for Learning Disentangled Representations, 2022"
    )

    def network(self, n_inputs: int, n_labels: int) -> nn.Module:
        sizes = [n_inputs, *[WIDTH] * LAYERS]
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.LeakyReLU()]
        return nn.Sequential(*layers, nn.Linear(WIDTH, n_labels))

    def policy(self) -> str:
        return f"standardised codes; {LAYERS} layers of {WIDTH}, batch norm, LeakyReLU; {SCHEDULE}"
