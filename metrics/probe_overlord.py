"""The probe of OverLORD's evaluation, an MLP with two hidden layers; used on request."""

from typing import ClassVar

from torch import nn

from lordbench.evaluation.probe_networks import SCHEDULE, NetworkProbe

WIDTH = 256


class OverlordProbe(NetworkProbe):
    """Two hidden layers of 256 ReLUs; how it was trained is not known, so it is trained as DCoDR's."""

    source: ClassVar[str] = "Gabbay & Hoshen, Scaling-up Disentanglement for Image Translation, ICCV 2021"

    def network(self, n_inputs: int, n_labels: int) -> nn.Module:
        return nn.Sequential(
            nn.Linear(n_inputs, WIDTH), nn.ReLU(),
            nn.Linear(WIDTH, WIDTH), nn.ReLU(),
            nn.Linear(WIDTH, n_labels),
        )  # fmt: skip

    def policy(self) -> str:
        return f"standardised codes; two hidden layers of {WIDTH} ReLUs; {SCHEDULE}"
