"""The shape of drawn glasses."""

from __future__ import annotations

import numpy as np

from lordbench.rendering.faces.canvas import Canvas, square
from lordbench.rendering.faces.skull import EYES, Skull
from lordbench.rendering.shells import Shell
from lordbench.rendering.solids import Vector

FRAME: Vector = (0.10, 0.10, 0.12)
RADIUS, WIRE = 0.19, 0.022
"""Of a lens, and half the thickness of its rim."""


def glasses(skull: Skull) -> Shell:
    """Round glasses, a little off the face: rims, a bridge, and temples to the ears."""
    person, cx = skull.person, skull.circle[0]
    rows = np.flatnonzero(np.abs(skull.lines - EYES) < RADIUS + 2 * WIRE)
    z = skull.lines[rows, None] - EYES
    x, y = skull.rings(np.full(len(rows), EYES), 1.05)
    x = x + 0.04 * np.maximum(cx, 0.0)
    off = np.abs(y) - person.eyes - 0.01
    rim = np.abs(np.sqrt(square(off / 1.12) + square(z)) - RADIUS) < WIRE
    bar = (np.abs(z - 0.03) < 0.9 * WIRE) & (np.abs(off) > RADIUS)
    there = (rim | bar) & (cx > 0.02)
    return skull.shell(rows, x, y, Canvas(FRAME, x.shape), there)
