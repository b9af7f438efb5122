"""Several computations at once, each on one thread: faster than all threads on one after the other."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

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


class Silence:
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
