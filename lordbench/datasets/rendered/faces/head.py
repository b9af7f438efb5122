"""The shape of a face: how far nose, lips, cheeks and chin stand out, moved by the expression."""

from __future__ import annotations

from copy import copy

import numpy as np
import numpy.typing as npt

from lordbench.datasets.rendered.faces.people import Person, Pose
from lordbench.datasets.rendered.faces.shells import Shell, heights, outline
from lordbench.datasets.rendered.raycast import FloatArray
from lordbench.datasets.rendered.solids import Vector

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


EYES = 0.02
"""Height of the eyes."""
FRONT, BACK = 0.80, -0.95
"""How far the skull reaches forward and back."""
POINTED = 0.12
"""How much narrower than an ellipse outlines are in front."""


class Skull:
    """A head without features, from -1 at the chin to 1 at the crown, x forward and y to the left.

    Attributes:
        person: whose it is.
        size: of the picture, in pixels.
        lines: height of each line of samples, (n,).
        circle: x and y of the points of a round outline, each (points,); the front ones come first.
        n_front: number of points in front.
    """

    def __init__(self, person: Person, size: int) -> None:
        self.person = person
        self.size = size
        self.lines = heights(size)
        self.circle = outline(size)
        self.n_front = len(self.circle[0]) // 2

    def rings(self, z: FloatArray, wider: float = 1.0) -> tuple[FloatArray, FloatArray]:
        """Outlines at heights `z` (lines,) in (-1, 1), wider by a factor: x, y (lines, points)."""
        cx, cy = self.circle
        half, front, back = (values[:, None] * wider for values in self._measures(z))
        return (front + back) / 2 + (front - back) / 2 * cx * (1 - POINTED + POINTED * cx * cx), half * cy

    def shell(
        self,
        rows: npt.NDArray[np.int64],
        x: FloatArray,
        y: FloatArray,
        canvas: Canvas,
        there: npt.NDArray[np.bool_] | None = None,
    ) -> Shell:
        """A shell of outlines (lines, points) in consecutive lines; whole unless `there` is given."""
        whole = np.ones(x.shape, dtype=bool) if there is None else there
        return Shell(int(rows[0]), x, y, whole, canvas.colour, self.size)

    def _measures(self, z: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Half-width, front and back at heights `z` in (-1, 1), each (lines,)."""
        up, down = np.maximum(z, 0.0), np.maximum(-z, 0.0)
        u2, d2 = square(up), square(down)
        d4 = square(d2)
        pointed, broad = np.sqrt(1 - d2) * (1 - 0.30 * d2), np.sqrt(1 - d4) * (1 - 0.20 * d2)
        jaw = self.person.jaw
        half = self.person.width * np.sqrt(1 - up * u2) * ((1 - jaw) * pointed + jaw * broad)
        front = FRONT * np.sqrt(1 - square(u2)) * np.sqrt(1 - 0.90 * square(d4))
        occiput = BACK * np.sqrt(np.maximum(1 - square((z - 0.15) / 0.85), 0.0))
        jawline = BACK + d2 * (3.7 - 2.45 * down)
        back = np.minimum(np.maximum(occiput, jawline), front - 0.02)
        return half, front, back


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
