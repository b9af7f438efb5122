"""The bare head of a person: outlines of skull and jaw, which everything else is built upon."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lordbench.rendering.faces.canvas import Canvas, square
from lordbench.rendering.faces.people import Person
from lordbench.rendering.raycast import FloatArray
from lordbench.rendering.shells import Shell, heights, outline

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
