"""rafd: the Radboud Faces Database (Langner et al., 2010)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import ClassVar, Literal

import numpy as np

from lordbench.errors import UserError
from lordbench.images import Column, Int64Array, UInt8Array
from lordbench.prepared.dataset import Labels, PreparedConfig, PreparedDataset
from lordbench.prepared.decoding import decoded, n_chunks
from lordbench.prepared.faces import FRONT, LEFT, RIGHT, Square, View, face_square
from lordbench.prepared.labels import combine
from lordbench.prepared.resizing import resized
from lordbench.prepared.source import OfficialFile, Source
from lordbench.prepared.store import Draft

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


class Rafd(PreparedDataset):
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
