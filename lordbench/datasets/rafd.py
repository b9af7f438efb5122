"""rafd: the Radboud Faces Database (Langner et al., 2010)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np
from PIL import Image

from lordbench.data import Column, Int64Array, UInt8Array
from lordbench.datasets.published.dataset import Labels, PublishedConfig, PublishedDataset, combine, resized
from lordbench.datasets.published.decoding import decoded, n_chunks
from lordbench.datasets.published.source import OfficialFile, Source
from lordbench.datasets.published.store import Draft
from lordbench.utils.errors import UserError, require_extra

if TYPE_CHECKING:
    import cv2

Square = tuple[int, int, int]  # left, top and side in pixels


class View(NamedTuple):
    """A side from which a face may be seen: OpenCV's detector, and whether it runs on the mirror image."""

    cascade: str
    mirrored: bool = False


ARCHIVE = OfficialFile("RaFD.zip")  # the owners' archive, whose real name is unknown
FIELDS: dict[str, tuple[str, ...]] = {
    "angle": ("000", "045", "090", "135", "180"),
    "model": tuple(f"{i:02}" for i in range(1, 74)),
    "group": ("Caucasian", "Moroccan", "Kid"),
    "gender": ("female", "male"),
    "expression": ("angry", "contemptuous", "disgusted", "fearful", "happy", "neutral", "sad", "surprised"),
    "gaze": ("frontal", "left", "right"),
}
"""Fields of a file name, in order: `Rafd090_28_Caucasian_male_angry_frontal.jpg`."""
NAME = re.compile("Rafd" + "_".join(f"({'|'.join(texts)})" for texts in FIELDS.values()) + r"\.jpg")
FRONT = View("frontalface_alt2")
LEFT, RIGHT = View("profileface"), View("profileface", mirrored=True)
"""Faces that look to the image's left or right; the cascade is trained on the first."""
VIEWS: dict[str, tuple[View, ...]] = {
    "000": (RIGHT, LEFT),
    "045": (FRONT, RIGHT, LEFT),
    "090": (FRONT,),
    "135": (FRONT, LEFT, RIGHT),
    "180": (LEFT, RIGHT),
}
"""Views of a face by camera, the likeliest first: camera 000 should see the right cheek."""
WIDTH, HEIGHT = 681, 1024
# Crop without a detected face: 0.7 of the width, centred at 0.5 of the width and 0.45 of the height.
BOX: Square = (102, 222, 477)
ANGLES = {"all": FIELDS["angle"], "three": ("045", "090", "135"), "frontal": ("090",)}
LIMIT = 4 << 20  # bytes of the largest file that is read; official ones have hundreds of thousands
MARGIN = 1.4  # side of the crop by that of the detected box, which lacks some of the forehead and the chin
SHRINK = 2  # detection runs on images reduced by this factor: four times as fast, as reliable
STEP, NEIGHBOURS = 1.05, 3  # ratio of successive face sizes, and number of overlapping hits that make a face
LEAST, MOST = 0.25, 0.9  # face's side, relative to the image's width; other detections count as errors
ACROSS, DOWN = (0.25, 0.75), (0.2, 0.7)  # face's centre, relative to the image's width and height


class RafdConfig(PublishedConfig):
    """Settings of rafd.

    Attributes:
        crop: `detector`: a square around the detected face, or the fixed box where none is detected;
            `box`: the fixed box for every image.
        angles: cameras: `all` five, `three` (045, 090 and 135), or `frontal` (090).
    """

    crop: Literal["detector", "box"] = "detector"
    angles: Literal["all", "three", "frontal"] = "all"


