"""Convex solids, each an intersection of half-spaces: the parts of toy cars."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

Vector = tuple[float, float, float]
"""x forward, y left and z up, in metres; or red, green and blue."""


@dataclass(frozen=True)
class Face:
    """The half-space of the points p with `normal` . p <= `offset`; `normal` has length 1."""

    normal: Vector
    offset: float


@dataclass(frozen=True)
class Solid:
    """A convex solid of one colour: the intersection of half-spaces, within a box from `low` to `high`.

    In its colour 1 is white, and a lamp may be brighter.
    """

    faces: Mapping[str, Face]
    low: Vector
    high: Vector
    colour: Vector

    def cut(self, name: str, normal: Vector, through: Vector) -> Solid:
        """Cut off the part beyond the plane through a point; `normal` (any length) points outwards."""
        length = math.sqrt(_dot(normal, normal))
        unit = (normal[0] / length, normal[1] / length, normal[2] / length)
        return replace(self, faces={**self.faces, name: Face(unit, _dot(unit, through))})

    def moved(self, by: Mapping[str, float], others: float = 0.0) -> Solid:
        """Move each face outwards by its metres in `by`, and the other faces by `others`.

        Moving one face out and the others in makes a panel on that face, such as a window.
        """
        faces = {
            name: Face(face.normal, face.offset + by.get(name, others)) for name, face in self.faces.items()
        }
        most = max(0.0, others, *by.values())
        low = (self.low[0] - most, self.low[1] - most, self.low[2] - most)
        high = (self.high[0] + most, self.high[1] + most, self.high[2] + most)
        return replace(self, faces=faces, low=low, high=high)

    def within(self, low: Vector, high: Vector) -> Solid:
        """Return the part of it in the box from `low` to `high`."""
        bounds = {f"within {name}": face for name, face in box(low, high, self.colour).faces.items()}
        low = (max(low[0], self.low[0]), max(low[1], self.low[1]), max(low[2], self.low[2]))
        high = (min(high[0], self.high[0]), min(high[1], self.high[1]), min(high[2], self.high[2]))
        return replace(self, faces={**self.faces, **bounds}, low=low, high=high)

    def painted(self, colour: Vector) -> Solid:
        """Return the same solid in another colour."""
        return replace(self, colour=colour)


def box(low: Vector, high: Vector, colour: Vector) -> Solid:
    """Make a box with the faces front (+x), rear, left (+y), right, top (+z) and bottom."""
    faces = {
        "front": Face((1.0, 0.0, 0.0), high[0]),
        "rear": Face((-1.0, 0.0, 0.0), -low[0]),
        "left": Face((0.0, 1.0, 0.0), high[1]),
        "right": Face((0.0, -1.0, 0.0), -low[1]),
        "top": Face((0.0, 0.0, 1.0), high[2]),
        "bottom": Face((0.0, 0.0, -1.0), -low[2]),
    }
    return Solid(faces, low, high, colour)


def disc(centre: Vector, radius: float, half_width: float, sides: int, colour: Vector) -> Solid:
    """Make a prism with its axis along y and `sides` faces around it, such as a wheel."""
    x, y, z = centre
    solid = box((x - radius, y - half_width, z - radius), (x + radius, y + half_width, z + radius), colour)
    for i in range(sides):
        across, up = rounded_cos_sin(360.0 * (i + 0.5) / sides)
        solid = solid.cut(f"tread {i}", (across, 0.0, up), (x + across * radius, y, z + up * radius))
    return solid


def rounded_cos_sin(degrees: float) -> tuple[float, float]:
    """Return cosine and sine to 12 decimals: mathematics libraries differ in the last bits."""
    angle = math.radians(degrees)
    return round(math.cos(angle), 12), round(math.sin(angle), 12)


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a number in Python's arithmetic: NumPy's `uniform` may fuse operations and round differently."""
    return low + (high - low) * float(rng.random())


def choice(rng: np.random.Generator, n: int) -> int:
    """Draw a number in range(n)."""
    return int(n * float(rng.random()))


def varied(colour: Vector, rng: np.random.Generator, by: float = 0.06) -> Vector:
    """Draw a colour whose channels differ from a given one by less than `by`."""
    red, green, blue = (min(1.0, max(0.0, c + between(rng, -by, by))) for c in colour)
    return red, green, blue
