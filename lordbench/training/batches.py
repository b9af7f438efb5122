"""Batches. The images of a step depend on its number and the seed only, so a resume needs no state."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from lordbench.data.images import ImageSet, Int64Array
from lordbench.utils import seeds


class Batches(Protocol):
    """Image indices of each step; `group` neighbours stay together when a batch is divided."""

    batch_size: int
    group: int

    def index(self, step: int) -> Int64Array:
        """Indices of the batch of `step`, int64 (batch size,)."""


class ShuffledBatches:
    """Each epoch is a fresh permutation of all images; the last partial batch is dropped."""

    def __init__(self, n_images: int, batch_size: int, seed: int) -> None:
        self.n_images, self.seed = n_images, seed
        self.batch_size, self.group = min(batch_size, n_images), 1
        self._epoch, self._order = -1, np.empty(0, np.int64)

    def index(self, step: int) -> Int64Array:
        """Indices of the batch of `step`, int64 (batch size,)."""
        epoch, position = divmod(step, self.n_images // self.batch_size)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = seeds.numpy_generator(self.seed, "epoch", epoch).permutation(self.n_images)
        return self._order[position * self.batch_size : (position + 1) * self.batch_size]


class GroupedBatches:
    """Each batch holds several images of each of its classes, one class after the other.

    For methods that pool evidence over a class or compare images of one. Classes, and images of a class, are
    sampled without replacement if there are enough of them.

    Args:
        classes: class of each image, int64 (N,).
        batch_size: rounded down to a multiple of `per_class`.
        per_class: images of a class in a batch.
        seed: of the sampling.
    """

    def __init__(self, classes: Int64Array, batch_size: int, per_class: int, seed: int) -> None:
        self.members = [np.flatnonzero(classes == c) for c in np.unique(classes)]
        self.n_groups = max(1, batch_size // per_class)
        self.group, self.seed = per_class, seed
        self.batch_size = self.n_groups * per_class

    def index(self, step: int) -> Int64Array:
        """Indices of the batch of `step`, int64 (batch size,): `per_class` neighbours share a class."""
        generator = seeds.numpy_generator(self.seed, "step", step)

        def draw(items: Int64Array, count: int) -> Int64Array:
            return generator.choice(items, count, replace=count > len(items))

        groups = draw(np.arange(len(self.members)), self.n_groups)
        return np.concatenate([draw(self.members[group], self.group) for group in groups])


def divided(index: Int64Array, group: int, parts: int) -> list[Int64Array]:
    """Divide a batch, int64 (B,), into up to `parts` of about equal size, without splitting groups."""
    groups = index.reshape(-1, group)
    return [part.reshape(-1) for part in np.array_split(groups, min(parts, len(groups)))]


@dataclass(frozen=True)
class Batch:
    """Input of a loss function.

    Attributes:
        index: of the images in the training set, int64 (B,).
        images: float32 [0, 1], (B, C, S, S), channels last.
        classes: int64 (B,).
        generator: for the noise of this step, on the images' device; seeded by the step.
    """

    index: Tensor
    images: Tensor
    classes: Tensor
    generator: torch.Generator


class DeviceImages:
    """Training images, kept on the device as uint8 and gathered by index there.

    A set larger than `limit` bytes (by default a third of a GPU's free memory, or 8 GiB) stays in memory, or
    memory-mapped on disk; a thread reads its batches ahead of the step that needs them.
    """

    def __init__(self, images: ImageSet, device: torch.device, limit: int | None = None) -> None:
        self.device = device
        self.host = images.images
        self.resident: Tensor | None = None
        if limit is None:
            limit = torch.cuda.mem_get_info(device)[0] // 3 if device.type == "cuda" else 8 << 30
        if self.host.nbytes <= limit:
            pixels = torch.from_numpy(np.array(self.host)).to(device)
            self.resident = pixels.contiguous(memory_format=torch.channels_last)
        self.classes = torch.from_numpy(images.classes).to(device)
        self._reader = ThreadPoolExecutor(1, "read batches")

    def request(self, index: Int64Array) -> Callable[[torch.Generator], Batch]:
        """Begin to gather a batch; the function returned waits for it and returns it."""
        where, resident = torch.from_numpy(index).to(self.device), self.resident
        if resident is not None:
            return lambda generator: self._batch(where, resident[where], generator)
        reading = self._reader.submit(self._read, index)
        return lambda generator: self._batch(where, reading.result(), generator)

    def _read(self, index: Int64Array) -> Tensor:
        pixels = torch.from_numpy(np.ascontiguousarray(self.host[index]))
        return pixels.pin_memory() if self.device.type == "cuda" else pixels

    def _batch(self, where: Tensor, pixels: Tensor, generator: torch.Generator) -> Batch:
        pixels = pixels.to(self.device, non_blocking=True).contiguous(memory_format=torch.channels_last)
        return Batch(where, pixels.float().div_(255), self.classes[where], generator)
