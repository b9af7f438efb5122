"""Small data and small methods that several tests share."""

from __future__ import annotations

import numpy as np
import torch

from lordbench.checkpoints import CheckpointStore
from lordbench.device import Precision
from lordbench.images import ImageSet, fingerprint
from lordbench.training import Budget, Context

CPU = torch.device("cpu")


def squares(n_classes: int = 6, n_contents: int = 9, size: int = 16) -> ImageSet:
    """Coloured squares: the class is the colour, the content the place; every combination once."""
    side = int(np.sqrt(n_contents))
    colours = np.random.default_rng(7).integers(60, 256, size=(n_classes, 3))
    images = np.zeros((n_classes * n_contents, 3, size, size), np.uint8)
    step = size // side
    for i in range(len(images)):
        row, column = divmod(i % n_contents, side)
        images[i, :, row * step : (row + 1) * step, column * step : (column + 1) * step] = colours[
            i // n_contents
        ][:, None, None]
    classes = np.repeat(np.arange(n_classes), n_contents).astype(np.int64)
    contents = np.tile(np.arange(n_contents), n_classes).astype(np.int64)
    return ImageSet(
        "squares",
        images,
        classes,
        contents,
        tuple(f"colour{i}" for i in range(n_classes)),
        tuple(f"place{i}" for i in range(n_contents)),
        fingerprint(images, classes, contents, "squares-1"),
    )


def context(images: int, batch_size: int = 32, checkpoints: CheckpointStore | None = None) -> Context:
    """A float32 context on the CPU, seed 0."""
    return Context(
        CPU,
        Precision("float32", "cpu"),
        seed=0,
        budget=Budget(images, batch_size),
        checkpoints=checkpoints or CheckpointStore(None),
    )
