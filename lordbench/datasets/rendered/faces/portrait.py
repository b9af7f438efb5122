"""A person's portraits, one for each expression, ready to be drawn from any side."""

from collections.abc import Iterator

import numpy as np

from lordbench.datasets.rendered.faces.head import (
    EYES,
    MOUTH,
    Canvas,
    Face,
    Skull,
    hump,
    inside,
    square,
    wave,
)
from lordbench.datasets.rendered.faces.paint import Painter
from lordbench.datasets.rendered.faces.people import EXPRESSIONS, Person, Style, poses
from lordbench.datasets.rendered.faces.shells import Shell, Sitter
from lordbench.datasets.rendered.raycast import FloatArray
from lordbench.datasets.rendered.solids import Vector


def beard(face: Face, canvas: Canvas) -> None:
    """Paint a person's beard on the canvas of the whole face.

    A moustache follows the upper lip; a beard goes along the jaw and leaves cheeks and lips free.
    """
    person, side = face.person, np.abs(face.y)
    middle = MOUTH + 0.125 + 0.6 * face.by_half("upper_lip", face.y) + 0.25 * face.by_half("corner", face.y)
    high = 0.065 - 0.35 * square(side) - np.abs(face.z - middle + 0.55 * square(side))
    cover = inside(high) * inside(person.mouth + 0.03 - side)
    if person.beard != "moustache":
        border = -0.42 - 0.10 * hump(square(side / 0.4)) + 0.55 * square(side)
        lips = square(side / (person.mouth * 1.05)) + square((face.rest - MOUTH) / 0.13)
        cover = np.maximum(cover, inside(border - face.rest, 0.06) * inside(lips - 1, 0.3))
    strength = 0.38 if person.beard == "stubble" else 0.92
    canvas.lay(strength * cover * (0.8 + 0.2 * wave(side * 22 + face.rest * 5)), person.dark_hair)


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


def portraits(person: Person, size: int) -> Iterator[Sitter]:
    """A person with each of `EXPRESSIONS`, in that order, for pictures of `size` pixels."""
    skull = Skull(person, size)
    still = [*ears(skull), neck(skull), shirt(skull), *hair(skull)]
    if person.glasses:
        still.append(glasses(skull))
    for expression in EXPRESSIONS:
        face = Face(skull, poses(expression, person.strengths[expression], person.side))
        canvas = Canvas(person.skin, face.x.shape)
        if person.beard:
            beard(face, canvas)
        Painter(face, canvas.part(slice(0, skull.n_front))).paint()
        yield Sitter([skull.shell(face.rows, face.x, face.y, canvas), *still])
