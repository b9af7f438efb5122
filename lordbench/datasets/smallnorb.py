"""smallnorb: photographs of toys under six lights (LeCun, Huang and Bottou, 2004)."""

import gzip
import math
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, ClassVar, Literal, cast

import numpy as np
import numpy.typing as npt

from lordbench.data import Column, Int64Array, UInt8Array
from lordbench.datasets.published.archives import damaged, other_version
from lordbench.datasets.published.dataset import Labels, PublishedConfig, PublishedDataset, combine, resized
from lordbench.datasets.published.source import OfficialFile, Source
from lordbench.datasets.published.store import Draft

SITE = "https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/"
SIDE, CAMERAS, PHOTOS = 96, 2, 24_300  # pixels a side; cameras; photographs of each camera in each part
INFO = ("instance", "elevation", "azimuth", "lighting")  # columns of the info files, in order
AZIMUTH_STEP = 2  # the info files number azimuths 0, 2, ..., 34, in tens of degrees
NAMES: dict[str, tuple[str, ...]] = {
    "part": ("training", "testing"),
    "category": ("animal", "human", "plane", "truck", "car"),
    "instance": tuple(f"{i}" for i in range(10)),
    "elevation": tuple(f"elevation {30 + 5 * i}" for i in range(9)),
    "azimuth": tuple(f"azimuth {20 * i}" for i in range(18)),
    "lighting": tuple(f"lighting {i}" for i in range(6)),
    "camera": tuple(f"camera {i}" for i in range(CAMERAS)),
}
STEMS = ("smallnorb-5x46789x9x18x6x2x96x96-training", "smallnorb-5x01235x9x18x6x2x96x96-testing")
KINDS = ("dat", "cat", "info")
GZIPPED = (
    ("66054832f9accfe74a0f4c36a75bc0a2", "23c8b86101fbf0904a000b43d3ed2fd9",
     "51dee1210a742582ff607dfd94e332e3"),
    ("e4ad715691ed5a3a5f138751a4ceb071", "5aa791cd7e6016cf957ce9bdb93b8603",
     "a9454f3864d7fd4bb3ea7fc3eb84924e"),
)  # fmt: skip
UNPACKED = (
    ("8138a0902307b32dfa0025a36dfa45ec", "fd5120d3f770ad57ebe620eb61a0b633",
     "19faee774120001fc7e17980d6960451"),
    ("e9920b7f7b2869a8f1a12e945b2c166c", "fd5120d3f770ad57ebe620eb61a0b633",
     "7c5b871cc69dcadec1bf6a18141f5edc"),
)  # fmt: skip
"""md5 of the .gz and the unpacked files, by part and kind. Both parts have the same order of categories."""
CLASSES = {
    "full": ("category", "instance", "elevation", "lighting", "camera"),
    "object": ("category", "instance"),
}
ATTRIBUTES = ("category", "instance", "elevation", "azimuth", "lighting", "camera")
CONTENTS = {"full": ("azimuth",), "object": ("elevation", "azimuth", "lighting", "camera")}
BYTES, INTEGERS = np.dtype("u1"), np.dtype("<i4")
DTYPES: dict[int, np.dtype[Any]] = {0x1E3D4C55: BYTES, 0x1E3D4C54: INTEGERS}  # by magic number
LEAST_DIMENSIONS = 3  # a header lists at least this many sizes; those beyond `ndim` are ignored


class SmallnorbConfig(PublishedConfig):
    """Settings of smallnorb.

    Attributes:
        class_label: `full`: class = category, instance, elevation, lighting and camera (5,400), content =
            azimuth (18), as in LORD's published loader; `object`: class = category and instance (50),
            content = elevation, azimuth, lighting and camera (1,944).
        cameras: `first` leaves the second camera's images out: with `object`, content is then elevation,
            azimuth and lighting (972), as in later papers.
    """

    class_label: Literal["full", "object"] = "full"
    cameras: Literal["both", "first"] = "both"


