"""Grid presets: several methods, data sets and splits in one command."""

from pathlib import Path

import pytest
from commandline import Run, results

from lordbench.config.presets import load_grid
from lordbench.runner.plan import Request

GRID = """
summary: two data sets, two splits
extends: tiny.yaml
grid:
  - {methods: [mlvae, drnet], dataset: ./halves_set.py, experiments: [reconstruction]}
  - {methods: [mlvae], dataset: ./halves_set.py, experiments: [leakage]}
  - {methods: [mlvae], dataset: ./halves_set.py, split: classes, experiments: [reconstruction]}
  - {methods: [drnet], dataset: ./other_set.py, experiments: [reconstruction]}
"""

OTHER = """
from dataclasses import replace

def other(**sizes):
    return replace(halves(**(sizes | {"n_classes": 5})), name="other")
"""
TRUSTED = ("--plugins", "halves_set.py", "--plugins", "other_set.py")


@pytest.fixture
def grid(run: Run) -> Run:
    Path("grid.yaml").write_text(GRID)
    other = Path("halves_set.py").read_text().replace("return halves", "return other")
    Path("other_set.py").write_text(other + OTHER)
    return run


def test_a_grid_runs_all_its_parts_at_the_sizes_of_another_preset(grid: Run) -> None:
    assert grid("run", "--preset", "grid.yaml", *TRUSTED) == 0
    rows = results()
    assert set(rows["preset"]) == {"tiny.yaml"}
    found = set(zip(rows["method"], rows["split"], rows["data_fingerprint"], rows["experiment"], strict=True))
    (halves,) = {f for m, s, f, e in found if s == "classes"}
    (other,) = {f for m, s, f, e in found} - {halves}
    assert found == {
        ("mlvae", "samples", halves, "reconstruction"),
        ("mlvae", "samples", halves, "leakage"),
        ("drnet", "samples", halves, "reconstruction"),
        ("mlvae", "classes", halves, "reconstruction"),
        ("drnet", "samples", other, "reconstruction"),
    }
    assert rows["cell"].nunique() == 4  # the cell of the first two parts is trained once


def test_cells_of_a_grid_are_those_of_the_preset_it_extends(
    grid: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    grid("run", "--preset", "tiny.yaml", "--dataset", "./halves_set.py", "--methods", "mlvae,drnet",
         "--experiments", "reconstruction")  # fmt: skip
    before = {path: path.stat().st_mtime_ns for path in Path("runs").rglob("model.safetensors")}
    grid("run", "--preset", "grid.yaml", *TRUSTED)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert "nothing: done before" in capsys.readouterr().err


@pytest.mark.slow
def test_several_jobs_load_the_data_set_of_each_cell(grid: Run) -> None:
    assert grid("run", "--preset", "grid.yaml", *TRUSTED, "-j", "2") == 0
    assert results()["cell"].nunique() == 4


def test_options_of_the_user_override_the_grid() -> None:
    grid = load_grid("ablation")
    assert [part.methods for part in Request(methods=["mlvae"]).parts(grid)] == [["mlvae"]]
    assert [part.dataset for part in Request(dataset="kth").parts(grid)] == ["kth"]
    assert [part.split for part in Request(split="classes").parts(grid)] == ["classes"]
    assert Request().parts(grid) == grid.grid


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("summary: x\nextends: quick\ngrid: [{metods: [lord]}]\n", "metods"),
        ("summary: x\nextends: quick\ngrid: []\n", "grid"),
        ("summary: x\nextends: quick\nimage_size: 64\ngrid: [{}]\n", "image_size"),
        ("summary: x\nextends: quik\ngrid: [{}]\n", "did you mean quick"),
        ("summary: x\nextends: ablation\ngrid: [{}]\n", "unknown setting 'grid'"),
    ],
)
def test_wrong_grids_are_named(run: Run, capsys: pytest.CaptureFixture[str], text: str, words: str) -> None:
    Path("wrong.yaml").write_text(text)
    assert run("run", "--preset", "wrong.yaml") == 2
    assert words in capsys.readouterr().err.replace("\n", " ")
    assert not Path("runs").exists()
