"""Squares around faces in portraits, found by the Haar cascades that OpenCV 4 ships."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from lordbench.images import UInt8Array

# OpenCV is imported where it is used: it takes its time, and other commands have no use for it.
if TYPE_CHECKING:
    import cv2

Square = tuple[int, int, int]
"""Left, top and side in pixels."""
MARGIN = 1.4
"""Side of the crop by that of the detected box, which cuts off some of the forehead and of the chin."""
SHRINK = 2
"""Detection runs on the picture shrunk by this factor: four times as fast, and as sure."""
STEP, NEIGHBOURS = 1.05, 3
"""Ratio of one size that is searched for to the next, and how many overlapping hits make a face."""
LEAST, MOST = 0.25, 0.9
"""Sides that a face may have, by the picture's width; anything else is taken for an error."""
ACROSS, DOWN = (0.25, 0.75), (0.2, 0.7)
"""Where the centre of a face may lie, by the picture's width and height."""


@dataclass(frozen=True)
class View:
    """A side from which a face may be seen.

    Attributes:
        cascade: OpenCV's name of the detector.
        mirrored: whether to show the detector the picture's mirror image.
    """

    cascade: str
    mirrored: bool = False


FRONT = View("frontalface_alt2")
LEFT, RIGHT = View("profileface"), View("profileface", mirrored=True)
"""Faces that look to the picture's left or right; the cascade itself knows the first."""


def face_square(picture: UInt8Array, views: Sequence[View]) -> Square | None:
    """Find the square to cut out of a portrait.

    It has MARGIN times the side of the detected box and its centre, moved as little as keeps it inside.

    Args:
        picture: uint8, (3, H, W), showing one face, large and near the middle.
        views: tried in this order; the first that shows a face decides.

    Returns:
        None where no view shows a face of a likely size and position.
    """
    grey = np.asarray(Image.fromarray(np.moveaxis(picture, 0, -1)).convert("L").reduce(SHRINK))
    for view in views:
        if box := _surest(grey, view):
            left, top, side = (SHRINK * value for value in box)
            return _square(
                left + side / 2, top + side / 2, MARGIN * side, (picture.shape[2], picture.shape[1])
            )
    return None


def _surest(grey: UInt8Array, view: View) -> Square | None:
    """The box of the face with the most hits in an image (H, W); None where there is none."""
    height, width = grey.shape
    shown = np.ascontiguousarray(grey[:, ::-1]) if view.mirrored else grey
    least, most = (round(share * width) for share in (LEAST, MOST))
    boxes, hits = _cascade(view.cascade).detectMultiScale2(
        shown, STEP, NEIGHBOURS, minSize=(least, least), maxSize=(most, most)
    )
    # Hits come first; size and position decide between equals, so that the detector's order does not matter.
    likely = [
        (n, side, width - left - side if view.mirrored else left, top)
        for n, (left, top, side, _) in zip(hits, np.reshape(boxes, (-1, 4)).tolist(), strict=True)
        if _is_central(left, top, side, width, height)
    ]
    if not likely:
        return None
    _, side, left, top = max(likely)
    return left, top, side


def _is_central(left: int, top: int, side: int, width: int, height: int) -> bool:
    x, y = (left + side / 2) / width, (top + side / 2) / height
    return ACROSS[0] <= x <= ACROSS[1] and DOWN[0] <= y <= DOWN[1]


def _square(x: float, y: float, side: float, size: tuple[int, int]) -> Square:
    whole = min(round(side), *size)
    left, top = (
        min(max(round(centre - whole / 2), 0), limit - whole)
        for centre, limit in zip((x, y), size, strict=True)
    )
    return left, top, whole


@cache
def _cascade(name: str) -> cv2.CascadeClassifier:
    import cv2
    from cv2.data import haarcascades

    # One thread: several processes are at work, and results must not depend on how the work was split.
    cv2.setNumThreads(1)
    return cv2.CascadeClassifier(f"{haarcascades}haarcascade_{name}.xml")
