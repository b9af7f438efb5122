"""Measurement of single training steps, as `fit` runs them."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from lordbench.config import registry
from lordbench.data.images import ImageSet
from lordbench.training.loop import Budget, Context, Silent
from lordbench.training.method import DataSpec, Method
from lordbench.training.precision import Precision
from lordbench.utils import seeds
from lordbench.utils.hardware import resolve_device

WARM_UP = 2
"""Steps at the start of each phase that are not measured."""


class Meter(Silent):
    """A reporter that records the increase of a counter in each step, by phase.

    Args:
        read: returns the counter, such as the time in seconds.
    """

    def __init__(self, read: Callable[[], float]) -> None:
        self.read = read
        self.increases: dict[str, list[float]] = defaultdict(list)

    def phase(self, name: str, steps: int, done: int, epoch_steps: float) -> None:
        """A phase begins."""
        self.name, self.last, self.left = name, self.read(), WARM_UP

    def step(self, done: int, images: int, loss: float | None) -> None:
        """A step has ended."""
        now = self.read()
        if self.left:
            self.left -= 1
        else:
            self.increases[self.name].append(now - self.last)
        self.last = now

    def medians(self) -> dict[str, float]:
        """Median increase per step, by phase."""
        return {name: statistics.median(values) for name, values in self.increases.items()}


def seconds() -> float:
    """Time in seconds, after the GPU's queue is empty."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def images(n: int, size: int, n_classes: int = 100) -> ImageSet:
    """A set of black images."""
    pixels = np.zeros((n, 3, size, size), np.uint8)
    classes = np.arange(n, dtype=np.int64) % n_classes
    return ImageSet("black", pixels, classes, None, tuple(map(str, range(n_classes))), None, "")


def build(name: str, settings: dict[str, Any], data: ImageSet, channels_last: bool = True) -> Method:
    """Build a method on the device that a run would use."""
    kind = registry.find("methods", name).load()
    with seeds.initialising(0, "init"):
        method: Method = kind(kind.Config(**settings), DataSpec.of(data))
    method = method.to(resolve_device("auto"))
    return method.to(memory_format=torch.channels_last) if channels_last else method


def measured(
    method: Method,
    data: ImageSet,
    precision: str,
    batch_size: int,
    steps: int,
    read: Callable[[], float] = seconds,
) -> dict[str, float]:
    """Train for `steps` steps of each phase; return the median increase of `read` per step, by phase."""
    device = resolve_device("auto")
    meter = Meter(read)
    phases = 3 if hasattr(method, "content_codes") else 1
    context = Context(
        device=device,
        precision=Precision(precision, device.type),  # type: ignore[arg-type]
        seed=0,
        budget=Budget(phases * (WARM_UP + steps) * batch_size, batch_size),
        reporter=meter,
    )
    method.fit(data, context)
    return meter.medians()
