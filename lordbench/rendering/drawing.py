"""Line drawings of a scene: dark ink on white paper, in the same view as the shaded render."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from lordbench.images import UInt8Array
from lordbench.rendering.raycast import Scene, View, downsampled

SAMPLES = 6
"""Samples along each side of a pixel; more than a render has, as lines are all there is."""
NIB = 2
"""How far a line reaches to each side, in samples: it is two thirds of a pixel wide."""
FOLD = 0.8
"""Faces that meet at a flatter angle, by its cosine (37 degrees), are one surface: the rounds of a wheel."""
STEP = 0.25
"""A difference in nearness, in metres, by which one part stands out against another behind it."""
INK = 0.1
"""Brightness of a full line; the paper has 1."""

Mask = npt.NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)


def line_drawing(scene: Scene, view: View, size: int) -> UInt8Array:
    """Draw the outlines of a scene: uint8 (size, size), grey.

    There is a line around the whole, where one part stands out against another, along folds, and where the
    colour changes on one surface (windows, lamps), as Saito and Takahashi (1990) draw them from what each
    ray meets. Shades, shadows and colours themselves leave no trace.
    """
    seen, nearness = scene.trace(view, size * SAMPLES)
    # The ground is a face of its own, unlike any other.
    normals = np.vstack([scene.normals, np.zeros(3)])
    colours = np.vstack([scene.colours, np.full(3, -1.0)])
    ink = np.zeros(seen.shape, dtype=bool)
    for axis in (0, 1):
        one, other = _neighbours(seen, axis)
        where = one != other
        before, after = one[where], other[where]
        flat = sum(normals[before, i] * normals[after, i] for i in range(3)) > FOLD
        same = (colours[before] == colours[after]).all(axis=-1)
        near, far = (side[where] for side in _neighbours(nearness, axis))
        step = np.abs(near - far) > STEP
        where[where] = ~(flat & same) | step
        for side in _neighbours(ink, axis):
            side |= where
    grey = 1 - (1 - INK) * downsampled(_broadened(ink).astype(np.float64), SAMPLES)
    return np.floor(255 * grey + 0.5).astype(np.uint8)


def _neighbours(samples: npt.NDArray[T], axis: int) -> tuple[npt.NDArray[T], npt.NDArray[T]]:
    """Views of all samples but the last, and all but the first, along an axis."""
    return (samples[:-1], samples[1:]) if axis == 0 else (samples[:, :-1], samples[:, 1:])


def _broadened(ink: Mask) -> Mask:
    """Lines broadened to a round nib, which reaches `NIB` samples; one is there already on each side."""
    reach = NIB - 1
    around = np.pad(ink, reach)
    n = len(ink)
    broad = np.zeros_like(ink)
    for i in range(-reach, reach + 1):
        for j in range(-reach, reach + 1):
            if i * i + j * j <= reach * reach:
                broad |= around[reach + i : reach + i + n, reach + j : reach + j + n]
    return broad
