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
from lordbench.utils.errors import UserError
from lordbench.utils.hardware import free_gpu_memory


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
    """Each batch holds groups of several images of one class, one group after the other.

    For methods that pool evidence over a class or compare images of one. In each epoch every image leads one
    group, so that classes are seen in proportion to their images; the rest of its group is drawn from the
    rest of its class, without repetition. A class with fewer images than a group fills it by repeating them
    all. Classes of one image are left out: no image is compared with itself.

    Args:
        classes: class of each image, int64 (N,).
        batch_size: rounded down to whole groups, or couples.
        per_class: images in a group.
        seed: of the sampling.
        couples: for losses that compare images of different classes (see `another_class`): groups come in
            couples, which stay together when a batch is divided, and are of two classes unless most of the
            batch is of one.

    Raises:
        UserError: no class has two images; or, for couples, only one has.
    """

    def __init__(
        self, classes: Int64Array, batch_size: int, per_class: int, seed: int, couples: bool = False
    ) -> None:
        self.classes, self.per_class, self.seed, self.couples = classes, per_class, seed, couples
        members = [np.flatnonzero(classes == c) for c in range(int(classes.max()) + 1)]
        self.members = [own if len(own) >= min(2, per_class) else own[:0] for own in members]
        self.images = np.concatenate(self.members)
        n_classes = sum(len(own) > 0 for own in self.members)
        if n_classes < 1 + couples:
            needed, present = "two classes" if couples else "a class", "only one" if n_classes else "none"
            raise UserError(
                f"this method needs {needed} with two training images or more: {present} has",
                "Use data with more images of a class, or a method that needs no pairs, such as lord.",
            )
        self.group = per_class * (1 + couples)
        n_groups = min(batch_size // per_class, len(self.images)) // (1 + couples) * (1 + couples)
        self.leads = ShuffledBatches(len(self.images), max(1 + couples, n_groups), seed)
        self.batch_size = self.leads.batch_size * per_class

    def index(self, step: int) -> Int64Array:
        """Indices of the batch of `step`, int64 (batch size,): `per_class` neighbours share a class."""
        generator = seeds.numpy_generator(self.seed, "step", step)
        leads = self.images[self.leads.index(step)]
        if self.couples:
            # Sorted by class, the first half differs from the second unless a class fills more than half.
            # In the order of the ids, similar classes with ids close together would never meet.
            order = seeds.numpy_generator(self.seed, "couples", step).permutation(len(self.members))
            by_class = np.argsort(order[self.classes[leads]], kind="stable")
            leads = leads[by_class].reshape(2, -1).T.reshape(-1)
        return np.concatenate([self._group(lead, generator) for lead in leads])

    def _group(self, lead: int, generator: np.random.Generator) -> Int64Array:
        own = self.members[self.classes[lead]]
        rest = own[own != lead]
        drawn = generator.choice(rest, min(self.per_class - 1, len(rest)), replace=False)
        return np.resize(np.append(lead, drawn), self.per_class)


def divided(index: Int64Array, group: int, parts: int) -> list[Int64Array]:
    """Divide a batch, int64 (B,), into up to `parts` of about equal size, without splitting groups."""
    groups = index.reshape(-1, group)
    return [part.reshape(-1) for part in np.array_split(groups, min(parts, len(groups)))]


def another_class(classes: Tensor) -> tuple[Tensor, Tensor]:
    """Find for each of N images, or groups, the nearest one before it, cyclically, that is of another class.

    Takes int64 (N,). Returns indices, int64 (N,), and whether there is such a one, bool (N,).
    """
    places = torch.arange(len(classes), device=classes.device)
    steps_back = (places[:, None] - places) % len(classes)
    differ = classes[:, None] != classes
    return steps_back.where(differ, len(classes)).argmin(dim=1), differ.any(dim=1)


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
            limit = free_gpu_memory(device) // 3 if device.type == "cuda" else 8 << 30
        if self.host.nbytes <= limit:
            # A tensor needs memory that can be written to, which a memory map is not.
            host = self.host if self.host.flags.writeable else np.array(self.host)
            pixels = torch.from_numpy(host).to(device)
            self.resident = pixels.contiguous(memory_format=torch.channels_last)
        self.classes = torch.from_numpy(images.classes).to(device)
        self._reader = ThreadPoolExecutor(1, "read batches")

    def request(self, index: Int64Array) -> Callable[[torch.Generator], Batch]:
        """Begin to gather a batch; the function returned waits for it and returns it."""
        where, resident = self._sent(torch.from_numpy(index)), self.resident
        if resident is not None:
            return lambda generator: self._batch(where, resident[where], generator)
        reading = self._reader.submit(self._read, index)
        return lambda generator: self._batch(where, reading.result(), generator)

    def _read(self, index: Int64Array) -> Tensor:
        return self._sent(torch.from_numpy(np.ascontiguousarray(self.host[index])))

    def _sent(self, values: Tensor) -> Tensor:
        """Send to the device; a GPU copies from pinned memory, so that no step waits for it."""
        if self.device.type != "cuda":
            return values.to(self.device)
        # The current device of a new thread is the first GPU, whichever is trained on.
        with torch.cuda.device(self.device):
            return values.pin_memory().to(self.device, non_blocking=True)

    def _batch(self, where: Tensor, pixels: Tensor, generator: torch.Generator) -> Batch:
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        return Batch(where, pixels.float().div_(255), self.classes[where], generator)
