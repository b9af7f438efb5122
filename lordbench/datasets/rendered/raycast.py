"""Draws convex solids on a light ground, seen from far away.

Rays run side by side, so the depth of a face is linear over the picture and its shade the same all over it.
Every sum is written out and nothing passes through BLAS, whose order of summation differs between machines:
the same solids give the same bytes everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lordbench.data.images import UInt8Array
from lordbench.datasets.rendered.solids import Solid, Vector, rounded_cos_sin

FloatArray = npt.NDArray[np.float64]

HALF_VIEW = 2.65
"""Half of the picture's side, in metres."""
EYE_HEIGHT = 0.8
"""Height of the point in the middle of the picture, in metres."""
SAMPLES = 3
"""Samples along each side of a pixel."""
GROUND: Vector = (0.92, 0.93, 0.95)
SHADOW_DEPTH = 0.6
"""How much of the light the ground right under the car loses."""
SHADOW_REACH = 0.5
"""How far the shadow spreads around the footprint, in metres."""
EDGE_ON = 1e-9
"""A face seen edge-on counts as turned away by this much, which bounds the solid all the same."""


@dataclass(frozen=True)
class View:
    """Where the camera stands, in degrees: at azimuth 0 the car faces it, at 90 it sees its left side."""

    azimuth: float
    elevation: float

    @property
    def name(self) -> str:
        """The view's name, e.g. `az030-el10`."""
        return f"az{self.azimuth:03.0f}-el{self.elevation:02.0f}"

    def axes(self) -> tuple[Vector, Vector, Vector]:
        """Unit vectors in the car's space: rightwards and upwards in the picture, and to the camera."""
        ca, sa = rounded_cos_sin(self.azimuth)
        ce, se = rounded_cos_sin(self.elevation)
        return (-sa, ca, 0.0), (-ca * se, -sa * se, ce), (ca * ce, sa * ce, se)


class Scene:
    """Solids on the ground, ready to be drawn from any side.

    Attributes:
        normals: of the faces, (F, 3).
        colours: likewise; red, green and blue.
    """

    def __init__(self, solids: Sequence[Solid], half_length: float, half_width: float) -> None:
        """Take the solids, and the footprint around the origin that casts their shadow, in metres."""
        faces = [(face, solid.colour) for solid in solids for face in solid.faces.values()]
        self.normals = np.array([face.normal for face, _ in faces])
        self._offsets = np.array([face.offset for face, _ in faces])
        self.colours = np.array([colour for _, colour in faces])
        ends = np.cumsum([len(solid.faces) for solid in solids])
        self._solids = [slice(end - len(s.faces), end) for s, end in zip(solids, ends, strict=True)]
        low, high = np.array([s.low for s in solids]), np.array([s.high for s in solids])
        self._centres, self._halves = (low + high) / 2, (high - low) / 2
        self._footprint = (half_length, half_width)

    def trace(self, view: View, n: int) -> tuple[npt.NDArray[np.int64], FloatArray]:
        """Find what each of n x n rays meets: the face, int64 (n, n), and how near it is, in metres.

        Faces are numbered in the order of `normals`; where a ray meets the ground, its face is their number
        and its nearness -inf.
        """
        right, up, towards = view.axes()
        u, v = _grid(view, n)
        facing = _along(self.normals, towards)
        facing = np.where(np.abs(facing) < EDGE_ON, -EDGE_ON, facing)
        by_row = (self._offsets[:, None] - _along(self.normals, up)[:, None] * v) / facing[:, None]
        by_column = _along(self.normals, right)[:, None] * u / facing[:, None]
        columns = _windows(self._centres, self._halves, right, u)
        rows = _windows(self._centres, self._halves, (-up[0], -up[1], -up[2]), -v)

        depth = np.full((n, n), -np.inf)
        seen = np.full((n, n), len(facing))
        for solid, row, column in zip(self._solids, rows, columns, strict=True):
            distance = by_row[solid, row, None] - by_column[solid, None, column]
            visible = np.flatnonzero(facing[solid] > 0)
            fronts, backs = distance[visible], distance[facing[solid] < 0]
            entry = fronts.min(axis=0)
            hit = (entry >= backs.max(axis=0)) & (entry > depth[row, column])
            depth[row, column][hit] = entry[hit]
            seen[row, column][hit] = solid.start + visible[fronts[:, hit].argmin(axis=0)]
        return seen, depth

    def draw(self, view: View, size: int) -> UInt8Array:
        """Draw the scene: uint8 (3, size, size), RGB."""
        right, _, towards = view.axes()
        u, v = _grid(view, size * SAMPLES)
        seen, _ = self.trace(view, size * SAMPLES)

        shade, gloss = _light(self.normals, right, towards)
        ground = self._ground(right, towards[2], u, v)
        picture = np.empty((3, size, size), np.uint8)
        for channel in range(3):
            palette = np.append(self.colours[:, channel] * shade + gloss, 0.0)
            samples = np.where(seen < len(self.normals), palette[seen], ground * GROUND[channel])
            picture[channel] = np.floor(downsampled(np.minimum(samples, 1.0), SAMPLES) * 255 + 0.5)
        return picture

    def _ground(self, right: Vector, sine: float, u: FloatArray, v: FloatArray) -> FloatArray:
        """Light on the ground behind each sample, (n, n) in [0, 1]: less in the soft shadow of the car."""
        nearer = -v[:, None] / sine
        x, y = u * right[0] + nearer * right[1], u * right[1] - nearer * right[0]
        beyond_x = np.maximum(np.abs(x) - self._footprint[0], 0.0)
        beyond_y = np.maximum(np.abs(y) - self._footprint[1], 0.0)
        shadow = 1 - np.minimum(np.sqrt(beyond_x * beyond_x + beyond_y * beyond_y) / SHADOW_REACH, 1.0)
        light: FloatArray = 1 - SHADOW_DEPTH * shadow * shadow
        return light


