"""Many images a batch at a time: as many as memory holds, and on a CPU a batch on each core."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

from lordbench.nn.features import full_precision
from lordbench.threads import in_threads

T = TypeVar("T")
PIXELS = {"cpu": 64 * 64**2, "cuda": 256 * 64**2}
"""Pixels of a batch. On a CPU larger ones are no faster, and every core has one."""
BYTES = 4096
"""Memory a pixel on a GPU: four float32 maps of 256 channels, as in the widest layers of a generator."""
SHARE = 0.5
"""Of a GPU's free memory, that a batch may take."""


def batch_size(pixels: int, device: torch.device) -> int:
    """Images of so many pixels that go into a batch; at least one."""
    most = PIXELS[device.type]
    if device.type == "cuda":
        most = min(most, int(SHARE * torch.cuda.mem_get_info(device)[0] / BYTES))
    return max(1, most // pixels)


def batches(n: int, pixels: int, device: torch.device) -> Iterator[slice]:
    """Divide `n` images of so many pixels into batches."""
    size = batch_size(pixels, device)
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def in_batches(
    compute: Callable[[slice], T], n: int, pixels: int, device: torch.device, *, parallel: bool = False
) -> list[T]:
    """Compute something for every batch of `n` images of so many pixels, in order.

    Args:
        compute: is given which images the batch holds. Gradients are off while it runs.
        n: number of images.
        pixels: of an image.
        device: where it is computed.
        parallel: on a CPU, compute several batches at once, each on one thread. That is faster than sharing
            every layer between the threads, which wait for each other at its end; and sums then do not depend
            on how many threads there are. Only for a function that may be called by several threads.
    """
    parts = list(batches(n, pixels, device))
    without_gradients = torch.no_grad()(compute)
    if not parallel or device.type != "cpu":
        return [without_gradients(part) for part in parts]
    # Once around all: threads that switch the process's flags on and off would undo each other's work.
    with full_precision():
        return in_threads(without_gradients, parts)
