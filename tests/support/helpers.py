"""Small data sets, and checks of methods."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from lordbench.checks import trial
from lordbench.data.images import ImageSet
from lordbench.datasets.toycars import ToyCars, ToyCarsConfig
from lordbench.training.checkpoints import CheckpointStore
from lordbench.training.loop import Budget, Context, Silent
from lordbench.training.method import Method
from lordbench.training.precision import Precision

CPU = torch.device("cpu")


def halves(n_classes: int = 6, n_contents: int = 9, size: int = 16) -> ImageSet:
    """Two-coloured squares, as in `lordbench check`, with each combination of labels once."""
    return trial.halves(size, n_classes=n_classes, n_contents=n_contents)


def cars(n_cars: int = 12, azimuths: int = 8, elevations: int = 2, size: int = 16) -> ImageSet:
    """A small set of toy cars."""
    settings = {"n_cars": n_cars, "azimuths": azimuths, "elevations": elevations}
    return ToyCars(ToyCarsConfig(**settings)).load(size)


def class_leak(data: ImageSet, codes: Tensor) -> float:
    """Normalized accuracy of a linear probe for the class on content codes; a quarter is held out."""
    train = (data.classes + np.arange(len(data))) % 4 != 0
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    probe.fit(codes[train].numpy(), data.classes[train])
    accuracy = float(probe.score(codes[~train].numpy(), data.classes[~train]))
    chance = 1 / data.n_classes
    return (accuracy - chance) / (1 - chance)


def assert_restored_and_deterministic(build: Callable[[], Method]) -> None:
    """Check that a method with another one's state encodes and decodes equally, in the right shapes.

    Args:
        build: builds the same untrained method each time, for colour images of 16 pixels.
    """
    first, second = build().eval(), build().eval()
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(0.01)
    second.load_state_dict(first.state_dict())
    images = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        a, b = first.encode(images), second.encode(images)
        assert torch.equal(a.class_code, b.class_code)
        assert torch.equal(a.content_code, b.content_code)
        output = first.decode(a)
        assert torch.equal(output, second.decode(b))
        assert output.shape == images.shape
        assert output.dtype == torch.float32
        assert first.encode_class(images).shape == a.class_code.shape[1:]


class StopAfter(Silent):
    """Stops training after a number of steps, like a killed process."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self, done: int, images: int, loss: float | None) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


def context(images: int, batch_size: int = 32, checkpoints: CheckpointStore | None = None) -> Context:
    """A float32 context on the CPU, seed 0."""
    return Context(
        CPU,
        Precision("float32", "cpu"),
        seed=0,
        budget=Budget(images, batch_size),
        checkpoints=checkpoints or CheckpointStore(None),
    )
