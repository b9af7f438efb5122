"""Time of the experiments of one cell by the number of test images."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import numpy as np
import torch

from benchmarks.page import table
from benchmarks.stepping import build, seconds
from lordbench.config import registry
from lordbench.config.presets import load_preset
from lordbench.data.images import ImageSet
from lordbench.data.splits import Split
from lordbench.evaluation import Experiment, Trained
from lordbench.results.run_folder import Store
from lordbench.runner.run_cell import WorkerState
from lordbench.utils import hardware, seeds

COUNTS = (1_000, 10_000, 100_000)
CLASSES, CONTENTS, SIZE = 40, 48, 32
"""As toycars, whose training images these are, about."""
SETTLES = 1_000
"""Test images of a first evaluation, which is not measured: it loads the networks."""


def held_out() -> str:
    """Return seconds of each experiment at every number of test images, with LORD at `quick` sizes.

    Images and codes are not trained on: no time depends on what they show.
    """
    hardware.keep_freed_memory()
    names = [
        name
        for name, kind in registry.load_all("experiments").items()
        if not kind().missing(drawn(200), "samples", "")
    ]
    evaluated(names, SETTLES)
    times = {n: evaluated(names, n) for n in COUNTS}
    header = ["experiment", *(f"{n:,} test images, s" for n in COUNTS), f"{COUNTS[-1]:,} to {COUNTS[0]:,}"]
    rows = []
    for name in [*times[COUNTS[0]], "all"]:
        own = [sum(times[n].values()) if name == "all" else times[n][name] for n in COUNTS]
        rows.append([name, *(f"{value:.1f}" for value in own), f"{own[-1] / own[0]:.1f}"])
    return table(header, rows)


def evaluated(names: list[str], n: int) -> dict[str, float]:
    """Seconds of encoding all images and of each experiment, with `n` test images."""
    parts = Split("samples", drawn(CLASSES * CONTENTS), drawn(n))
    preset, device = load_preset("quick", {}), hardware.resolve_device("auto")
    settings = preset.settings("lord", registry.find("methods", "lord").load().Config)
    method = build("lord", settings, parts.train).eval()
    method.train_classes.copy_(torch.from_numpy(parts.train.classes))  # type: ignore[operator]
    with tempfile.TemporaryDirectory() as folder:
        trained = Trained(
            label="lord", method=method, split=parts, device=device, seed=0,
            sizes=preset.evaluation, batch_size=preset.budget.batch_size,
            scoring=WorkerState(Store(Path(folder))).scoring(), folder=Path(folder),
        )  # fmt: skip
        times, began = {}, seconds()
        _ = trained.train_codes, trained.test_codes
        times["encoding"] = seconds() - began
        for name in names:
            experiment: Experiment = registry.find("experiments", name).load()()
            began = seconds()
            experiment.run(trained)
            times[name] = seconds() - began
            click.echo(f"{n:,} test images: {name} {times[name]:.1f} s", err=True)
    return times


def drawn(n: int) -> ImageSet:
    """Images of noise, whose class and content are known."""
    generator, rows = seeds.numpy_generator(0, "images", n), np.arange(n)
    pixels = generator.integers(0, 256, (n, 3, SIZE, SIZE), dtype=np.uint8)
    class_names, content_names = (tuple(map(str, range(count))) for count in (CLASSES, CONTENTS))
    classes, contents = rows % CLASSES, rows // CLASSES % CONTENTS
    return ImageSet("noise", pixels, classes, contents, class_names, content_names, f"noise-{n}")
