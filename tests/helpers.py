"""Small data and small methods that several tests share."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from lordbench.checkpoints import CheckpointStore
from lordbench.datasets.toycars import ToyCars, ToyCarsConfig
from lordbench.device import Precision
from lordbench.images import ImageSet, fingerprint
from lordbench.training import Budget, Context

CPU = torch.device("cpu")


def halves(n_classes: int = 6, n_contents: int = 9, size: int = 16) -> ImageSet:
    """Two-coloured squares: the class is the pair of colours, the content the side that the first is on.

    Every combination is there once. Both labels decide many pixels, so neither can be overlooked; the colours
    cover unequal shares, so that no direction looks like another with the colours exchanged.
    """
    colours = np.random.default_rng(7).integers(0, 256, size=(n_classes, 2, 3))
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    images = np.empty((n_classes, n_contents, 3, size, size), np.uint8)
    for content in range(n_contents):
        angle = 2 * np.pi * content / n_contents
        side = (np.cos(angle) * x + np.sin(angle) * y > size / 6).astype(int)
        images[:, content] = colours[:, side].transpose(0, 3, 1, 2)
    images = images.reshape(-1, 3, size, size)
    classes = np.repeat(np.arange(n_classes), n_contents).astype(np.int64)
    contents = np.tile(np.arange(n_contents), n_classes).astype(np.int64)
    return ImageSet(
        "halves",
        images,
        classes,
        contents,
        tuple(f"colours{i}" for i in range(n_classes)),
        tuple(f"direction{i}" for i in range(n_contents)),
        fingerprint(images, classes, contents, "halves-1"),
    )


def cars(n_cars: int = 12, azimuths: int = 8, elevations: int = 2, size: int = 16) -> ImageSet:
    """A small set of toy cars, for what methods learn."""
    settings = {"n_cars": n_cars, "azimuths": azimuths, "elevations": elevations}
    return ToyCars(ToyCarsConfig(**settings)).load(size)


def class_leak(data: ImageSet, codes: Tensor) -> float:
    """Normalized accuracy of a linear probe for the class on content codes, on a quarter held out."""
    known = (data.classes + np.arange(len(data))) % 4 != 0
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    probe.fit(codes[known].numpy(), data.classes[known])
    accuracy = float(probe.score(codes[~known].numpy(), data.classes[~known]))
    chance = 1 / data.n_classes
    return (accuracy - chance) / (1 - chance)


def context(images: int, batch_size: int = 32, checkpoints: CheckpointStore | None = None) -> Context:
    """A float32 context on the CPU, seed 0."""
    return Context(
        CPU,
        Precision("float32", "cpu"),
        seed=0,
        budget=Budget(images, batch_size),
        checkpoints=checkpoints or CheckpointStore(None),
    )
