"""Several computations at once, each on one thread: faster than all threads on one after the other."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(compute: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Compute something for every item, as many at once as PyTorch may use threads: results in order.

    Threads that share a small computation wait for each other at its end, and its sums then depend on how
    many there are. What is computed must not switch flags of the process, or others get them.
    """
    threads = torch.get_num_threads()
    with one_thread(), ThreadPoolExecutor(threads, "compute") as pool:
        return list(pool.map(compute, items))


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keep linear algebra on one thread, in this thread and in those that begin meanwhile.

    On matrices as small as codes, threads can cost a hundred times what they save, and the order of their
    sums depends on the machine.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)


class SuppressWarnings:
    """Keeps warnings from being shown while any thread is within; `warnings.catch_warnings` serves one only.

    Args:
        unwanted: beginning of the message, and category, of each.
    """

    def __init__(self, *unwanted: tuple[str, type[Warning]]) -> None:
        self.unwanted = unwanted
        self.lock, self.within, self.saved = threading.Lock(), 0, contextlib.ExitStack()

    def __enter__(self) -> None:
        with self.lock:
            if not self.within:
                self.saved.enter_context(warnings.catch_warnings())
                for message, category in self.unwanted:
                    warnings.filterwarnings("ignore", message, category)
            self.within += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.within -= 1
            if not self.within:
                self.saved.close()


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


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Let metrics' networks compute in float32 and deterministically: no autocast, no TF32.

    CUDA convolutions round to TF32's 10 bits by default, and a metric would differ between devices.
    """
    exact = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
    with exact, torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
        yield