class Smallnorb(PublishedDataset):
    """Toys from all sides, by two cameras; the training part, then the testing part. Grey, from 96 x 96."""

    summary: ClassVar[str] = (
        "smallNORB; class = toy, height, light and camera (5,400), content = azimuth (18)"
    )
    name: ClassVar[str] = "smallnorb"
    official: ClassVar[tuple[OfficialFile, ...]] = tuple(
        OfficialFile(f"{stem}-{kind}.mat.gz", md5, f"{SITE}{stem}-{kind}.mat.gz")
        for stem, sums in zip(STEMS, GZIPPED, strict=True)
        for kind, md5 in zip(KINDS, sums, strict=True)
    )
    site: ClassVar[str] = SITE
    n_images: ClassVar[int] = len(STEMS) * PHOTOS * CAMERAS
    Config = SmallnorbConfig
    config: SmallnorbConfig

    def draft(self, source: Source) -> Draft:
        """Read the six files, gzipped or unpacked: int32 labels, and uint8 images of each pair of cameras."""
        paths = [_paths(source, part) for part in range(len(STEMS))]
        labels = [_labels(part, cat, info) for part, (_, cat, info) in enumerate(paths)]
        columns = {
            name: Column(np.concatenate([of_part[name] for of_part in labels]), NAMES[name]) for name in NAMES
        }
        counts = [len(of_part["camera"]) // CAMERAS for of_part in labels]
        size = self.config.resolution
        blocks = _blocks([dat for dat, _, _ in paths], counts, size)
        return Draft(columns, (1, size, size), blocks, sum(counts))

    def selected(self, columns: dict[str, Column]) -> Int64Array | None:
        """Select the images of the first camera, or all."""
        if self.config.cameras == "both":
            return None
        return np.flatnonzero(columns["camera"].values == 0).astype(np.int64)

    def labels(self, columns: dict[str, Column]) -> Labels:
        """Class and content as the settings say; the official split holds out half of the toys."""
        varying = [name for name in ATTRIBUTES if name != "camera" or self.config.cameras == "both"]
        classes, contents = (
            combine([columns[name] for name in names[self.config.class_label] if name in varying])
            for names in (CLASSES, CONTENTS)
        )
        attributes = {name: columns[name] for name in varying}
        attributes["azimuth"] = replace(columns["azimuth"], cyclic=True)
        return Labels(classes, contents, columns["part"].values, attributes)


def _paths(source: Source, part: int) -> list[Path]:
    """Return the dat, cat and info files of a part."""
    paths = []
    for kind, gzipped, unpacked in zip(KINDS, GZIPPED[part], UNPACKED[part], strict=True):
        name = f"{STEMS[part]}-{kind}.mat"
        plain = source.file(OfficialFile(name, unpacked))
        paths.append(plain or source.require(OfficialFile(f"{name}.gz", gzipped)))
    return paths


def _labels(part: int, cat: Path, info: Path) -> dict[str, Int64Array]:
    """Return the labels of a part's images by name, int64 (2 n,) each: one image for each camera."""
    category = matrix(cat, (), PHOTOS)
    table = matrix(info, (len(INFO),), PHOTOS)
    if len(category) != len(table):
        raise damaged(info, ValueError(f"{len(table)} entries, where {cat.name} has {len(category)}"))
    columns = dict(zip(INFO, table.T, strict=True))
    columns |= {"category": category, "part": np.full_like(category, part)}
    if (columns["azimuth"] % AZIMUTH_STEP).any():
        raise damaged(info, ValueError("azimuths must be even"))
    columns["azimuth"] = columns["azimuth"] // AZIMUTH_STEP
    for name, values in columns.items():
        if values.min() < 0 or values.max() >= len(NAMES[name]):
            path = cat if name == "category" else info
            raise damaged(path, ValueError(f"{name} of {values.min()} to {values.max()}"))
    repeated = {name: np.repeat(values.astype(np.int64), CAMERAS) for name, values in columns.items()}
    return repeated | {"camera": np.tile(np.arange(CAMERAS, dtype=np.int64), len(category))}


def _blocks(paths: list[Path], counts: list[int], size: int) -> Iterator[tuple[Int64Array, UInt8Array]]:
    row = 0
    for path, n in zip(paths, counts, strict=True):
        for pair in images(path, (CAMERAS, SIDE, SIDE), n):
            yield row + np.arange(CAMERAS), resized(pair[:, None], size)
            row += CAMERAS


@contextmanager
def _opened(
    path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], limit: int
) -> Iterator[tuple[IO[bytes], int]]:
    """Open a file of NORB's matrix format, of shape (n, *shape): the stream after its header, and n.

    UserError names a file that is damaged or has other values than expected.
    """
    try:
        opener = cast(Callable[[Path, str], IO[bytes]], gzip.open if path.suffix == ".gz" else open)
        with opener(path, "rb") as file:
            magic, n_sizes = _integers(file, 2)
            if magic not in DTYPES or not 1 <= n_sizes <= 4:
                raise ValueError(f"magic number {magic:#x} and {n_sizes} dimensions are not smallNORB's")
            n, *sizes = _integers(file, max(LEAST_DIMENSIONS, n_sizes))[:n_sizes]
            if DTYPES[magic] != dtype or tuple(sizes) != shape or not 1 <= n <= limit:
                expected = ("up to", limit, *shape)
                found = f"{DTYPES[magic]} {(n, *sizes)}"
                raise other_version(path, f"it has {found}, the official file {dtype} {expected}")
            yield file, n
            # Reading on also makes gzip verify its checksum.
            if file.read(1):
                raise ValueError("it continues after its last value")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise damaged(path, error) from error


def matrix(path: Path, shape: tuple[int, ...], limit: int) -> npt.NDArray[np.int32]:
    """Read a file of int32 values of shape (n, *shape), with n up to `limit`."""
    with _opened(path, INTEGERS, shape, limit) as (file, n):
        values = _exactly(file, INTEGERS.itemsize * n * math.prod(shape))
    return np.frombuffer(values, INTEGERS).reshape(n, *shape)


def images(path: Path, shape: tuple[int, ...], n: int) -> Iterator[UInt8Array]:
    """Read a file of uint8 values one entry at a time: `n` arrays of `shape`."""
    with _opened(path, BYTES, shape, n) as (file, entries):
        if entries != n:
            raise ValueError(f"{entries} entries, where there are {n} labels")
        for _ in range(n):
            yield np.frombuffer(_exactly(file, math.prod(shape)), np.uint8).reshape(shape)


def _integers(file: IO[bytes], n: int) -> list[int]:
    values: list[int] = np.frombuffer(_exactly(file, INTEGERS.itemsize * n), INTEGERS).tolist()
    return values


def _exactly(file: IO[bytes], n: int) -> bytes:
    content = file.read(n)
    if len(content) != n:
        raise EOFError("it ends too early")
    return content
