"""The overhead of a cell beside its training and experiments: cells that do almost nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

from benchmarks.page import ROOT, table

METHOD = '''
"""Learns nothing, so the time of its cells is overhead."""
from typing import ClassVar
import torch
from lordbench.training.method import Codes, Method


class Idle(Method):
    summary: ClassVar[str] = "learns nothing"
    source: ClassVar[str] = "none"

    def __init__(self, config, spec):
        super().__init__(config, spec)
        self.weight = torch.nn.Parameter(torch.zeros(4))

    def fit(self, train, context):
        pass

    def encode(self, images):
        return Codes(images.mean((2, 3)), images.mean((2, 3)))

    def decode(self, codes):
        return codes.class_code[:, :, None, None].expand(-1, -1, 16, 16)
'''
EXPERIMENT = '''
"""Measures almost nothing."""
from typing import ClassVar
from lordbench.evaluation.experiment import Experiment
from lordbench.evaluation.measurement import Measurement


class Glance(Experiment):
    summary: ClassVar[str] = "counts the held-out images"

    def run(self, trained):
        n = len(trained.split.test)
        key = {"experiment": "glance", "subject": "images", "codes": "", "metric": "count"}
        return [Measurement(**key, value=float(n), n=n, higher_is_better=None)]
'''
EXECUTORS = {
    "local, one process": [],
    "local, `-j 2`": ["-j", "2"],
    "Ray, on this machine alone": ["--executor", "ray"],
}


def scheduling(folder: Path, n: int) -> str:
    """Measure each executor with `n` cells in run folders under `folder`, and return the table."""
    (folder / "idle.py").write_text(METHOD)
    (folder / "glance.py").write_text(EXPERIMENT)
    rows = []
    for name, options in EXECUTORS.items():
        few, many = (_seconds(folder, name, cells, options) for cells in (2, n))
        rows.append([name, f"{few:.1f}", f"{many:.1f}", f"{1000 * (many - few) / (n - 2):.0f}"])
    return table(["executor", "2 cells, s", f"{n:,} cells, s", "a cell, ms"], rows)


def _seconds(folder: Path, name: str, cells: int, options: list[str]) -> float:
    """Seconds of the whole command, including its start and its tables."""
    out = folder / f"{list(EXECUTORS).index(name)}-{cells}"
    command = [
        sys.executable,
        "-m",
        "lordbench",
        "run",
        "--methods",
        "./idle.py",
        "--experiments",
        "./glance.py",
    ]
    command += ["--dataset", "toycars[n_cars=4,azimuths=4,elevations=2]", "--preset", "smoke"]
    command += ["--seeds", ",".join(map(str, range(cells))), "--out", str(out), *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    began = time.monotonic()
    subprocess.run(command, cwd=folder, check=True, env=environment, capture_output=True)
    seconds = time.monotonic() - began
    found = pd.read_csv(out / "results.csv")
    if len(found) != cells or found["cell"].nunique() != cells:
        raise ValueError(f"{name}: {len(found)} rows of {cells} cells")
    return seconds
