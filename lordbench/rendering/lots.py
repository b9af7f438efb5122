"""Random choices that come out alike on every machine."""

from __future__ import annotations

import numpy as np

from lordbench.rendering.solids import Vector


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between two others."""
    # Python's own arithmetic: NumPy's `uniform` may fuse the product with the sum, and so round otherwise.
    return low + (high - low) * float(rng.random())


def choice(rng: np.random.Generator, n: int) -> int:
    """A number in range(n)."""
    return int(n * float(rng.random()))


def varied(colour: Vector, rng: np.random.Generator, by: float = 0.06) -> Vector:
    """A colour near another one: each channel differs by less than `by`."""
    red, green, blue = (min(1.0, max(0.0, c + between(rng, -by, by))) for c in colour)
    return red, green, blue
