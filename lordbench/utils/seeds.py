"""Seeds by name: every source of randomness gets its own, derived by hash, so order never matters."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator

import numpy as np
import torch


def derive(seed: int, *names: str | int) -> int:
    """Derive a 63-bit seed from a base seed and names, e.g. `derive(0, "lord", "batches", 17)`."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(seed: int, *names: str | int) -> np.random.Generator:
    """Make a NumPy generator for the named purpose."""
    return np.random.default_rng(derive(seed, *names))


@contextlib.contextmanager
def initialising(seed: int, *names: str | int) -> Iterator[None]:
    """Run torch module constructors under a seed of their own, leaving the global generator untouched.

    `torch.nn` initialises weights from the global generator only, so it is set for the block and put
    back afterwards. Modules are made on the CPU, so that every device starts from the same weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, *names))
        yield
