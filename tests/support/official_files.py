"""Files in the formats of the published data sets."""

from __future__ import annotations

import io

import numpy as np
from scipy.io import savemat


def car_shade(car: int, azimuth: int, elevation: int) -> int:
    return car * 80 + azimuth * 3 + elevation


def mat(car: int, compressed: bool = True, degrees: bool = False) -> bytes:
    """One car as its file: every view is of one shade that says which view it is; blue is always 255.

    With `degrees` it has the angles of its views, as the official files.
    """
    im = np.zeros((128, 128, 3, 24, 4), np.uint8)
    for azimuth in range(24):
        for elevation in range(4):
            im[:, :, :2, azimuth, elevation] = car_shade(car, azimuth, elevation)
    im[:, :, 2] = 255
    im[:20, :, 0] = 255  # a bar of red on top: rows are the first axis
    buffer = io.BytesIO()
    angles = {"PITCH_LIST": np.arange(0.0, 24, 6)[None], "YAW_LIST": np.arange(0.0, 360, 15)[None]}
    savemat(buffer, {"im": im} | (angles if degrees else {}), do_compression=compressed)
    return buffer.getvalue()


def matrix(values: np.ndarray) -> bytes:
    """NORB's format, written from its description: magic, ndim, at least three sizes, values."""
    magic = {"uint8": 0x1E3D4C55, "int32": 0x1E3D4C54}[str(values.dtype)]
    sizes = list(values.shape) + [1] * (3 - values.ndim)
    return np.array([magic, values.ndim, *sizes], "<i4").tobytes() + values.tobytes()
