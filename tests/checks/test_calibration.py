"""Calibration: the probes read known leakage, and a reading that misses its truth is noticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import CPU, halves

from lordbench.checks.calibration import LEAKAGE, TOLERANCES, Truth, read, truths
from lordbench.config import registry
from lordbench.config.controls import LEAKS
from lordbench.config.selectors import parse
from lordbench.data.splits import split
from lordbench.evaluation import EvaluationConfig, Scoring, Trained, inference
from lordbench.evaluation.measurement import MeasurementKey
from lordbench.evaluation.probing import LabelProbing, Reading
from lordbench.training import DataSpec

PROBES = ("probe_linear", "probe_kernel")
DATA = halves(n_classes=30, n_contents=32)


def reading(control: str) -> dict[str, float]:
    """Normalized accuracies of the class on a control's content codes, by metric."""
    parts = split(DATA, "samples", seed=0)
    kind = registry.find("methods", "control").load()
    method = kind(kind.Config(**parse(control).settings), DataSpec.of(parts.train))
    method.reveal(parts)
    codes = inference.encode(method, DATA.images, CPU).content_code.numpy()
    scoring = Scoring(CPU, {probe: registry.find("metrics", probe).load() for probe in PROBES})
    trained = Trained(control, method, parts, CPU, 0, EvaluationConfig(), 16, scoring, Path())
    of_fold = Reading(
        MeasurementKey("leakage", "class from content", "encoded"),
        "class",
        lambda fold: (codes[fold.train], codes[fold.test]),
    )
    rows = LabelProbing.within(trained, "leakage", DATA).read([of_fold])
    return {row.metric: row.value for row in rows if row.value is not None}


@pytest.mark.parametrize("form", list(TOLERANCES))
@pytest.mark.parametrize("share", [0.25, 1.0])
def test_known_leakage_is_read_within_its_tolerance(form: str, share: float) -> None:
    read_value = reading(LEAKS[form, share])["probe_best.normalized"]
    assert abs(read_value - share) < TOLERANCES[form] + 0.03  # the share is drawn image by image


def test_no_leakage_is_read_as_none() -> None:
    assert abs(reading("control")["probe_best.normalized"]) < 0.05


def test_the_linear_probe_does_not_see_a_curved_leak() -> None:
    values = reading(LEAKS["curved", 0.5])
    assert values["probe_linear.normalized"] < 0.25
    assert values["probe_kernel.normalized"] > 0.4


class TestVerdicts:
    def rows(self, value: float, low: float, high: float) -> pd.DataFrame:
        experiment, codes, subject, metric = LEAKAGE.split("/")
        return pd.DataFrame([{
            "method": "control", "variant": "leak=0.5", "experiment": experiment, "codes": codes,
            "subject": subject,
            "metric": metric, "value": value, "ci_low": low, "ci_high": high, "n": 10,
        }])  # fmt: skip

    @pytest.mark.parametrize(
        ("value", "low", "high", "verdict"),
        [
            (0.52, 0.5, 0.6, "ok"),
            (0.4, 0.3, 0.46, "ok"),
            (0.4, 0.38, 0.44, "misses"),
            (0.7, np.nan, np.nan, "misses"),
        ],
    )
    def test_a_reading_misses_if_its_interval_lies_outside_the_tolerance(
        self, value: float, low: float, high: float, verdict: str
    ) -> None:
        known = [Truth("control[leak=0.5]", LEAKAGE, 0.5, 0.5, 0.05), Truth("control", LEAKAGE, 0, 0, 0.05)]
        readings = read(self.rows(value, low, high), known)
        assert list(readings["verdict"]) == [verdict]

    def test_a_quantity_without_a_value_was_not_read(self) -> None:
        known = [Truth("control[leak=0.5]", LEAKAGE, 0.5, 0.5, 0.05)]
        assert read(self.rows(np.nan, np.nan, np.nan), known).empty

    def test_every_leak_has_a_truth(self) -> None:
        known = {truth.control: truth.low for truth in truths() if truth.quantity == LEAKAGE}
        assert known == {name: share for (_, share), name in LEAKS.items()}
