"""The shape of drawn hair."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lordbench.rendering.faces.canvas import Canvas, inside, square, wave
from lordbench.rendering.faces.hairstyles import Style
from lordbench.rendering.faces.skull import Skull
from lordbench.rendering.raycast import FloatArray
from lordbench.rendering.shells import Shell
from lordbench.rendering.solids import Vector

GLOSS: Vector = (1.0, 0.97, 0.90)
LOCKS, CURLS = 23, 19
"""Locks of straight hair, and curls, around half of a head."""
BUN, BUN_RADIUS = (-0.62, 0.80), 0.27
"""Middle of a bun, x and z, and its radius."""


def hair(skull: Skull) -> Iterator[Shell]:
    """The hair of a head."""
    person, (cx, cy) = skull.person, skull.circle
    style = person.style
    thicker = 1 + style.thick
    rows = np.flatnonzero((skull.lines < thicker) & (skull.lines > style.nape))
    z = skull.lines[rows, None]
    # Above the ears hair follows the skull, enlarged; below them it falls straight down.
    x, y = skull.rings(np.maximum(z[:, 0] / thicker, -0.02), thicker)
    if style.short:
        below = np.minimum(z, 0.0)
        x, y = np.where(x < 0, x * (1 + 0.35 * below), x), y * (1 + 0.12 * below)
    around = np.arange(len(cx)) / skull.n_front
    if style.curls:
        pattern = wave(around * CURLS + 2.6 * z) * wave(around * CURLS * 0.5 - 5.3 * z)
        x, y = x * (1 + style.curls * pattern), y * (1 + style.curls * pattern)
        dull = 0.45 * (1 - pattern)
    else:
        combed = around * LOCKS + 1.5 * z * cy
        dull = 0.10 * wave(combed) + 0.12 * wave(0.37 * combed + 0.2)
    canvas = Canvas(person.hair, x.shape)
    canvas.shade(dull, 1.0)
    canvas.lay(0.22 * inside(0.14 - np.abs(z - 0.66 - 0.1 * cy), 0.3) * np.maximum(cx, 0.0), GLOSS)
    yield skull.shell(rows, x, y, canvas, z > _hairline(style, cx, cy))
    if style.bun:
        yield _bun(skull)


def _hairline(style: Style, cx: FloatArray, cy: FloatArray) -> FloatArray:
    """Height down to which hair reaches, by the direction from the middle of the head, (points,)."""
    front = np.maximum((cx - style.open) / (1 - style.open), 0.0)
    brow = style.line + style.parting * cy - (style.line - style.temple) * square(1 - front)
    behind = np.minimum(np.maximum(-cx * 4, 0.0), 1.0)
    return np.where(cx > style.open, brow, style.side + (style.nape - style.side) * behind)


def _bun(skull: Skull) -> Shell:
    cx, cy = skull.circle
    high = (skull.lines - BUN[1]) / BUN_RADIUS
    rows = np.flatnonzero(np.abs(high) < 1)
    high = high[rows, None]
    ring = BUN_RADIUS * np.sqrt(1 - high * high)
    canvas = Canvas(skull.person.hair, (len(rows), len(cx)))
    canvas.shade(0.3 * wave(3 * high + cy), 1.0)
    return skull.shell(rows, BUN[0] + ring * cx, ring * cy, canvas)
