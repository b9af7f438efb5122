"""Ray caster for convex solids on a light ground, in orthographic projection.

Rays are parallel, so a face has one shade and its depth is linear over the image. Every sum is written out,
without BLAS, whose order of summation differs between processors: the bytes are the same on all hardware.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lordbench.data.images import UInt8Array
from lordbench.datasets.rendered.solids import Solid, Vector, rounded_cos_sin

FloatArray = npt.NDArray[np.float64]

HALF_VIEW = 2.65  # half of the image's side, in metres
EYE_HEIGHT = 0.8  # of the point in the centre of the image, in metres
SAMPLES = 3  # along each side of a pixel
GROUND: Vector = (0.92, 0.93, 0.95)
SHADOW_DEPTH = 0.6  # share of the light that the ground under the car loses
SHADOW_REACH = 0.5  # width of the shadow's soft edge around the footprint, in metres
EDGE_ON = 1e-9  # a face seen edge-on counts as turned away by this much, so that it still bounds the solid


@dataclass(frozen=True)
class View:
    """Direction of the camera in degrees: at azimuth 0 it sees the car's front, at 90 its left side."""

    azimuth: float
    elevation: float

    @property
    def name(self) -> str:
        return f"az{self.azimuth:03.0f}-el{self.elevation:02.0f}"

    def axes(self) -> tuple[Vector, Vector, Vector]:
        """Return unit vectors in the car's space: right and up in the image, and towards the camera."""
        ca, sa = rounded_cos_sin(self.azimuth)
        ce, se = rounded_cos_sin(self.elevation)
        return (-sa, ca, 0.0), (-ca * se, -sa * se, ce), (ca * ce, sa * ce, se)


class Scene:
    """Solids on the ground, ready to be drawn; `normals` and `colours` are those of the faces, (F, 3).

    `half_length` and `half_width` are of the footprint that casts their shadow, in metres.
    """

    def __init__(self, solids: Sequence[Solid], half_length: float, half_width: float) -> None:
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
        """Find the face that each of n x n rays meets, int64 (n, n), and its nearness in metres, (n, n).

        Faces are numbered as in `normals`; the ground is number F, of nearness -inf.
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
        """Return the light on the ground at each sample, (n, n) in [0, 1], with the car's soft shadow."""
        nearer = -v[:, None] / sine
        x, y = u * right[0] + nearer * right[1], u * right[1] - nearer * right[0]
        beyond_x = np.maximum(np.abs(x) - self._footprint[0], 0.0)
        beyond_y = np.maximum(np.abs(y) - self._footprint[1], 0.0)
        shadow = 1 - np.minimum(np.sqrt(beyond_x * beyond_x + beyond_y * beyond_y) / SHADOW_REACH, 1.0)
        light: FloatArray = 1 - SHADOW_DEPTH * shadow * shadow
        return light


def _grid(view: View, n: int) -> tuple[FloatArray, FloatArray]:
    """Return the positions of the rays in the image, right and up, in metres, (n,) each."""
    grid = ((np.arange(n) + 0.5) / n * 2 - 1) * HALF_VIEW
    return grid, EYE_HEIGHT * view.axes()[1][2] - grid


def _along(points: FloatArray, axis: Vector) -> FloatArray:
    """Return the coordinates of points, (n, 3), along an axis, (n,)."""
    along: FloatArray = points[:, 0] * axis[0] + points[:, 1] * axis[1] + points[:, 2] * axis[2]
    return along


def _windows(centres: FloatArray, halves: FloatArray, axis: Vector, grid: FloatArray) -> list[slice]:
    """Return the part of an ascending grid along an axis that each box covers, by half-sizes (n, 3)."""
    centre, half = _along(centres, axis), _along(halves, (abs(axis[0]), abs(axis[1]), abs(axis[2])))
    starts, stops = np.searchsorted(grid, centre - half), np.searchsorted(grid, centre + half, "right")
    return [slice(start, stop) for start, stop in zip(starts, stops, strict=True)]


def _light(normals: FloatArray, right: Vector, towards: Vector) -> tuple[FloatArray, FloatArray]:
    """Return the light on each face, (F,): the diffuse factor of its colour, and the white gloss.

    The lamp is fixed to the camera, above its left shoulder: turning the car changes its shading.
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
    """Average the each x each samples of each pixel, in a fixed order of summation."""
    total = np.zeros((len(samples) // each, len(samples) // each))
    for i in range(each):
        for j in range(each):
            total += samples[i::each, j::each]
    return total / (each * each)
