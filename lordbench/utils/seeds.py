"""Named seeds: every source of randomness derives its own by hash, so their order never matters."""

import contextlib
import hashlib
from collections.abc import Iterator

import numpy as np


def derive(seed: int, *names: str | int) -> int:
    """Derive a 63-bit seed from a base seed and names, e.g. `derive(0, "lord", "batches", 17)`."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(seed: int, *names: str | int) -> np.random.Generator:
    """Make a NumPy generator with a derived seed."""
    return np.random.default_rng(derive(seed, *names))


@contextlib.contextmanager
def initialising(seed: int, *names: str | int) -> Iterator[None]:
    """Construct torch modules under a derived seed, on the CPU: every device starts from the same weights."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, *names))
        yield
