"""toycars: the built-in data set of rendered toy cars; it needs no download, and every true image exists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from pydantic import Field

from lordbench.dataset import Dataset, DatasetConfig, Track, untracked
from lordbench.images import ImageSet, UInt8Array, fingerprint
from lordbench.rendering.cache import rendered_once, require_size
from lordbench.rendering.cars import build
from lordbench.rendering.designs import design
from lordbench.rendering.raycast import View

VERSION = "toycars-1"
"""Goes up whenever a pixel changes; names the cache and is part of the fingerprint."""
ELEVATIONS = (10.0, 50.0)
"""The lowest elevation in degrees, and the one that is not reached any more."""


class ToyCarsConfig(DatasetConfig):
    """Settings of toycars.

    Attributes:
        n_cars: how many cars; car k is the same whatever the number.
        azimuths: views around the car, evenly spread over the full turn.
        elevations: heights of the camera, evenly spread from 10 degrees to below 50.
    """

    n_cars: int = Field(default=40, ge=2, le=200)
    azimuths: int = Field(default=12, ge=1, le=72)
    elevations: int = Field(default=4, ge=1, le=20)


class ToyCars(Dataset):
    """Class = car, content = view (azimuth and elevation): each car from each side, once, in RGB.

    At azimuth 0 every car faces the camera. The images are rendered on first use and kept under
    `$LORDBENCH_HOME/datasets`; a damaged file there is noticed and rendered again.
    """

    summary: ClassVar[str] = "rendered toy cars; class = car (40), content = view (48); no download"
    Config = ToyCarsConfig
    config: ToyCarsConfig

    def load(self, size: int, track: Track[int] = untracked) -> ImageSet:
        """Load the images, (n_cars * azimuths * elevations, 3, size, size) in the order car, view.

        Raises:
            UserError: `size` is no multiple of 8 from 16 to 256, or the cache cannot be written.
        """
        require_size("toycars", size)
        views = self._views()
        return rendered_once(
            f"{VERSION}-{self.config.n_cars}x{self.config.azimuths}x{self.config.elevations}-{size}px",
            (self.config.n_cars * len(views), 3, size, size),
            lambda: np.concatenate(list(self._render(views, size, track))),
            lambda images: self._labelled(images, views),
        )

    def _labelled(self, images: UInt8Array, views: list[View]) -> ImageSet:
        cars = self.config.n_cars
        classes = np.repeat(np.arange(cars, dtype=np.int64), len(views))
        contents = np.tile(np.arange(len(views), dtype=np.int64), cars)
        return ImageSet(
            "toycars",
            images,
            classes,
            contents,
            tuple(f"car{i:03d}" for i in range(cars)),
            tuple(view.name for view in views),
            fingerprint(images, classes, contents, VERSION),
        )

    def _views(self) -> list[View]:
        low, high = ELEVATIONS
        return [
            View(360 * a / self.config.azimuths, low + (high - low) * e / self.config.elevations)
            for e in range(self.config.elevations)
            for a in range(self.config.azimuths)
        ]

    def _render(self, views: list[View], size: int, track: Track[int]) -> Iterator[UInt8Array]:
        for index in track(range(self.config.n_cars), "rendering toycars", self.config.n_cars):
            scene = build(design(index))
            yield np.stack([scene.draw(view, size) for view in views])
