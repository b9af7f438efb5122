"""What is painted on a drawn face: eyes, brows, mouth and folds, moved by the expression."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lordbench.datasets.rendered.faces.head import (
    EYES,
    MOUTH,
    WRINKLED,
    Canvas,
    Face,
    hump,
    inside,
    square,
    wave,
)
from lordbench.datasets.rendered.faces.people import Pose
from lordbench.datasets.rendered.raycast import FloatArray
from lordbench.datasets.rendered.solids import Vector

SCLERA: Vector = (0.96, 0.95, 0.93)
PUPIL: Vector = (0.05, 0.04, 0.04)
LASH: Vector = (0.12, 0.08, 0.07)
LIPS: Vector = (0.66, 0.16, 0.18)
SHINE: Vector = (1.0, 0.90, 0.90)
CAVITY: Vector = (0.28, 0.05, 0.07)
TONGUE: Vector = (0.78, 0.36, 0.36)
TEETH: Vector = (0.97, 0.95, 0.90)
BLUSH: Vector = (0.90, 0.35, 0.30)
NOSTRIL: Vector = (0.22, 0.10, 0.09)
Half = npt.NDArray[np.bool_]
"""Which points are on one half of the face, (lines, points)."""
BROWS = 0.26
"""Height of the brows at rest."""


class Mouth(NamedTuple):
    """Where the mouth is, at each point of the face.

    Attributes:
        reach: half-width.
        bulge: how near the middle, from 0 at the corners to 1.
        upper: height of the upper lip's lower edge.
        lower: height of the lower lip's upper edge.
    """

    reach: FloatArray
    bulge: FloatArray
    upper: FloatArray
    lower: FloatArray


class Painter:
    """Paints the front of one face; lengths are in half-heights of the head."""

    def __init__(self, face: Face, canvas: Canvas) -> None:
        """Take a face, and the canvas that lies on its front."""
        front = slice(0, canvas.colour.shape[2])
        self.face, self.person, self.canvas = face, face.person, canvas
        self.y, self.z, self.rest = face.y[:, front], face.z[:, front], face.rest[:, front]
        self.side = np.abs(self.y)
        self.halves = ((face.right, self.y <= 0), (face.left, self.y > 0))

    def paint(self) -> None:
        """Paint everything, from the skin outwards."""
        mouth = self._mouth()
        self._lips(mouth)
        self._inside(mouth)
        for pose, half in self.halves:
            self._skin(pose, half)
            self._folds(pose, half)
            self._eye(pose, half)
            self._brow(pose, half)
        self._nostrils()

    def _of(self, control: str) -> FloatArray:
        return self.face.by_half(control, self.y)

    def _spot(self, y: FloatArray | float, z: FloatArray | float, wide: float, high: float) -> FloatArray:
        """A soft spot on either side, `wide` and `high` from its middle to its end."""
        return hump(square((self.side - y) / wide) + square((self.z - z) / high))

    def _skin(self, pose: Pose, half: Half) -> None:
        self.canvas.lay(half * self._spot(0.42, -0.24, 0.26, 0.20) * (0.16 + 0.16 * pose.cheek), BLUSH)
        self.canvas.shade(half * self._spot(self.person.eyes, EYES + 0.02, 0.27, 0.18), 0.14)

    def _mouth(self) -> Mouth:
        corner, reach = self._of("corner"), self.person.mouth + self._of("stretch")
        t2 = np.minimum(square(self.side / reach), 1.2)
        bulge, blunt = 1 - t2, 1 - square(t2)
        # A smile draws the middle down a little, a raised chin pushes it up.
        line = MOUTH + corner * t2 + (self._of("chin") - 0.35 * np.maximum(corner, 0.0)) * bulge
        upper, lower = line + self._of("upper_lip") * blunt, line - self._of("lower_lip") * blunt
        return Mouth(reach, bulge, upper, lower)

    def _lips(self, mouth: Mouth) -> None:
        person, z = self.person, self.z
        thick = person.lips * (1 - self._of("thin")) * mouth.bulge
        cupids_bow = 1 - 0.35 * hump(square(self.side / 0.05))
        red, green, blue = (
            0.9 * s + person.lip * (r - 0.9 * s) for s, r in zip(person.skin, LIPS, strict=True)
        )
        within = inside(mouth.reach - self.side)
        above = inside(mouth.upper + 0.70 * thick * cupids_bow - z) * inside(z - mouth.upper)
        below = inside(z - mouth.lower + thick) * inside(mouth.lower - z)
        self.canvas.shade(
            within * self._spot(0.0, mouth.lower - person.lips - 0.05, 0.8 * person.mouth, 0.06), 0.22
        )
        self.canvas.lay(within * np.maximum(above, below), (red, green, blue))
        self.canvas.lay(0.35 * within * below * self._spot(0.0, mouth.lower - 0.5 * thick, 0.12, 0.03), SHINE)

    def _inside(self, mouth: Mouth) -> None:
        z, within = self.z, inside(mouth.reach - self.side)
        opened = (
            within
            * inside(mouth.upper - z)
            * inside(z - mouth.lower)
            * inside(mouth.upper - mouth.lower - 0.02)
        )
        self.canvas.lay(opened, CAVITY)
        self.canvas.lay(opened * self._spot(0.0, mouth.lower, 0.2, 0.11), TONGUE)
        self.canvas.lay(
            opened * inside(z - mouth.upper + 0.075) * inside(0.9 * mouth.reach - self.side), TEETH
        )
        edge = np.where(2 * z > mouth.upper + mouth.lower, mouth.upper, mouth.lower)
        self.canvas.lay(0.85 * within * inside(0.016 - np.abs(z - edge), 0.02), CAVITY)

    def _folds(self, pose: Pose, half: Half) -> None:
        person, side, z = self.person, self.side, self.z
        corner = person.mouth + pose.stretch
        # From the wing of the nose around the corner of the mouth.
        down = (person.nose_end - z) / (person.nose_end - MOUTH - pose.corner + 0.04)
        run = np.minimum(np.maximum(down, 0.0), 1.0)
        wing = person.nose_width + 0.02
        path = wing + (corner + 0.05 - wing) * run * (1.6 - 0.6 * run)
        fold = inside(0.016 - np.abs(side - path), 0.04) * inside(down) * inside(1.05 - down)
        self.canvas.shade(half * fold, 0.06 + 0.42 * pose.fold)
        self.canvas.shade(
            half * self._spot(corner + 0.035, MOUTH + pose.corner, 0.05, 0.085), 0.55 * pose.dimple
        )
        creases = self._spot(0.02, 0.06, 0.13, 0.13) * wave(z * 15 + side * 5)
        self.canvas.shade(half * creases, 0.5 * pose.nose)
        frown = inside(0.014 - np.abs(side - 0.055), 0.03) * inside(0.09 - np.abs(z - BROWS))
        self.canvas.shade(half * frown, 6.5 * pose.gather)
        lines = wave((z - 0.42 + 0.1 * square(side)) * 11) * self._spot(0.0, 0.50, 0.55, 0.13)
        self.canvas.shade(half * lines, min(1.75 * max(pose.inner_brow, 0.0), 0.35))

    def _eye(self, pose: Pose, half: Half) -> None:
        person, z = self.person, self.z
        t = (self.side - person.eyes) / person.eye_width
        middle, arch = EYES + person.slant * t, 1 - square(t)
        upper = middle + (0.092 * person.eye_height + pose.upper_lid) * arch
        lower = middle - (0.070 * person.eye_height - pose.lower_lid) * arch
        opened = half * inside(upper - z) * inside(z - lower) * inside(1 - np.abs(t), 0.1)
        away = np.sqrt(square(self.side - person.eyes) + square(z - EYES - 0.008))
        self.canvas.lay(opened, SCLERA)
        self.canvas.shade(opened * inside(z - upper + 0.03, 0.04), 0.3)
        self.canvas.lay(opened * inside(0.088 - away), person.eye)
        self.canvas.lay(opened * inside(0.044 - away), PUPIL)
        # The lamp is reflected on the same side of both eyes.
        sign = np.where(self.y > 0, 1.0, -1.0)
        glint = np.sqrt(square(self.side - person.eyes - 0.03 * sign) + square(z - EYES - 0.04))
        self.canvas.lay(opened * inside(0.02 - glint), (1.0, 1.0, 1.0))
        within = half * inside(1.06 - np.abs(t), 0.1)
        self.canvas.lay(0.9 * within * inside(0.017 - np.abs(z - upper - 0.008)), LASH)
        self.canvas.lay(0.4 * within * inside(0.008 - np.abs(z - lower)), LASH)
        self.canvas.shade(within * inside(0.01 - np.abs(z - upper - 0.06 + 0.3 * pose.upper_lid), 0.03), 0.3)
        self.canvas.shade(within * inside(0.014 - np.abs(z - lower + 0.045), 0.03), 0.10 + 4 * pose.lower_lid)

    def _brow(self, pose: Pose, half: Half) -> None:
        person = self.person
        inner = 0.115 - pose.gather
        t = (self.side - inner) / (person.eyes + person.eye_width + 0.02 - inner)
        arch = 0.055 * (1 - square(2 * t - 1.2))
        height = BROWS + pose.inner_brow * (1 - t) + pose.outer_brow * t + arch
        thick = person.brow * (1 - 0.55 * square(np.maximum(t, 0.0)))
        brow = inside(thick - np.abs(self.z - height)) * inside(0.5 - np.abs(t - 0.5), 0.1)
        self.canvas.lay(0.92 * half * brow, person.dark_hair)

    def _nostrils(self) -> None:
        wide, tip = self.person.nose_width, self.person.nose_end + WRINKLED * self.face.both("nose")
        self.canvas.lay(
            0.75 * inside(0.4 * self._spot(0.5 * wide, tip - 0.055, 0.06, 0.04) - 0.1, 0.2), NOSTRIL
        )
        self.canvas.shade(self._spot(0.0, tip - 0.09, 1.1 * wide, 0.05), 0.25)
