"""What of a person does not move with the expression: ears, neck and shirt."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lordbench.rendering.faces.canvas import Canvas, inside, square
from lordbench.rendering.faces.skull import Skull
from lordbench.rendering.shells import Shell
from lordbench.rendering.solids import Vector

FLESH: Vector = (0.75, 0.25, 0.20)
"""What shines through the rim of an ear."""
COLLAR = -1.02
"""Height where shoulders begin."""


def ears(skull: Skull) -> Iterator[Shell]:
    """Both ears, leaning back."""
    person, (cx, cy) = skull.person, skull.circle
    high = (skull.lines + 0.10) / (0.21 * person.ears)
    rows = np.flatnonzero(np.abs(high) < 1)
    high = high[rows, None]
    ring = person.ears * np.sqrt(1 - high * high)
    for sign in (-1, 1):
        out = sign * cy
        x = -0.05 + 0.04 * high + 0.125 * ring * cx
        y = sign * (person.width - 0.03 + 0.085 * (1 + 0.35 * high) * ring * out)
        canvas = Canvas(person.skin, x.shape)
        canvas.lay(0.35 * ring * inside(out - 0.75, 0.5), FLESH)
        hollow = square((x + 0.06 - 0.04 * high) / 0.06) + square((high - 0.05) / 0.6)
        canvas.shade(inside(1 - hollow, 0.6) * (out > 0), 0.45)
        yield skull.shell(rows, x, y, canvas)


def neck(skull: Skull) -> Shell:
    """The neck, in the shadow of the chin."""
    cx, cy = skull.circle
    rows = np.flatnonzero(skull.lines < -0.45)
    z = skull.lines[rows, None]
    flare = 1.2 * square(np.maximum(-z - 0.9, 0.0))
    x, y = -0.20 + (0.36 + 0.3 * flare) * cx, (0.62 * skull.person.width + flare) * cy
    canvas = Canvas(skull.person.skin, x.shape)
    canvas.shade(inside(z + 1.28, 0.5), 0.38)
    return skull.shell(rows, x, y, canvas)


def shirt(skull: Skull) -> Shell:
    """Shoulders in a shirt, whose neckline is cut lower in front."""
    cx, cy = skull.circle
    rows = np.flatnonzero(skull.lines < COLLAR)
    z = skull.lines[rows, None]
    # Shoulders slope like a square root: steep at the neck, then level.
    slope = np.sqrt(COLLAR - z)
    x, y = -0.22 + (0.40 + 0.35 * slope) * cx, (0.45 + 1.32 * slope) * cy
    there = z < COLLAR - 0.04 - 0.10 * np.maximum(cx, 0.0)
    return skull.shell(rows, x, y, Canvas(skull.person.shirt, x.shape), there)
