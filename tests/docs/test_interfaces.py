"""The page of interfaces is what the docstrings say, and says it of all that is public in the contracts."""

import inspect
import runpy
from pathlib import Path

import pytest

from lordbench.data.dataset import Dataset
from lordbench.data.images import ImageSet
from lordbench.evaluation.experiment import Experiment, Trained
from lordbench.evaluation.measurement import Measurement
from lordbench.evaluation.metric import PairMetric, Probe, SetMetric
from lordbench.training.loop import Budget, Context, Phase, Update
from lordbench.training.method import Codes, Method

DOCS = Path(__file__).resolve().parents[2] / "docs"
CONTRACTS = [
    Method, Codes, Context, Budget, Phase, Update, ImageSet, Dataset, PairMetric, SetMetric, Probe,
    Experiment, Trained, Measurement,
]  # fmt: skip


def test_the_page_is_made_from_the_code_as_it_is() -> None:
    made = runpy.run_path(str(DOCS / "make_interfaces.py"))["page"]()
    assert (DOCS / "interfaces.md").read_text() == made, "run python docs/make_interfaces.py"


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_contract_is_there_with_all_its_own(contract: type) -> None:
    page = (DOCS / "interfaces.md").read_text()
    _, _, part = page.partition(f"### {contract.__name__}\n")
    part = part.partition("\n### ")[0]
    own = {*vars(contract), *inspect.get_annotations(contract)}
    for name in own:
        if not name.startswith(("_", "model_")):
            assert f"| {name} |" in part or f"| **{name}** |" in part, name
