"""Fixtures of several test files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from commandline import BROKEN, DATASET, PRESET, Run
from filelock import FileLock
from fuzzing import load_profile
from serving import NAME, OLD, Publisher, offer, publishing

from lordbench.cli.main import main
from lordbench.config import registry
from lordbench.nn import weights
from lordbench.utils import download, files, hardware
from lordbench.utils.errors import MissingWeightsError

# The tests' networks are too small for several threads, also those of commands that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)
load_profile()


@pytest.fixture(scope="session")
def real_weights() -> dict[str, Path]:
    """The files of AlexNet's and VGG16's weights, fetched once into the user's own cache."""
    files.home().mkdir(parents=True, exist_ok=True)
    try:
        # pytest-xdist runs several test processes.
        with FileLock(files.home() / ".tests.lock"):
            return {name: weights.ensure(name) for name in ("alexnet", "vgg16")}
    except MissingWeightsError as error:
        pytest.skip(error.message)


@pytest.fixture(scope="session")
def metric_class() -> Callable[[str], type]:
    """Load the class in `metrics/NAME.py`, the way a run does: `metric_class("ssim")`."""
    return lambda name: registry.find("metrics", name).load()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call the command line in this process, offline, in an empty folder; return the exit status."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LORDBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LORDBENCH_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("LORDBENCH_WEIGHTS", "")
    monkeypatch.setenv("LORDBENCH_PLUGINS", "")
    # One cell at a time, in this process, unless a test asks for more.
    monkeypatch.setattr(hardware, "cores", lambda: 1)
    # Data sets in workers import the tests' helpers.
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "support"))
    (tmp_path / "halves_set.py").write_text(DATASET)
    (tmp_path / "tiny.yaml").write_text(PRESET)
    (tmp_path / "broken.py").write_text(BROKEN)

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["lordbench", *arguments])
        try:
            main()
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    return call


@pytest.fixture
def publisher(run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    """A publisher of edges2shoes on this machine; downloads wait for nothing and come in small blocks."""
    monkeypatch.setenv("LORDBENCH_OFFLINE", "0")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "BLOCK", 1 << 16)
    monkeypatch.setattr(download, "PAUSES", (0.0, 0.0))
    with publishing() as found:
        found.files[f"/{NAME}"] = OLD
        offer(found, monkeypatch, edges2shoes_tar_gz="")
        yield found


@pytest.fixture
def threads() -> Callable[[int], None]:
    """Set the number of threads; it is restored afterwards."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)
