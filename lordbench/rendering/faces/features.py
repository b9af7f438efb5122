"""The shape of a face: how far nose, lips, cheeks and chin stand out, moved by the expression."""

from __future__ import annotations

import numpy as np

from lordbench.rendering.faces.canvas import hump, square
from lordbench.rendering.faces.expressions import Pose
from lordbench.rendering.faces.people import Person
from lordbench.rendering.faces.skull import EYES, Skull
from lordbench.rendering.raycast import FloatArray

MOUTH = -0.54
"""Height of the line where the lips meet at rest."""
WRINKLED = 0.03
"""How much higher the tip of a wrinkled nose is."""


class Face:
    """A skull with features, right and left half in a pose each.

    Attributes:
        person: whose it is.
        right: pose of the right half.
        left: pose of the left half.
        rows: lines of samples that it lies in, (lines,).
        x: forward, (lines, points).
        y: to the left, likewise.
        z: upwards, likewise.
        rest: height at rest of what is now at z: a dropped jaw lengthens what lies below the lips.
    """

    def __init__(self, skull: Skull, poses: tuple[Pose, Pose]) -> None:
        self.person = skull.person
        self.right, self.left = poses
        drop = 1 + self.both("jaw")
        rest = np.where(skull.lines < MOUTH, MOUTH + (skull.lines - MOUTH) / drop, skull.lines)
        self.rows = np.flatnonzero(np.abs(rest) < 1)
        x, self.y = skull.rings(rest[self.rows])
        self.z, self.rest = (np.zeros(x.shape) + heights[self.rows, None] for heights in (skull.lines, rest))
        front = slice(0, skull.n_front)
        ahead = skull.circle[0][front]
        relief = self._relief(self.y[:, front], self.z[:, front], self.rest[:, front])
        x[:, front] += relief * ahead * (2 - ahead)
        self.x = x

    def both(self, control: str) -> float:
        """Mean of a control over the two halves."""
        return float((getattr(self.right, control) + getattr(self.left, control)) / 2)

    def by_half(self, control: str, y: FloatArray) -> FloatArray:
        """A control of the half that each point is on."""
        chosen: FloatArray = np.where(y > 0, getattr(self.left, control), getattr(self.right, control))
        return chosen

    def _relief(self, y: FloatArray, z: FloatArray, rest: FloatArray) -> FloatArray:
        """How far the features stand out at each point."""
        person, side = self.person, np.abs(y)
        relief = _nose(person, self.both("nose"), side, rest)
        eye = square((side - person.eyes) / 0.26)
        relief -= 0.085 * hump(eye + square((rest - EYES) / 0.19))
        relief += 0.045 * hump(2.2 * eye + square((rest - EYES) / 0.12))
        relief += 0.035 * hump(square(side / 0.6) + square((rest - 0.22) / 0.14))
        full = 0.03 + 0.06 * self.by_half("cheek", y) + 0.03 * self.by_half("fold", y)
        relief += full * hump(square((side - 0.40) / 0.26) + square((rest + 0.25) / 0.22))
        lips = hump(square(side / (person.mouth * 1.1)) + square((z - MOUTH) / 0.15))
        relief += 0.05 * (1 - 0.5 * self.both("thin")) * lips
        relief += 0.07 * hump(square(side / 0.26) + square((rest + 0.87) / 0.17))
        return relief


def _nose(person: Person, wrinkled: float, side: FloatArray, rest: FloatArray) -> FloatArray:
    """How far the nose stands out; a wrinkled one is shorter and wider."""
    bridge, tip = 0.16, person.nose_end + WRINKLED * wrinkled
    along = np.minimum(np.maximum((bridge - rest) / (bridge - tip), 0.0), 1.0)
    under = hump(square(np.minimum((rest - tip) / 0.10, 0.0)))
    width = 0.075 + (person.nose_width * (0.85 + 0.15 * wrinkled) - 0.075) * along * along
    nose = person.nose * along * (0.45 + 0.55 * along) * under * hump(square(side / width) * 0.8)
    wings = hump(square((side - person.nose_width * 0.72) / 0.075) + square((rest - tip) / 0.08))
    risen: FloatArray = nose + 0.055 * wings
    return risen
