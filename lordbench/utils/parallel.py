"""Computation in batches and on several threads, each batch on one thread."""

import contextlib
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import TypeVar

import torch
from threadpoolctl import threadpool_limits

from lordbench.utils.hardware import free_gpu_memory

PIXELS = {"cpu": 64 * 64**2, "cuda": 256 * 64**2}  # of a batch; larger ones are no faster on a CPU
BYTES = 4096  # of GPU memory a pixel: four float32 maps of 256 channels, as in a generator's widest layers
SHARE = 0.5  # of a GPU's free memory, for one batch

ALLOWED: ContextVar[Callable[[], int]] = ContextVar("ALLOWED", default=torch.get_num_threads)
"""Gives the number of threads that `in_threads` may use. It is asked at each call: processes of a run share
the cores, and some have nothing to do at its end."""

T = TypeVar("T")
Item = TypeVar("Item")


def in_batches(
    compute: Callable[[slice], T], n: int, pixels: int, device: torch.device, *, parallel: bool = False
) -> list[T]:
    """Compute something, without gradients, for the slice of every batch of `n` images of `pixels` pixels.

    With `parallel`, a CPU computes some batches at once, each on one thread; `compute` must be thread-safe.
    That is faster than sharing every layer, and sums do not depend on the number of threads.
    """
    size = batch_size(pixels, device)
    batches = [slice(start, min(start + size, n)) for start in range(0, n, size)]
    without_gradients = torch.no_grad()(compute)
    if not parallel or device.type != "cpu":
        return [without_gradients(batch) for batch in batches]
    # Once around all: threads that switch the process's flags would undo each other's work.
    with full_precision():
        return in_threads(without_gradients, batches)


def batch_size(pixels: int, device: torch.device) -> int:
    """Return the number of images of `pixels` pixels in a batch; at least one."""
    most = PIXELS[device.type]
    if device.type == "cuda":
        most = min(most, int(SHARE * free_gpu_memory(device) / BYTES))
    return max(1, most // pixels)


def in_threads(compute: Callable[[Item], T], items: Iterable[Item]) -> list[T]:
    """Compute something for every item, in order, on as many threads as are `ALLOWED`.

    Threads that share a small computation wait for each other, and its sums depend on their number.
    `compute` must not change flags of the process.
    """
    threads = ALLOWED.get()()
    with one_thread(), ThreadPoolExecutor(threads, "compute") as pool:
        return list(pool.map(compute, items))


def one_thread() -> contextlib.AbstractContextManager[None]:
    """Limit linear algebra to one thread, in this thread and in those started within the block.

    On matrices as small as codes, threads can cost a hundred times what they save, and the order of their
    sums depends on the hardware.
    """
    return limited_threads(1)


@contextlib.contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Compute with this number of threads, in this thread and in those started within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Compute in float32 and deterministically: no autocast, no TF32.

    CUDA convolutions round to TF32's 10 bits by default, and a metric would differ between devices.
    """
    exact = gpu_arithmetic(tf32=False, deterministic=True)
    with exact, torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
        yield


@contextlib.contextmanager
def gpu_arithmetic(tf32: bool, deterministic: bool = False) -> Iterator[None]:
    """Let a GPU round float32 products and convolutions to TF32, or not, whatever was set before."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = tf32
    try:
        with torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=deterministic, allow_tf32=tf32
        ):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


class SuppressWarnings:
    """Hides warnings, by message prefix and category, while any thread is inside; it is thread-safe."""

    def __init__(self, *unwanted: tuple[str, type[Warning]]) -> None:
        self.unwanted = unwanted
        self.lock, self.inside, self.saved = threading.Lock(), 0, contextlib.ExitStack()

    def __enter__(self) -> None:
        with self.lock:
            if not self.inside:
                self.saved.enter_context(warnings.catch_warnings())
                for message, category in self.unwanted:
                    warnings.filterwarnings("ignore", message, category)
            self.inside += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside:
                self.saved.close()
