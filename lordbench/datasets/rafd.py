"""rafd: the Radboud Faces Database (Langner et al., 2010)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from PIL import Image

from lordbench.data.images import Column, Int64Array, UInt8Array
from lordbench.datasets.published.dataset import Labels, PreparedConfig, PublishedDataset, combine, resized
from lordbench.datasets.published.decoding import decoded, n_chunks
from lordbench.datasets.published.source import OfficialFile, Source
from lordbench.datasets.published.store import Draft
from lordbench.utils.errors import UserError

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


ARCHIVE = OfficialFile("RaFD.zip")
"""Stands for what the owners deliver, whose name is not known."""
FIELDS: dict[str, tuple[str, ...]] = {
    "angle": ("000", "045", "090", "135", "180"),
    "model": tuple(f"{i:02}" for i in range(1, 74)),
    "group": ("Caucasian", "Moroccan", "Kid"),
    "gender": ("female", "male"),
    "expression": (
        "angry", "contemptuous", "disgusted", "fearful", "happy", "neutral", "sad", "surprised",
    ),
    "gaze": ("frontal", "left", "right"),
}  # fmt: skip
"""What a file name says, in its order: `Rafd090_28_Caucasian_male_angry_frontal.jpg`."""
NAME = re.compile("Rafd" + "_".join(f"({'|'.join(texts)})" for texts in FIELDS.values()) + r"\.jpg")
VIEWS: dict[str, tuple[View, ...]] = {
    "000": (RIGHT, LEFT),
    "045": (FRONT, RIGHT, LEFT),
    "090": (FRONT,),
    "135": (FRONT, LEFT, RIGHT),
    "180": (LEFT, RIGHT),
}
"""What a camera may see of a face, the likeliest first: camera 000 is said to see the right cheek."""
WIDTH, HEIGHT = 681, 1024
BOX: Square = (102, 222, 477)
"""Where no face is found: 0.7 of the width, its centre at 0.5 of the width and 0.45 of the height."""
ANGLES = {"all": FIELDS["angle"], "three": ("045", "090", "135"), "frontal": ("090",)}
LIMIT = 4 << 20
"""Bytes of the largest file that is read; an official one has some hundred thousand."""


class RafdConfig(PreparedConfig):
    """Settings of rafd.

    Attributes:
        crop: `detector`: a square around the face that a detector finds, or the fixed box where it finds
            none; `box`: the fixed box for every image.
        angles: cameras whose images are kept: `all` five, `three` (045, 090 and 135), or `frontal` (090).
    """

    crop: Literal["detector", "box"] = "detector"
    angles: Literal["all", "three", "frontal"] = "all"


class Rafd(PublishedDataset):
    """Class = expression (8), content = model, camera angle and gaze. RGB, a square around each face.

    Images are in the order of their names. The store keeps every field of these, and in `detected` whether
    a detector found the face (1) or the fixed box was cut (0).
    """

    summary: ClassVar[str] = "RaFD; class = expression (8), content = model, angle and gaze (1,005)"
    name: ClassVar[str] = "rafd"
    official: ClassVar[tuple[OfficialFile, ...]] = (ARCHIVE,)
    site: ClassVar[str] = "https://rafd.socsci.ru.nl"
    terms: ClassVar[str] = (
        "its owners give it to researchers of accredited universities, each of whom has to ask them for it"
    )
    n_images: ClassVar[int] = 8_040
    stored_settings: ClassVar[tuple[str, ...]] = ("resolution", "crop")
    Config = RafdConfig
    config: RafdConfig

    def draft(self, source: Source) -> Draft:
        """Read `Rafd*.jpg`, 681 x 1024 pixels, and label them by their names.

        Raises:
            UserError: as PreparedDataset, and where a name is not of the official scheme.
        """
        members = source.members(ARCHIVE)
        found = members.matching(("", "RaFD"), r"(Rafd.*)")
        if not found:
            raise source.lacking("Rafd*.jpg")
        fields = [_fields(name, str(members.place / full)) for name, full in found.items()]
        table = np.array(fields, dtype=np.int64)
        columns = {
            field: Column(np.ascontiguousarray(table[:, k]), FIELDS[field]) for k, field in enumerate(FIELDS)
        }
        # Filled in while the images come.
        detected = np.zeros(len(found), dtype=np.int64)
        names = list(found.values())
        size = self.config.resolution
        cut = partial(_faces, detect=self.config.crop == "detector", size=size)

        def blocks() -> Iterator[tuple[Int64Array, UInt8Array]]:
            faces = decoded(members, names, LIMIT, (WIDTH, HEIGHT), cut, source.workers)
            for rows, (images, were_detected) in faces:
                detected[rows] = were_detected
                yield rows, images

        return Draft(
            columns | {"detected": Column(detected)},
            (3, size, size),
            blocks(),
            n_chunks(len(names), (WIDTH, HEIGHT)),
        )

    def chosen(self, columns: dict[str, Column]) -> Int64Array | None:
        """Images by the cameras that `angles` names."""
        if self.config.angles == "all":
            return None
        kept = [FIELDS["angle"].index(text) for text in ANGLES[self.config.angles]]
        return np.flatnonzero(np.isin(columns["angle"].values, kept)).astype(np.int64)

    def labels(self, columns: dict[str, Column]) -> Labels:
        """Class = expression, content = model, angle and gaze."""
        content = combine([columns[field] for field in ("model", "angle", "gaze")])
        return Labels(combine([columns["expression"]]), content, attributes={"identity": columns["model"]})


def _fields(name: str, where: str) -> list[int]:
    """The values of the fields of a file name, in their order."""
    match = NAME.fullmatch(name)
    if match is None:
        raise UserError(
            f"{where}: the name is not like Rafd090_28_Caucasian_male_angry_frontal.jpg",
            "It holds the labels: give the file its official name again, or take it away.",
        )
    return [texts.index(text) for texts, text in zip(FIELDS.values(), match.groups(), strict=True)]


def _faces(
    names: Sequence[str], pictures: UInt8Array, detect: bool, size: int
) -> tuple[UInt8Array, list[bool]]:
    """Cut the face out of each portrait: uint8, (n, 3, size, size), and whether it was detected."""
    images, detected = [], []
    for name, picture in zip(names, pictures, strict=True):
        angle = name.rpartition("/")[2].removeprefix("Rafd")[:3]
        found = face_square(picture, VIEWS[angle]) if detect else None
        left, top, side = found or BOX
        images.append(resized(picture[None, :, top : top + side, left : left + side], size))
        detected.append(found is not None)
    return np.concatenate(images), detected
