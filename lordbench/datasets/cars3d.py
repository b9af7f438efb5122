"""cars3d: rendered cars from all sides (Reed et al., Deep Visual Analogy-Making, 2015)."""

import io
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.io import loadmat, whosmat

from lordbench.data import Column, Int64Array, UInt8Array
from lordbench.datasets.published.archives import damaged, other_version
from lordbench.datasets.published.dataset import Labels, PublishedConfig, PublishedDataset, combine, resized
from lordbench.datasets.published.source import OfficialFile, Source
from lordbench.datasets.published.store import Draft
from lordbench.utils.errors import UserError

SITE = "http://www.scottreed.info/files/nips2015-analogy-data.tar.gz"
ARCHIVE = OfficialFile("nips2015-analogy-data.tar.gz", "4e866a7919c1beedf53964e6f7a23686", SITE)
FOLDERS = ("data/cars", "cars", "")
PATTERN = r"(car_\w+)_mesh\.mat"
SIDE, AZIMUTHS, ELEVATIONS = 128, 24, 4
SHAPE = (SIDE, SIDE, 3, AZIMUTHS, ELEVATIONS)
LISTS = {"elevation": ("PITCH_LIST", ELEVATIONS), "azimuth": ("YAW_LIST", AZIMUTHS)}  # degrees of the views
VIEWS = AZIMUTHS * ELEVATIONS
CARS = 183
LIMIT = 4 * SIDE * SIDE * 3 * VIEWS  # bytes of the largest file that is read: several times an official one

Angles = dict[str, tuple[str, ...]]
"""Names of the elevations and azimuths, by column."""


class Cars3dConfig(PublishedConfig):
    """Settings of cars3d.

    Attributes:
        n_cars: the first so many cars, for trials at a small budget.
    """

    n_cars: int = Field(default=CARS, ge=2, le=CARS)


class Cars3d(PublishedDataset):
    """Class = car (183), content = view (96: elevation and azimuth). RGB, from 128 x 128 pixels.

    Cars are in the natural order of their file names.
    """

    summary: ClassVar[str] = "Cars3D; class = car (183), content = view (96: 4 elevations x 24 azimuths)"
    name: ClassVar[str] = "cars3d"
    version: ClassVar[int] = 2
    official: ClassVar[tuple[OfficialFile, ...]] = (ARCHIVE,)
    site: ClassVar[str] = SITE
    n_images: ClassVar[int] = CARS * VIEWS
    Config = Cars3dConfig
    config: Cars3dConfig

    def draft(self, source: Source) -> Draft:
        """Read `data/cars/car_*_mesh.mat`, MATLAB v5.

        `im` is uint8, 128 x 128 x 3 x azimuth x elevation; PITCH_LIST and YAW_LIST are the degrees of
        elevation and azimuth. Where all cars lack these, the views are numbered.
        """
        members = source.members(ARCHIVE)
        cars = members.matching(FOLDERS, PATTERN)
        if not cars:
            raise source.not_found("data/cars/car_*_mesh.mat")
        shape = len(cars), ELEVATIONS, AZIMUTHS
        car, elevation, azimuth = (grid.ravel() for grid in np.indices(shape, dtype=np.int64))
        columns = {
            "car": Column(car, tuple(cars)),
            "elevation": Column(elevation),
            "azimuth": Column(azimuth),
        }
        names, size = list(cars.values()), self.config.resolution

        def blocks() -> Iterator[tuple[Int64Array, UInt8Array]]:
            angles = None
            for name, content in members.read(names, LIMIT):
                images, of_car = _mesh(content, members.path / name)
                if of_car != (angles := angles or of_car):
                    raise other_version(
                        members.path / name, "its views are at other angles than another car's"
                    )
                yield names.index(name) * VIEWS + np.arange(VIEWS), resized(images, size)
            # Known when the cars have been read.
            for column, of_column in (angles or {}).items():
                columns[column] = Column(columns[column].values, of_column)

        return Draft(columns, (3, size, size), blocks(), len(cars))

    def selected(self, columns: dict[str, Column]) -> Int64Array | None:
        """Select the images of the first `n_cars` cars."""
        if self.config.n_cars == CARS:
            return None
        return np.flatnonzero(columns["car"].values < self.config.n_cars).astype(np.int64)

    def labels(self, columns: dict[str, Column]) -> Labels:
        views = combine([columns["elevation"], columns["azimuth"]], ", ")
        attributes = {
            "azimuth": replace(columns["azimuth"], cyclic=True),
            "elevation": columns["elevation"],
        }
        return Labels(combine([columns["car"]]), views, attributes=attributes)


def _mesh(content: bytes, path: Path) -> tuple[UInt8Array, Angles]:
    """Read one car: uint8, (96, 3, 128, 128), in the order elevation, azimuth; and the names of these."""
    try:
        # Before loading: a forged shape could require any amount of memory.
        arrays = {name: (shape, kind) for name, shape, kind in whosmat(io.BytesIO(content))}
        if "im" not in arrays:
            raise ValueError("it has no `im`")
        if arrays["im"] != (SHAPE, "uint8"):
            problem = "{1} {0}".format(*arrays["im"])
            raise other_version(path, f"its `im` is {problem}, in the official files uint8 {SHAPE}")
        lists = [name for name, n in LISTS.values() if math.prod(arrays.get(name, ((), ""))[0]) == n]
        mesh = loadmat(io.BytesIO(content), variable_names=["im", *lists])
    except UserError:
        raise
    except Exception as error:
        # scipy raises nearly any exception on a damaged file.
        raise damaged(path, error) from error
    images: UInt8Array = mesh["im"].transpose(4, 3, 2, 0, 1).reshape(VIEWS, 3, SIDE, SIDE)
    angles = {column: _names(column, mesh.get(name), n) for column, (name, n) in LISTS.items()}
    return images, angles


def _names(column: str, degrees: npt.NDArray[Any] | None, n: int) -> tuple[str, ...]:
    if degrees is None:
        return tuple(f"{column} no. {i}" for i in range(n))
    return tuple(f"{column} {angle:g}" for angle in degrees.ravel().tolist())
