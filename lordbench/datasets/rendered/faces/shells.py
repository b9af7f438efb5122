"""Draws a portrait: surfaces given by their horizontal outlines, one for each line of samples.

Lengths are in half-heights of the head. As in `raycast`, no sum depends on the hardware.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lordbench.data.images import UInt8Array
from lordbench.datasets.rendered.raycast import SAMPLES, FloatArray, downsampled
from lordbench.datasets.rendered.solids import Vector, rounded_cos_sin

IntArray = npt.NDArray[np.int64]

HALF_VIEW = 1.13
"""Half of the image's side."""
EYE_HEIGHT = -0.07
"""Height of the point in the centre of the image."""
OUTLINE = 8
"""Points of an outline for each pixel of the image's width."""
BETWEEN = 3
"""Points interpolated for each point of an outline, whose points may lie far apart in the image."""
GROUND: Vector = (0.86, 0.88, 0.90)
KEY, FILL = (0.66, 0.36, 0.66), (0.55, -0.80, 0.24)
"""Directions of the two lamps, which do not move with the camera."""
AMBIENT, KEY_LIGHT, FILL_LIGHT = 0.50, 0.55, 0.22


@dataclass(frozen=True)
class Shell:
    """A surface, lit from outside: its inside, where visible, is dark.

    Attributes:
        top: line of samples of the first outline.
        x: forward, (lines, points); outlines run from the right over the front and the left to the rear.
        y: to the left, likewise.
        there: where the surface exists, bool, likewise.
        colour: red, green and blue in [0, 1], unlit, (3, lines, points).
        size: of the image, in pixels.
    """

    top: int
    x: FloatArray
    y: FloatArray
    there: npt.NDArray[np.bool_]
    colour: FloatArray
    size: int

    @cached_property
    def lit(self) -> FloatArray:
        """Red, green and blue in the light of the lamps, (3, lines * points)."""
        step = 2 * HALF_VIEW / (self.size * SAMPLES)
        x_along, y_along = _slope(self.x, 1), _slope(self.y, 1)
        x_down, y_down = _slope(self.x, 0), _slope(self.y, 0)
        nx, ny, nz = y_along * step, -x_along * step, y_along * x_down - x_along * y_down
        length = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-12
        light = np.full(self.x.shape, AMBIENT)
        for lamp, strength in ((KEY, KEY_LIGHT), (FILL, FILL_LIGHT)):
            facing = (nx * lamp[0] + ny * lamp[1] + nz * lamp[2]) / length
            light += strength * np.maximum(facing, 0.0)
        lit: FloatArray = np.minimum(self.colour * light, 1.0).reshape(3, -1)
        return lit

    def points(self, cosine: float, sine: float) -> tuple[IntArray, FloatArray, IntArray]:
        """Return the points visible from an azimuth: sample, nearness and number of each, all (k,)."""
        n = self.size * SAMPLES
        across = (self.y * cosine - self.x * sine) * (n / (2 * HALF_VIEW)) + n / 2
        nearness = self.x * cosine + self.y * sine
        run = across[:, 1:] - across[:, :-1]
        # A segment exists if both of its ends do. The inside of a closed surface is never visible.
        facing = self.there[:, :-1] & self.there[:, 1:]
        if self.there.all():
            facing = facing & (run > 0)
        lines, columns = np.nonzero(facing)
        run, nearer = run[facing], (nearness[:, 1:] - nearness[:, :-1])[facing]
        across, nearness = across[:, :-1][facing], nearness[:, :-1][facing]
        base, number = (self.top + lines) * n, lines * self.x.shape[1] + columns
        parts = [part / BETWEEN for part in range(BETWEEN)]
        place = np.concatenate([across + part * run for part in parts])
        near = np.concatenate([nearness + part * nearer for part in parts])
        base, number = np.tile(base, BETWEEN), np.tile(number, BETWEEN)
        within = (place >= 0) & (place < n)
        return (base + place.astype(np.int64))[within], near[within], number[within]


class Sitter:
    """Shells for images of one size, ready to be drawn from any side."""

    def __init__(self, shells: Sequence[Shell]) -> None:
        self._shells = shells
        ground = np.array(GROUND)[:, None]
        self._palette = np.concatenate([*(shell.lit for shell in shells), ground], axis=1)

    def draw(self, azimuth: float) -> UInt8Array:
        """Draw from `azimuth` in degrees, 0 in front and 90 from the left: uint8 (3, size, size), RGB."""
        size = self._shells[0].size
        n = size * SAMPLES
        parts = [shell.points(*rounded_cos_sin(azimuth)) for shell in self._shells]
        starts = np.cumsum([0, *(shell.x.size for shell in self._shells)])
        sample, nearness = (np.concatenate([points[i] for points in parts]) for i in (0, 1))
        number = np.concatenate([start + points[2] for start, points in zip(starts, parts, strict=False)])
        nearest = np.full(n * n, -np.inf)
        np.maximum.at(nearest, sample, nearness)
        wins = nearest[sample] == nearness
        seen = np.full(n * n, starts[-1])
        seen[sample[wins]] = number[wins]
        picture = np.empty((3, size, size), np.uint8)
        for channel in range(3):
            samples = self._palette[channel][seen].reshape(n, n)
            picture[channel] = np.floor(downsampled(samples, SAMPLES) * 255 + 0.5)
        return picture


def heights(size: int) -> FloatArray:
    """Return the height of each line of samples, from the top of the image, (size * SAMPLES,)."""
    n = size * SAMPLES
    lines: FloatArray = EYE_HEIGHT + (1 - (np.arange(n) + 0.5) * 2 / n) * HALF_VIEW
    return lines


def outline(size: int) -> tuple[FloatArray, FloatArray]:
    """Return points of the unit circle, from the right over front and left to the rear: x, y (points,).

    They are closest together in front and at the rear, and need no trigonometry.
    """
    half = OUTLINE * size // 2
    q = np.arange(half) * 2 / half - 1
    x, y = (1 - q * q) / (1 + q * q), 2 * q / (1 + q * q)
    return np.concatenate([x, -x, x[:1]]), np.concatenate([y, -y, y[:1]])


def _slope(values: FloatArray, axis: int) -> FloatArray:
    """Return half the difference of the two neighbours along an axis, one-sided at the ends."""
    moved = np.moveaxis(values, axis, 0)
    padded = np.concatenate([moved[:1], moved, moved[-1:]])
    slope: FloatArray = np.moveaxis((padded[2:] - padded[:-2]) / 2, 0, axis)
    return slope
