"""Data set, preset and methods for tests of `lordbench run`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from lordbench.results.rows import read_csv

DATASET = """
from typing import ClassVar
from helpers import halves
from lordbench.data.dataset import Dataset

class Halves(Dataset):
    summary: ClassVar[str] = "coloured halves"
    def load(self, size, track=None):
        return halves(n_classes=8, n_contents=16, size=size)
"""
PRESET = """
summary: tiny
image_size: 16
precision: float32
budget: {images: 640, batch_size: 32}
evaluation: {pairs: 30, real_images: 64, grid: [3, 2]}
defaults: {class_size: 8, content_size: 4, width: 8, reconstruction: pyramid}
"""
BROKEN = """
from typing import ClassVar
from lordbench.training.method import Codes, Method

class Broken(Method):
    summary: ClassVar[str] = "fails"
    source: ClassVar[str] = "none"
    def fit(self, train, context): raise ValueError("no such luck")
    def encode(self, images): return Codes(images.mean((2, 3)), images.mean((1, 2)))
    def decode(self, codes): return codes.class_code
"""
DEADLY = '''
"""ML-VAE, whose process is sent a signal in the middle of training, `deaths` times."""
import os, signal
from pathlib import Path
from typing import ClassVar
from lordbench.config import registry
MlVae = registry.find("methods", "mlvae").load()

class Config(MlVae.Config):
    deaths: int = 1
    signal: str = "SIGKILL"

class Deadly(MlVae):
    summary: ClassVar[str] = "is killed"
    source: ClassVar[str] = "none"
    Config = Config

    def fit(self, train, context):
        begun = Path("attempts.txt")
        before = begun.read_text() if begun.exists() else ""
        saved = context.checkpoints.progress()
        begun.write_text(before + f"{saved.step if saved else 0}\\n")
        step, alive = context.reporter.step, before.count("\\n") >= self.config.deaths
        def deadly(done, images, loss):
            step(done, images, loss)
            if done == 70 and not alive:
                os.kill(os.getpid(), getattr(signal, self.config.signal))
        context.reporter.step = deadly
        super().fit(train, context)
'''
STAMPS = ["train_seconds", "train_images_per_second", "peak_memory_mib", "started"]
Run = Callable[..., int]
TINY = ["run", "--dataset", "./halves_set.py", "--preset", "tiny.yaml"]


def results(folder: str = "runs") -> pd.DataFrame:
    return read_csv(Path(folder) / "results.csv")
