"""Probes on codes drawn from posteriors: more noise hides what the means reveal."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers import CPU, cars
from lookup import Lookup
from torch import Tensor

from lordbench.config import registry
from lordbench.data.splits import split
from lordbench.evaluation.experiment import EvaluationConfig, Trained
from lordbench.evaluation.scoring import Scoring
from lordbench.experiments.leakage import Leakage
from lordbench.training.method import Codes, DataSpec

DATA = cars(n_cars=6, azimuths=8, elevations=2)


class Leaky(Lookup):
    """Content codes whose means are the class, and whose deviations are `wide`."""

    wide: float | None = None

    def encode(self, images: Tensor) -> Codes:
        codes = super().encode(images)
        return Codes(codes.class_code, codes.class_code)

    def deviations(self, images: Tensor) -> Codes | None:
        if self.wide is None:
            return None
        codes = self.encode(images)
        return Codes(torch.zeros_like(codes.class_code), torch.full_like(codes.content_code, self.wide))


def readings(wide: float | None) -> dict[str, float]:
    """Accuracies of the linear probe for the class on content codes, by subject."""
    method = Leaky(DATA)
    method.wide = wide
    scoring = Scoring(CPU, {"probe_linear": registry.find("metrics", "probe_linear").load()})
    sizes = EvaluationConfig()  # type: ignore[call-arg]
    cell = Trained("known", method, split(DATA, "samples", seed=0), CPU, 0, sizes, 16, scoring, Path())
    rows = Leakage().run(cell)
    return {row.subject: row.value or 0.0 for row in rows if row.metric == "probe_linear.normalized"}


def test_narrow_posteriors_reveal_what_their_means_do_and_wide_ones_hide_it() -> None:
    narrow, wide = readings(0.01), readings(100.0)
    for found in (narrow, wide):
        assert found["class from content"] == 1
    assert narrow["class from content, drawn"] == 1
    assert wide["class from content, drawn"] < 0.4


def test_plain_codes_have_no_drawn_ones() -> None:
    assert "class from content, drawn" not in readings(None)


@pytest.mark.parametrize(
    ("name", "plain"), [("mlvae", False), ("gvae", False), ("adagvae", False), ("cyclevae", True)]
)
def test_variational_methods_give_the_deviations_of_their_codes(name: str, plain: bool) -> None:
    kind = registry.find("methods", name).load()
    method = kind(kind.Config(class_size=6, content_size=5, width=8), DataSpec.of(DATA))
    images = torch.rand(3, 3, 16, 16)
    with torch.no_grad():
        codes, deviations = method.encode(images), method.deviations(images)
    assert deviations is not None
    assert deviations.class_code.shape == codes.class_code.shape
    assert deviations.content_code.shape == codes.content_code.shape
    if name != "adagvae":  # which divides one posterior
        with torch.no_grad():
            log_variances = method.content_encoder(images)[:, 5:]
        assert torch.allclose(deviations.content_code, (0.5 * log_variances).exp())
    assert bool((deviations.class_code == 0).all()) is plain


@pytest.mark.parametrize("name", ["drnet", "lord"])
def test_others_have_none(name: str) -> None:
    kind = registry.find("methods", name).load()
    method = kind(
        kind.Config(class_size=6, content_size=5, width=8, reconstruction="pyramid"), DataSpec.of(DATA)
    )
    assert method.deviations(torch.rand(2, 3, 16, 16)) is None