def _grid(view: View, n: int) -> tuple[FloatArray, FloatArray]:
    """Where rays pass in the picture, to the right and upwards, in metres: (n,) each."""
    grid = ((np.arange(n) + 0.5) / n * 2 - 1) * HALF_VIEW
    return grid, EYE_HEIGHT * view.axes()[1][2] - grid


def _along(points: FloatArray, axis: Vector) -> FloatArray:
    """How far points (n, 3) lie along an axis, (n,)."""
    along: FloatArray = points[:, 0] * axis[0] + points[:, 1] * axis[1] + points[:, 2] * axis[2]
    return along


def _windows(centres: FloatArray, halves: FloatArray, axis: Vector, grid: FloatArray) -> list[slice]:
    """The part of an ascending grid along an axis that each box covers; `halves` are half-sizes (n, 3)."""
    centre, half = _along(centres, axis), _along(halves, (abs(axis[0]), abs(axis[1]), abs(axis[2])))
    starts, stops = np.searchsorted(grid, centre - half), np.searchsorted(grid, centre + half, "right")
    return [slice(start, stop) for start, stop in zip(starts, stops, strict=True)]


def _light(normals: FloatArray, right: Vector, towards: Vector) -> tuple[FloatArray, FloatArray]:
    """Light on each face (F,): how much its colour scatters, and the white gloss on top.

    The lamp hangs above the camera's left shoulder, so turning the car changes its shading too.
    """
    lamp = _unit([-0.55 * right[i] + 0.45 * towards[i] + (0.9 if i == 2 else 0.0) for i in range(3)])
    between = _unit([lamp[i] + towards[i] for i in range(3)])
    lambert = np.maximum(_along(normals, lamp), 0.0)
    shine = np.maximum(_along(normals, between), 0.0)
    for _ in range(4):
        shine = shine * shine
    return 0.42 + 0.10 * normals[:, 2] + 0.55 * lambert, 0.22 * shine


def _unit(v: Sequence[float]) -> Vector:
    length = math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    return v[0] / length, v[1] / length, v[2] / length


