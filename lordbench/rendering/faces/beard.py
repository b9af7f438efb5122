"""Beards, painted on a drawn face before its mouth."""

from __future__ import annotations

import numpy as np

from lordbench.rendering.faces.canvas import Canvas, hump, inside, square, wave
from lordbench.rendering.faces.features import MOUTH, Face


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
