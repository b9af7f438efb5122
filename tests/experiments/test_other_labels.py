"""What compares methods given the data set's own class labels is not measured with others."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers import CPU, cars
from lookup import Lookup

from lordbench.config import registry
from lordbench.data.splits import split
from lordbench.evaluation.experiment import OTHER_LABELS, EvaluationConfig, Trained
from lordbench.evaluation.scoring import Scoring

DATA = cars(n_cars=4, azimuths=6)


@pytest.mark.parametrize("name", ["content-transfer", "leakage", "retrieval", "faces"])
def test_it_is_left_out_with_a_reason(tmp_path: Path, name: str) -> None:
    """Their floors depend on the labels as well, and a table has one row for each floor."""
    experiment = registry.find("experiments", name).load()()
    assert experiment.missing(replace(DATA, faces=True), "samples", "") == ""
    assert experiment.missing(replace(DATA, faces=True), "samples", "clusters[k=3]") == OTHER_LABELS
    cut = replace(split(DATA, "samples", 0), labels="clusters[k=3]")
    sizes = EvaluationConfig(pairs=20, real_images=20, grid=(2, 2))  # type: ignore[call-arg]
    trained = Trained("known", Lookup(DATA), cut, CPU, 0, sizes, 16, Scoring(CPU, {}), tmp_path)
    assert experiment.run(trained) == []
