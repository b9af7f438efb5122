"""The notebook in examples/ runs from top to bottom, and shows what it says it shows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "first-table.ipynb"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What each cell shows, by kind, under the last line of its code."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    variables = {"LORDBENCH_HOME": str(folder / "home"), "LORDBENCH_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}})
    client.execute(env=os.environ | variables)
    assert (folder / "runs/results.csv").is_file()
    return {
        cell.source.splitlines()[-1]: dict(output.data)
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "execute_result"
    }


def test_it_is_stored_without_outputs() -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


@pytest.mark.slow
def test_tables_are_shown_as_tables(outputs: dict[str, dict[str, Any]]) -> None:
    board = outputs["board"]
    assert (
        board["text/plain"] == "leaderboard: 3 methods on toycars[azimuths=6,elevations=2,n_cars=8]; seed 0"
    )
    for name in ("lord", "drnet", "mlvae", "floor: copy of B"):
        assert f"\n| {name} |" in board["text/markdown"]
    assert "the numbers mean nothing" in board["text/markdown"]
    pairs = outputs['lordbench.differences(metrics="ssim")']["text/markdown"]
    assert "| drnet - lord |" in pairs or "| lord - drnet |" in pairs


@pytest.mark.slow
def test_figures_and_images_are_shown_as_pictures(outputs: dict[str, dict[str, Any]]) -> None:
    assert outputs['lordbench.figure("grid", pairs=4)']["image/png"]
    assert outputs["Image.fromarray(strip).resize((6 * 96, 96))"]["image/png"]


@pytest.mark.slow
def test_a_method_and_a_data_set_are_shown_in_a_line(outputs: dict[str, dict[str, Any]]) -> None:
    assert outputs["model"]["text/plain"].startswith(("drnet on", "lord on", "mlvae on"))
    assert outputs["cars"]["text/plain"] == "toycars: 96 images 3 x 16 x 16, classes 8, contents 12"