class Rafd(PublishedDataset):
    """Class = expression (8), content = model, camera angle and gaze. RGB, a square around each face.

    Images are in the order of their names. The store holds all fields of the names, and `detected`: whether
    the face was detected (1) or the fixed box used (0).
    """

    summary: ClassVar[str] = "RaFD; class = expression (8), content = model, angle and gaze (1,005)"
    name: ClassVar[str] = "rafd"
    official: ClassVar[tuple[OfficialFile, ...]] = (ARCHIVE,)
    site: ClassVar[str] = "https://rafd.socsci.ru.nl"
    terms: ClassVar[str] = (
        "its owners share it with researchers of accredited universities, each of whom has to ask them for it"
    )
    n_images: ClassVar[int] = 8_040
    faces: ClassVar[bool] = True
    stored_settings: ClassVar[tuple[str, ...]] = ("resolution", "crop")
    Config = RafdConfig
    config: RafdConfig

    def draft(self, source: Source) -> Draft:
        """Read `Rafd*.jpg`, 681 x 1024 pixels, and label them by their names, which must be official."""
        detect = self.config.crop == "detector"
        if detect:
            require_extra("cv2", "data", "rafd: the face detector needs OpenCV")
        members = source.members(ARCHIVE)
        matches = members.matching(("", "RaFD"), r"(Rafd.*)")
        if not matches:
            raise source.not_found("Rafd*.jpg")
        fields = [_fields(name, str(members.path / full)) for name, full in matches.items()]
        table = np.array(fields, dtype=np.int64).T
        columns = {field: Column(values, FIELDS[field]) for field, values in zip(FIELDS, table, strict=True)}
        # Filled in while the images are read.
        detected = np.zeros(len(matches), dtype=np.int64)
        columns["detected"] = Column(detected)
        names, size = list(matches.values()), self.config.resolution
        crop = partial(_faces, detect=detect, size=size)

        def blocks() -> Iterator[tuple[Int64Array, UInt8Array]]:
            faces = decoded(members, names, LIMIT, (WIDTH, HEIGHT), crop, source.workers)
            for rows, (images, were_detected) in faces:
                detected[rows] = were_detected
                yield rows, images

        return Draft(columns, (3, size, size), blocks(), n_chunks(len(names), (WIDTH, HEIGHT)))

    def selected(self, columns: dict[str, Column]) -> Int64Array | None:
        if self.config.angles == "all":
            return None
        cameras = [FIELDS["angle"].index(angle) for angle in ANGLES[self.config.angles]]
        return np.flatnonzero(np.isin(columns["angle"].values, cameras)).astype(np.int64)

    def labels(self, columns: dict[str, Column]) -> Labels:
        content = combine([columns[field] for field in ("model", "angle", "gaze")])
        attributes = {"identity": columns["model"], "angle": columns["angle"], "gaze": columns["gaze"]}
        return Labels(combine([columns["expression"]]), content, attributes=attributes)


def _fields(name: str, path: str) -> list[int]:
    """Return the values of the fields of a file name, in order."""
    match = NAME.fullmatch(name)
    if match is None:
        raise UserError(
            f"{path}: the name is not like Rafd090_28_Caucasian_male_angry_frontal.jpg",
            "The labels are in the name: restore the official name, or move the file elsewhere.",
        )
    return [texts.index(text) for texts, text in zip(FIELDS.values(), match.groups(), strict=True)]


def _faces(
    names: Sequence[str], portraits: UInt8Array, detect: bool, size: int
) -> tuple[UInt8Array, list[bool]]:
    """Crop the face in each portrait: uint8, (n, 3, size, size), and whether it was detected."""
    images, detected = [], []
    for name, portrait in zip(names, portraits, strict=True):
        angle = name.rpartition("/")[2].removeprefix("Rafd")[:3]
        square = face_square(portrait, VIEWS[angle]) if detect else None
        left, top, side = square or BOX
        images.append(resized(portrait[None, :, top : top + side, left : left + side], size))
        detected.append(square is not None)
    return np.concatenate(images), detected


def face_square(portrait: UInt8Array, views: Sequence[View]) -> Square | None:
    """Find the square to crop from a portrait, uint8 (3, H, W), with one face, large and near the centre.

    It has the centre of the detected box and MARGIN times its side, and is moved inside the image. The first
    view with a face of a likely size and position counts; None where there is none.
    """
    grey = np.asarray(Image.fromarray(np.moveaxis(portrait, 0, -1)).convert("L").reduce(SHRINK))
    for view in views:
        if box := _best_box(grey, view):
            x, y, side = (SHRINK * value for value in box)
            _, height, width = portrait.shape
            whole = min(round(MARGIN * side), width, height)
            left, top = (
                min(max(round(low + side / 2 - whole / 2), 0), limit - whole)
                for low, limit in ((x, width), (y, height))
            )
            return left, top, whole
    return None


def _best_box(grey: UInt8Array, view: View) -> Square | None:
    """Return the box of the face with the most hits in an image, (H, W); None where there is none."""
    height, width = grey.shape
    image = np.ascontiguousarray(grey[:, ::-1]) if view.mirrored else grey
    least, most = (round(share * width) for share in (LEAST, MOST))
    boxes, hits = _cascade(view.cascade).detectMultiScale2(
        image, STEP, NEIGHBOURS, minSize=(least, least), maxSize=(most, most)
    )
    # By hits, then size and position: the order of the detector's results does not matter.
    likely = [
        (n, side, width - left - side if view.mirrored else left, top)
        for n, (left, top, side, _) in zip(hits, np.reshape(boxes, (-1, 4)).tolist(), strict=True)
        if ACROSS[0] <= (left + side / 2) / width <= ACROSS[1]
        and DOWN[0] <= (top + side / 2) / height <= DOWN[1]
    ]
    if not likely:
        return None
    _, side, left, top = max(likely)
    return left, top, side


@cache
def _cascade(name: str) -> cv2.CascadeClassifier:
    import cv2
    from cv2.data import haarcascades

    # One thread: several processes are running, and results must not depend on how the work was split.
    cv2.setNumThreads(1)
    return cv2.CascadeClassifier(f"{haarcascades}haarcascade_{name}.xml")
