"""Made-up run folders for the tests of `lordbench status`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import torch
from synthetic import measured

from lordbench.results.progress import CellProgress, PlannedCell, RunPlan
from lordbench.results.rows import Provenance
from lordbench.results.run_folder import CellFolder, Store, encode_provenance
from lordbench.training.checkpoints import save_tensors
from lordbench.utils.files import write_json

NOW = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
EXPERIMENTS = ("leakage", "reconstruction")


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def planned(cell_id: str, method: str = "lord", seed: int = 0) -> PlannedCell:
    return PlannedCell(
        id=cell_id,
        label=method,
        dataset="squares",
        split="samples",
        preset="quick",
        seed=seed,
        experiments=EXPERIMENTS,
    )


def moment(**other: Any) -> CellProgress:
    """A training at a quarter, at 100 images per second, by default."""
    given: dict[str, Any] = {
        "doing": "amortization",
        "training": True,
        "step": 10,
        "steps": 40,
        "images": 1000,
        "images_in_all": 4000,
        "rate": 100.0,
        "loss": 0.25,
        "began": ago(10),
        "written": ago(1),
        "host": "here",
        "pid": 1,
    }
    return CellProgress(**(given | other))


class Folder:
    """A made-up run folder."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root)
        root.mkdir(exist_ok=True)

    def plan(self, *cells: PlannedCell, jobs: int = 1, began: datetime | None = None) -> None:
        RunPlan.begin(list(cells), jobs, began or ago(60)).write(self.store.plan)

    def train(self, cell_id: str, seconds: float = 30.0) -> CellFolder:
        provenance = Provenance(
            cell=cell_id, method="lord", variant="", dataset="squares", data_settings="", split="samples",
            preset="quick", seed=0, protocol_version=1, lordbench_version="1.0", git_sha="", method_source="",
            data_fingerprint="", device="cpu", precision="float32", threads=1, torch_version="2.4",
            cuda_version="", train_seconds=seconds, train_images_per_second=1.0, peak_memory_mib=1.0,
            started=NOW.isoformat(),
        )  # fmt: skip
        folder = self.store.cell(cell_id)
        save_tensors(folder.model, {"module.weight": torch.zeros(1)}, encode_provenance(provenance))
        return folder

    def finish(self, cell_id: str, seconds: float = 30.0, each: float = 5.0) -> CellFolder:
        folder = self.train(cell_id, seconds)
        for name in EXPERIMENTS:
            folder.write_measurements(name, [measured(experiment=name)])
            folder.write_seconds(name, each)
        return folder

    def run(self, cell_id: str, **other: Any) -> CellFolder:
        folder = self.store.cell(cell_id)
        moment(**other).write(folder.progress)
        return folder

    def fail(self, cell_id: str, error: str = "ValueError: no such luck", when: datetime = NOW) -> CellFolder:
        folder = self.store.cell(cell_id)
        write_json(folder.failure, {"error": error, "traceback": "Traceback", "when": when.isoformat()})
        return folder