def downsampled(samples: FloatArray, each: int) -> FloatArray:
    """Average each x each samples of each pixel, in an order of its own choosing rather than NumPy's."""
    total = np.zeros((len(samples) // each, len(samples) // each))
    for i in range(each):
        for j in range(each):
            total += samples[i::each, j::each]
    return total / (each * each)


IntArray = npt.NDArray[np.int64]

SHELL_HALF_VIEW = 1.13
"""Half of the picture's side; 1 is half the height of a head."""
SHELL_EYE_HEIGHT = -0.07
"""Height of the point in the middle of the picture."""
OUTLINE = 8
"""Points of an outline for each pixel of the picture's width."""
BETWEEN = 3
"""Points tried for each point of an outline: they lie far apart where an outline runs across the view."""
SHELL_GROUND: Vector = (0.86, 0.88, 0.90)
KEY, FILL = (0.66, 0.36, 0.66), (0.55, -0.80, 0.24)
"""Directions of the two lamps, which stand still while the camera moves."""
AMBIENT, KEY_LIGHT, FILL_LIGHT = 0.50, 0.55, 0.22


@dataclass(frozen=True)
class Shell:
    """A surface; it is lit from outside, so that its inside, where that is seen, is dark.

    Attributes:
        top: the line of samples that its first outline lies in.
        x: forward, (lines, points); outlines run from the right over the front and the left to the rear.
        y: to the left, likewise.
        there: where the surface is whole, bool, likewise.
        colour: red, green and blue in [0, 1], unlit, (3, lines, points).
        size: of the picture that it is made for, in pixels.
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
        step = 2 * SHELL_HALF_VIEW / (self.size * SAMPLES)
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
        """Points that a camera at an azimuth may see: sample, nearness and number of each, all (k,)."""
        n = self.size * SAMPLES
        across = (self.y * cosine - self.x * sine) * (n / (2 * SHELL_HALF_VIEW)) + n / 2
        nearness = self.x * cosine + self.y * sine
        run = across[:, 1:] - across[:, :-1]
        # A piece is whole if both of its ends are. The inside of a closed surface is never seen.
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
    """Shells of pictures of one size, ready to be drawn from any side."""

    def __init__(self, shells: Sequence[Shell]) -> None:
        self._shells = shells
        ground = np.array(SHELL_GROUND)[:, None]
        self._palette = np.concatenate([*(shell.lit for shell in shells), ground], axis=1)

    def draw(self, azimuth: float) -> UInt8Array:
        """Draw from `azimuth` in degrees, 0 in front and 90 from the left: uint8 (3, size, size), RGB."""
        size = self._shells[0].size
        n = size * SAMPLES
        found = [shell.points(*rounded_cos_sin(azimuth)) for shell in self._shells]
        starts = np.cumsum([0, *(shell.x.size for shell in self._shells)])
        sample, nearness = (np.concatenate([points[i] for points in found]) for i in (0, 1))
        number = np.concatenate([start + points[2] for start, points in zip(starts, found, strict=False)])
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
    """Height of each line of samples, from the top of the picture down, (size * SAMPLES,)."""
    n = size * SAMPLES
    lines: FloatArray = SHELL_EYE_HEIGHT + (1 - (np.arange(n) + 0.5) * 2 / n) * SHELL_HALF_VIEW
    return lines


def outline(size: int) -> tuple[FloatArray, FloatArray]:
    """Points of the unit circle from the right over the front and the left to the rear: x, y (points,).

    They lie closest in front and at the rear, and need no trigonometry.
    """
    half = OUTLINE * size // 2
    q = np.arange(half) * 2 / half - 1
    x, y = (1 - q * q) / (1 + q * q), 2 * q / (1 + q * q)
    return np.concatenate([x, -x, x[:1]]), np.concatenate([y, -y, y[:1]])


def _slope(values: FloatArray, axis: int) -> FloatArray:
    """Half the difference of the two neighbours along an axis, at the ends of what there is."""
    moved = np.moveaxis(values, axis, 0)
    padded = np.concatenate([moved[:1], moved, moved[-1:]])
    slope: FloatArray = np.moveaxis((padded[2:] - padded[:-2]) / 2, 0, axis)
    return slope
