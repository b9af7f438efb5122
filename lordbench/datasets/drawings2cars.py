"""drawings2cars: drawings and renders of the toy cars; like edges2shoes, with styles, without a download."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from lordbench.data import TEST, TRAIN, UNUSED, Column, ImageSet, Int64Array, UInt8Array, fingerprint
from lordbench.datasets.rendered.cars import build, design
from lordbench.datasets.rendered.dataset import RenderedDataset
from lordbench.datasets.rendered.raycast import Scene, View, downsampled
from lordbench.datasets.rendered.solids import Vector
from lordbench.datasets.toycars import ToyCarsConfig
from lordbench.utils import seeds
from lordbench.utils.progress import Track

SEED = 20_170_721  # of the official split
DOMAINS = ("drawing", "render")
HELD_OUT = 0.1  # share of each car's views that is held out, in both domains
SAMPLES = 6  # along each side of a pixel; more than in a render, since lines are thin
FOLD = 0.8  # cosine of an angle (37 degrees): faces that meet at less are one surface, as around a wheel
STEP = 0.25  # difference in depth, in metres, that makes an outline between two parts
PAPER: Vector = (0.99, 0.99, 0.97)
WASH = 0.4  # share of the ink's colour in that of the surface between the lines
NIBS = (2, 3)  # half-widths of lines in samples: lines are two thirds of a pixel wide, or one
INKS: tuple[Vector, ...] = (
    (0.75, 0.10, 0.12), (0.10, 0.22, 0.70), (0.05, 0.45, 0.15), (0.85, 0.42, 0.05), (0.42, 0.12, 0.60),
    (0.12, 0.12, 0.14), (0.00, 0.50, 0.52), (0.40, 0.22, 0.10), (0.88, 0.25, 0.58), (0.52, 0.50, 0.05),
    (0.20, 0.55, 0.88), (0.52, 0.52, 0.54), (0.45, 0.04, 0.15), (0.04, 0.07, 0.35), (0.02, 0.25, 0.10),
    (0.80, 0.62, 0.08), (0.62, 0.45, 0.86), (0.25, 0.75, 0.55), (0.95, 0.50, 0.42), (0.30, 0.42, 0.56),
    (0.25, 0.12, 0.04), (0.50, 0.78, 0.12), (0.70, 0.04, 0.48), (0.72, 0.62, 0.45),
)  # fmt: skip

Mask = npt.NDArray[np.bool_]


class Pencil(NamedTuple):
    """What a car is drawn with: the colour of the ink, and half the width of a line in samples."""

    ink: Vector
    nib: int


def pencil(index: int) -> Pencil:
    """The pencil of car number `index`. It says nothing of the car's paint; the first 24 have other inks."""
    return Pencil(INKS[5 * index % len(INKS)], NIBS[(index + index // len(INKS)) % len(NIBS)])


class Drawings2CarsConfig(ToyCarsConfig):
    """Settings of drawings2cars: cars and views as in toycars, three views of each car or more."""

    n_cars: int = Field(default=24, ge=2, le=200)

    @model_validator(mode="after")
    def _a_view_for_each_part(self) -> Drawings2CarsConfig:
        if self.azimuths * self.elevations < 3:
            raise ValueError("azimuths x elevations must be 3 or more: one to hold out, one for each domain")
        return self


class Drawings2Cars(RenderedDataset):
    """Class = domain (drawing or render), content = pair (a car in a view).

    RGB images in the order car, view, domain, with the attributes domain, pair, style and view. `style` is
    the car: in renders its shape and paint, in drawings its shape and the pencil that it is drawn with. The
    official split is unpaired: a tenth of each car's pairs is held out in both domains, every other pair
    trains in one domain only. The domains have the same number of training images (up to one for each car).
    """

    summary: ClassVar[str] = "drawings and renders of toy cars, unpaired; class = domain; no download"
    version: ClassVar[str] = "drawings2cars-2"
    Config = Drawings2CarsConfig
    config: Drawings2CarsConfig

    def render(self, size: int, track: Track[int]) -> Iterator[UInt8Array]:
        """Draw one car after another, (2 x views, 3, size, size) each."""
        views = self.config.views()
        for index in track(range(self.config.n_cars), "rendering drawings2cars", self.config.n_cars):
            scene, of_car = build(design(index)), pencil(index)
            for view in views:
                yield np.stack([drawing(scene, view, size, of_car), scene.draw(view, size)])

    def labelled(self, images: UInt8Array) -> ImageSet:
        cars, views = self.config.car_names(), self.config.views()
        view_names = tuple(view.name for view in views)
        pair_names = tuple(f"{car} {view}" for car in cars for view in view_names)
        pair, domain = (grid.ravel() for grid in np.indices((len(pair_names), len(DOMAINS)), dtype=np.int64))
        digest = fingerprint(images, domain, pair, self.version)
        parts = _parts(len(cars), len(views)).reshape(-1)
        attributes = {"domain": Column(domain, DOMAINS), "pair": Column(pair, pair_names)}
        attributes["style"] = Column(pair // len(views), cars)
        attributes["view"] = Column(pair % len(views), view_names)
        return ImageSet("drawings2cars", images, domain, pair, DOMAINS, pair_names, digest, parts, attributes)


def _parts(n_cars: int, n_views: int) -> Int64Array:
    """Return the part of every image, int64 (n_cars, n_views, 2)."""
    held_out = max(1, round(HELD_OUT * n_views))
    parts = np.full((n_cars, n_views, len(DOMAINS)), UNUSED, dtype=np.int64)
    for car, of_car in enumerate(parts):
        order = seeds.numpy_generator(SEED, "drawings2cars", "parts", car).permutation(n_views)
        of_car[order[:held_out]] = TEST
        # Views alternate between the domains; the first domain, which gets an odd view, alternates by car.
        for domain in range(len(DOMAINS)):
            of_car[order[held_out + (domain + car) % 2 :: 2], domain] = TRAIN
    return parts


def drawing(scene: Scene, view: View, size: int, pencil: Pencil) -> UInt8Array:
    """Draw the outlines of a scene over a light wash of the same ink: uint8 (3, size, size), RGB.

    Lines are the silhouette, steps in depth, folds, and changes of colour on one surface (windows, lamps),
    computed from the surface at each sample (Saito and Takahashi, 1990). Shading, shadows and the colours
    themselves are not drawn.
    """
    seen, nearness = scene.trace(view, size * SAMPLES)
    # The ground is a face unlike any other.
    normals = np.vstack([scene.normals, np.zeros(3)])
    colours = np.vstack([scene.colours, np.full(3, -1.0)])
    lines = np.zeros(seen.shape, dtype=bool)
    for axis in (0, 1):
        first, second = _neighbours(seen, axis)
        where = first != second
        before, after = first[where], second[where]
        flat = sum(normals[before, i] * normals[after, i] for i in range(3)) > FOLD
        same = (colours[before] == colours[after]).all(axis=-1)
        near_before, near_after = (side[where] for side in _neighbours(nearness, axis))
        step = np.abs(near_before - near_after) > STEP
        where[where] = ~(flat & same) | step
        for side in _neighbours(lines, axis):
            side |= where
    layer = np.where(_broadened(lines, pencil.nib), 2, seen < len(scene.normals))
    picture = np.empty((3, size, size), np.uint8)
    for channel, (paper, ink) in enumerate(zip(PAPER, pencil.ink, strict=True)):
        palette = np.array([paper, paper + WASH * (ink - paper), ink])
        picture[channel] = np.floor(downsampled(palette[layer], SAMPLES) * 255 + 0.5)
    return picture


def _neighbours(samples: npt.NDArray[Any], axis: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return views of all samples but the last, and all but the first, along an axis."""
    return (samples[:-1], samples[1:]) if axis == 0 else (samples[:, :-1], samples[:, 1:])


def _broadened(lines: Mask, nib: int) -> Mask:
    """Broaden lines with a round brush, to `nib` samples on each side; they have one already."""
    reach = nib - 1
    around, n = np.pad(lines, reach), len(lines)
    broad = np.zeros_like(lines)
    for i, j in product(range(2 * reach + 1), repeat=2):
        if (i - reach) ** 2 + (j - reach) ** 2 <= reach**2:
            broad |= around[i : i + n, j : j + n]
    return broad
