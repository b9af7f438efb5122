"""celeba: faces of celebrities, aligned and cropped (Liu et al., 2015)."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from lordbench.data import TEST, TRAIN, UNUSED, Column, Int64Array, UInt8Array
from lordbench.datasets.published.archives import damaged
from lordbench.datasets.published.dataset import Labels, PublishedConfig, PublishedDataset, combine, resized
from lordbench.datasets.published.decoding import decoded, n_chunks
from lordbench.datasets.published.source import OfficialFile, Source
from lordbench.datasets.published.store import Draft
from lordbench.utils import files
from lordbench.utils.errors import UserError

ARCHIVE = OfficialFile("img_align_celeba.zip", "00d2c5bc6d35e252742224ab0c1e8fcb")
IDENTITY = OfficialFile("identity_CelebA.txt", "32bd1bd63d3c78cd57e08160ec5ed1e2")
PARTITION = OfficialFile("list_eval_partition.txt", "d32c9cbf5e040fd4025c592c306e6668")
ATTRIBUTES = OfficialFile("list_attr_celeba.txt", "75e246fa4810816ffd6ee81facbd244c")
LANDMARKS = OfficialFile("list_landmarks_align_celeba.txt", "cc24ecafdb5b50baae59b03474781f8c")
FOLDER = "img_align_celeba"
PATTERN = r"(\d+\.jpg)"
WIDTH, HEIGHT, CROP = 178, 218, 128
PARTS = (TRAIN, UNUSED, TEST)  # by the official numbers: 0 train, 1 validation, 2 test
COORDINATES = ("_x", "_y")  # ends of the names of the landmarks' columns
LIMIT = 1 << 20  # bytes of the largest image that is read; an official one has about ten thousand
DIGITS = 9  # most digits of a number in a list, with its sign
LARGEST_LIST = 1 << 26  # bytes; the official list of the attributes has 26 million


class CelebaConfig(PublishedConfig):
    """Settings of celeba.

    Attributes:
        min_images: least images of a person; people with fewer are left out.
    """

    resolution: int = Field(default=64, ge=8, le=CROP)
    min_images: int = Field(default=1, ge=1)


class Celeba(PublishedDataset):
    """Class = identity (10,177), content not labelled. RGB, the middle 128 x 128 pixels of each face.

    Images are in the order of their numbers. Where their official files exist, the store also holds the
    official split (`partition`: 0 train, 1 validation, 2 test), the 40 attributes (-1 or 1) and the landmarks
    (pixels of the whole 178 x 218 image).
    """

    summary: ClassVar[str] = "CelebA; class = identity (10,177), content not labelled"
    name: ClassVar[str] = "celeba"
    official: ClassVar[tuple[OfficialFile, ...]] = (ARCHIVE, IDENTITY)
    site: ClassVar[str] = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
    terms: ClassVar[str] = (
        "its owners share it for non-commercial research only, under an agreement, by Google Drive and Baidu"
    )
    n_images: ClassVar[int] = 202_599
    faces: ClassVar[bool] = True
    Config = CelebaConfig
    config: CelebaConfig

    def draft(self, source: Source) -> Draft:
        """Read `img_align_celeba/*.jpg`, 178 x 218 pixels, and the lists of labels, each of all images."""
        members = source.members(ARCHIVE)
        names = members.matching((FOLDER, f"Img/{FOLDER}", ""), PATTERN)
        if not names:
            raise source.not_found(f"{FOLDER}/*.jpg")
        columns = _columns(source, list(names))
        size = self.config.resolution
        crop = partial(_faces, size=size)
        blocks = decoded(members, list(names.values()), LIMIT, (WIDTH, HEIGHT), crop, source.workers)
        return Draft(columns, (3, size, size), blocks, n_chunks(len(names), (WIDTH, HEIGHT)))

    def selected(self, columns: dict[str, Column]) -> Int64Array | None:
        """Select the images of people with at least `min_images` images."""
        if self.config.min_images == 1:
            return None
        values = columns["identity"].values
        _, ids, counts = np.unique(values, return_inverse=True, return_counts=True)
        return np.flatnonzero(counts[ids] >= self.config.min_images).astype(np.int64)

    def labels(self, columns: dict[str, Column]) -> Labels:
        """Class = identity; the official split holds out identities, and its validation part is unused.

        Attributes are the 40 attributes, `no` or `yes`, and the coordinates of the landmarks.
        """
        partition = columns.get("partition")
        parts = None if partition is None else np.array(PARTS, dtype=np.int64)[partition.values]
        attributes = {
            name: column
            if name.endswith(COORDINATES)
            else Column((column.values > 0).astype(np.int64), ("no", "yes"))
            for name, column in columns.items()
            if name not in ("identity", "partition")
        }
        return Labels(combine([columns["identity"]]), None, parts, attributes)


def _faces(_: Sequence[str], images: UInt8Array, size: int) -> UInt8Array:
    """Crop the centre of images, (n, 3, 218, 178): uint8, (n, 3, size, size)."""
    left, top = (WIDTH - CROP) // 2, (HEIGHT - CROP) // 2
    return resized(images[:, :, top : top + CROP, left : left + CROP], size)


def _columns(source: Source, images: list[str]) -> dict[str, Column]:
    """Return the labels of the images, in their order, from all lists that exist."""
    columns = _listed(source.require(IDENTITY), images, ["identity"])
    for official, header in ((PARTITION, ["partition"]), (ATTRIBUTES, None), (LANDMARKS, None)):
        if path := source.file(official):
            listed = _listed(path, images, header)
            if repeated := columns.keys() & listed:
                raise damaged(path, ValueError(f"unexpected column {min(repeated)}"))
            columns |= listed
            if header and not np.isin(columns[header[0]], range(len(PARTS))).all():
                raise damaged(path, ValueError("a part is not 0, 1 or 2"))
    return {name: Column(values) for name, values in columns.items()}


def _listed(path: Path, images: list[str], header: list[str] | None) -> dict[str, Int64Array]:
    """Read a list with one line for each image: its name and integers; return the columns by name.

    Without a `header`, the first line of the file is the number of images and the second the column names.
    """
    try:
        lines = files.read_text(path, LARGEST_LIST).splitlines()
        if header is None:
            header, lines = " ".join(lines[1:2]).split(), lines[2:]
        table = [line.split() for line in lines if line.strip()]
        values = {name: [_integer(number) for number in numbers] for name, *numbers in table}
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error
    for image in images:
        if image not in values or len(values[image]) != len(header):
            raise UserError(
                f"{path}: the line of {image} is missing or incomplete",
                "The file is truncated or of another version. Get it again from its owners.",
            )
    rows = np.array([values[image] for image in images], dtype=np.int64).reshape(len(images), len(header))
    return dict(zip(header, np.ascontiguousarray(rows.T), strict=True))


def _integer(text: str) -> int:
    if len(text) > DIGITS:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)
