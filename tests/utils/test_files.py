"""Writing files: a full disk is named, and nothing is left behind."""

import json
import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from lordbench.evaluation.measurement import Samples
from lordbench.evaluation.pictures import save_picture
from lordbench.results.samples import write_samples
from lordbench.training.checkpoints import save_tensors
from lordbench.utils.files import WriteError, replacing, write_json, write_text

LIMIT = 4096
NOISE = np.random.default_rng(0).integers(0, 256, size=(64, 64, 3), dtype=np.uint8)


def write_array(path: Path) -> None:
    with replacing(path) as temporary:
        np.save(temporary, NOISE, allow_pickle=False)


def write_table(path: Path) -> None:
    with replacing(path) as temporary:
        pd.DataFrame(NOISE[0]).astype(float).sample(2000, replace=True).to_csv(temporary)


WRITERS: dict[str, Callable[[Path], None]] = {
    "model.safetensors": lambda path: save_tensors(path, {"weight": torch.zeros(LIMIT)}),
    "samples.npz": lambda path: write_samples(
        path, {"key": Samples(NOISE.ravel().astype(np.float32), np.arange(NOISE.size)[None])}
    ),
    "images.npy": write_array,
    "picture.png": lambda path: save_picture(Image.fromarray(NOISE), path),
    "record.json": lambda path: write_json(path, {"text": "x" * LIMIT}),
    "results.csv": lambda path: write_text(path, "x" * 2 * LIMIT),
    "tidy.csv": write_table,
}


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Let files grow to a few KiB only; like a full disk, the kernel then refuses to write."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_named_with_the_file(tmp_path: Path, full_disk: None, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(WriteError) as caught:
        WRITERS[name](path)
    assert str(caught.value).startswith(f"{path}: cannot be written: ")
    assert "File too large" in str(caught.value) or "disk full" in str(caught.value)
    assert not os.listdir(tmp_path)


def test_without_the_limit_they_are_written(tmp_path: Path) -> None:
    for name, write in WRITERS.items():
        write(tmp_path / name)
    assert set(os.listdir(tmp_path)) == set(WRITERS)
    assert json.loads((tmp_path / "record.json").read_text())["text"] == "x" * LIMIT
