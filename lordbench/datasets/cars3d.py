"""cars3d: rendered cars from all sides (Reed et al., Deep Visual Analogy-Making, 2015)."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
from scipy.io import loadmat, whosmat

from lordbench.data import Column, Int64Array, UInt8Array
from lordbench.datasets.published.archives import Members, damaged
from lordbench.datasets.published.dataset import Labels, PublishedDataset, combine, resized
from lordbench.datasets.published.source import OfficialFile, Source
from lordbench.datasets.published.store import Draft

SITE = "http://www.scottreed.info/files/nips2015-analogy-data.tar.gz"
ARCHIVE = OfficialFile("nips2015-analogy-data.tar.gz", "4e866a7919c1beedf53964e6f7a23686", SITE)
FOLDERS = ("data/cars", "cars", "")
PATTERN = r"(car_\w+)_mesh\.mat"
SIDE, AZIMUTHS, ELEVATIONS = 128, 24, 4
SHAPE = (SIDE, SIDE, 3, AZIMUTHS, ELEVATIONS)
VIEWS = AZIMUTHS * ELEVATIONS
LIMIT = 4 * SIDE * SIDE * 3 * VIEWS  # bytes of the largest file that is read: several times an official one


class Cars3d(PublishedDataset):
    """Class = car (183), content = view (96: elevation and azimuth). RGB, from 128 x 128 pixels.

    Cars are in the natural order of their file names.
    """

    summary: ClassVar[str] = "Cars3D; class = car (183), content = view (96: 4 elevations x 24 azimuths)"
    name: ClassVar[str] = "cars3d"
    official: ClassVar[tuple[OfficialFile, ...]] = (ARCHIVE,)
    site: ClassVar[str] = SITE
    n_images: ClassVar[int] = 183 * VIEWS

    def draft(self, source: Source) -> Draft:
        """Read `data/cars/car_*_mesh.mat`, MATLAB v5: `im`, uint8, 128 x 128 x 3 x azimuth x elevation."""
        members = source.members(ARCHIVE)
        cars = members.matching(FOLDERS, PATTERN)
        if not cars:
            raise source.not_found("data/cars/car_*_mesh.mat")
        shape = len(cars), ELEVATIONS, AZIMUTHS
        car, elevation, azimuth = (grid.ravel() for grid in np.indices(shape, dtype=np.int64))
        columns = {
            "car": Column(car, tuple(cars)),
            "elevation": Column(elevation, tuple(f"elevation {i}" for i in range(ELEVATIONS))),
            "azimuth": Column(azimuth, tuple(f"azimuth {i}" for i in range(AZIMUTHS))),
        }
        size = self.config.resolution
        return Draft(columns, (3, size, size), _blocks(members, list(cars.values()), size), len(cars))

    def labels(self, columns: dict[str, Column]) -> Labels:
        return Labels(combine([columns["car"]]), combine([columns["elevation"], columns["azimuth"]]))


def _blocks(members: Members, names: list[str], size: int) -> Iterator[tuple[Int64Array, UInt8Array]]:
    for name, content in members.read(names, LIMIT):
        images = _mesh(content, members.path / name)
        yield names.index(name) * VIEWS + np.arange(VIEWS), resized(images, size)


def _mesh(content: bytes, path: Path) -> UInt8Array:
    """Read one car: uint8, (96, 3, 128, 128), in the order elevation, azimuth."""
    try:
        # Before loading: a forged shape could require any amount of memory.
        arrays = {name: (shape, kind) for name, shape, kind in whosmat(io.BytesIO(content))}
        if arrays.get("im") != (SHAPE, "uint8"):
            raise ValueError(f"`im` should be uint8 {SHAPE}, found {arrays.get('im', 'none')}")
        mesh = loadmat(io.BytesIO(content), variable_names=["im"])["im"]
    except Exception as error:
        # scipy raises nearly any exception on a damaged file.
        raise damaged(path, error) from error
    images: UInt8Array = mesh.transpose(4, 3, 2, 0, 1).reshape(VIEWS, 3, SIDE, SIDE)
    return images
