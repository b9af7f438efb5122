"""Soft-edged shapes laid over one another on a surface."""

from __future__ import annotations

from copy import copy

import numpy as np

from lordbench.rendering.raycast import FloatArray
from lordbench.rendering.solids import Vector

EDGE = 0.016
"""Width over which a shape fades, in half-heights of the head."""


class Canvas:
    """Colours of a surface, painted layer by layer.

    Attributes:
        colour: red, green and blue, (3, lines, points).
    """

    def __init__(self, colour: Vector, shape: tuple[int, ...]) -> None:
        self.colour = np.empty((3, *shape))
        for channel in range(3):
            self.colour[channel] = colour[channel]

    def part(self, columns: slice) -> Canvas:
        """Some columns of the canvas; what is painted on them is painted on the whole."""
        part = copy(self)
        part.colour = self.colour[:, :, columns]
        return part

    def lay(self, cover: FloatArray, colour: Vector) -> None:
        """Paint a colour where `cover`, (lines, points) in [0, 1], says how much."""
        for channel in range(3):
            self.colour[channel] += cover * (colour[channel] - self.colour[channel])

    def shade(self, cover: FloatArray, part: float) -> None:
        """Take a part of the light away where `cover` says how much."""
        self.colour *= 1 - cover * part


def inside(distance: FloatArray, edge: float = EDGE) -> FloatArray:
    """How much of a point lies inside a shape: from its distance to the border, positive inside: [0, 1]."""
    cover: FloatArray = np.minimum(np.maximum(distance / edge + 0.5, 0.0), 1.0)
    return cover


def hump(squared: FloatArray) -> FloatArray:
    """A smooth hump over a squared distance: 1 in the middle, 0 from 1 on."""
    rest = np.maximum(1 - squared, 0.0)
    height: FloatArray = rest * rest
    return height


def square(values: FloatArray) -> FloatArray:
    """Values times themselves; a power may be rounded differently from machine to machine."""
    squared: FloatArray = values * values
    return squared


def wave(values: FloatArray) -> FloatArray:
    """A smooth wave of period 1, from 0 at whole numbers to 1 in between, without trigonometry."""
    part = values - np.floor(values)
    return square(4 * part * (1 - part))
