"""drawings2cars: line drawings and renders of the toy cars, the offline twin of edges2shoes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from pydantic import model_validator

from lordbench import seeds
from lordbench.dataset import Track
from lordbench.datasets.toycars import ToyCarsConfig
from lordbench.images import TEST, TRAIN, UNUSED, Column, ImageSet, Int64Array, UInt8Array, fingerprint
from lordbench.rendering.cars import build
from lordbench.rendering.dataset import RenderedDataset
from lordbench.rendering.designs import design
from lordbench.rendering.drawing import line_drawing

SEED = 20_170_721
"""Of the split, which is part of the data set."""
DOMAINS = ("drawing", "render")
HELD_OUT = 0.1
"""Share of each car's views that is held out, in both domains."""


class Drawings2CarsConfig(ToyCarsConfig):
    """Settings of drawings2cars: the cars and views of toycars, three views of each car or more."""

    @model_validator(mode="after")
    def _a_view_for_each_part(self) -> Drawings2CarsConfig:
        if self.azimuths * self.elevations < 3:
            raise ValueError("azimuths x elevations must be 3 or more: one to hold out, one for each domain")
        return self


class Drawings2Cars(RenderedDataset):
    """Class = domain (drawing or render), content = pair (a car in a view); attributes domain, pair, style.

    The images are in the order car, view, domain, in RGB; `style` is the car. Its official split is unpaired:
    a tenth of each car's pairs is held out in both domains, every other pair trains in one domain only, and
    the two domains have the same number of them (of each car they may differ by one).
    """

    summary: ClassVar[str] = "line drawings and renders of toy cars, unpaired; class = domain; no download"
    version: ClassVar[str] = "drawings2cars-1"
    Config = Drawings2CarsConfig
    config: Drawings2CarsConfig

    def render(self, size: int, track: Track[int]) -> Iterator[UInt8Array]:
        """Draw one car after another, (2 x views, 3, size, size) each."""
        views = self.config.views()
        for index in track(range(self.config.n_cars), "rendering drawings2cars", self.config.n_cars):
            scene = build(design(index))
            for view in views:
                ink = np.broadcast_to(line_drawing(scene, view, size), (3, size, size))
                yield np.stack([ink, scene.draw(view, size)])

    def labelled(self, images: UInt8Array) -> ImageSet:
        """Class = domain, content = pair."""
        cars, views = self.config.car_names(), self.config.views()
        n_pairs = len(cars) * len(views)
        domain = np.tile(np.arange(len(DOMAINS), dtype=np.int64), n_pairs)
        pair = np.repeat(np.arange(n_pairs, dtype=np.int64), len(DOMAINS))
        pair_names = tuple(f"{car} {view.name}" for car in cars for view in views)
        return ImageSet(
            "drawings2cars",
            images,
            domain,
            pair,
            DOMAINS,
            pair_names,
            fingerprint(images, domain, pair, self.version),
            _parts(len(cars), len(views)).reshape(-1),
            {
                "domain": Column(domain, DOMAINS),
                "pair": Column(pair, pair_names),
                "style": Column(pair // len(views), cars),
            },
        )


def _parts(n_cars: int, n_views: int) -> Int64Array:
    """The part of every image, int64 (n_cars, n_views, 2)."""
    held_out = max(1, round(HELD_OUT * n_views))
    parts = np.full((n_cars, n_views, len(DOMAINS)), UNUSED, dtype=np.int64)
    for car, of_car in enumerate(parts):
        order = seeds.numpy_generator(SEED, "drawings2cars", "parts", car).permutation(n_views)
        of_car[order[:held_out]] = TEST
        # The domains take turns; which of them begins, and so gets an odd view, alternates from car to car.
        for domain in range(len(DOMAINS)):
            of_car[order[held_out + (domain + car) % 2 :: 2], domain] = TRAIN
    return parts
