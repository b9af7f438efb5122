"""toycars: rendered toy cars, without a download; every true image exists."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from pydantic import Field

from lordbench.data import Column, DatasetConfig, ImageSet, UInt8Array, fingerprint
from lordbench.datasets.rendered.cars import build, design
from lordbench.datasets.rendered.dataset import RenderedDataset
from lordbench.datasets.rendered.raycast import View
from lordbench.utils.progress import Track

ELEVATIONS = (10.0, 50.0)  # range in degrees, without its end


class ToyCarsConfig(DatasetConfig):
    """Settings of toycars.

    Attributes:
        n_cars: number of cars; car k does not depend on it.
        azimuths: views around the car, evenly spaced over the full turn.
        elevations: of the camera, evenly spaced from 10 degrees to below 50.
    """

    n_cars: int = Field(default=40, ge=2, le=200)
    azimuths: int = Field(default=12, ge=1, le=72)
    elevations: int = Field(default=4, ge=1, le=20)

    def car_names(self) -> tuple[str, ...]:
        return tuple(f"car{i:03d}" for i in range(self.n_cars))

    def views(self) -> list[View]:
        low, high = ELEVATIONS
        return [
            View(360 * a / self.azimuths, low + (high - low) * e / self.elevations)
            for e in range(self.elevations)
            for a in range(self.azimuths)
        ]


class ToyCars(RenderedDataset):
    """Class = car, content = view (azimuth and elevation): each car from each side, once, in RGB.

    Images are in the order car, view. At azimuth 0 every car faces the camera. The attributes are azimuth and
    elevation.
    """

    summary: ClassVar[str] = "rendered toy cars; class = car (40), content = view (48); no download"
    version: ClassVar[str] = "toycars-1"
    Config = ToyCarsConfig
    config: ToyCarsConfig

    def render(self, size: int, track: Track[int]) -> Iterator[UInt8Array]:
        """Render one car after another, (views, 3, size, size) each."""
        views = self.config.views()
        for index in track(range(self.config.n_cars), "rendering toycars", self.config.n_cars):
            scene = build(design(index))
            yield np.stack([scene.draw(view, size) for view in views])

    def labelled(self, images: UInt8Array) -> ImageSet:
        cars, views = self.config.car_names(), self.config.views()
        classes = np.repeat(np.arange(len(cars), dtype=np.int64), len(views))
        contents = np.tile(np.arange(len(views), dtype=np.int64), len(cars))
        digest = fingerprint(images, classes, contents, self.version)
        names = tuple(view.name for view in views)
        elevation, azimuth = np.divmod(contents, self.config.azimuths)
        # The views begin with all azimuths of the first elevation.
        azimuths = tuple(f"azimuth {view.azimuth:g}" for view in views[: self.config.azimuths])
        elevations = tuple(f"elevation {view.elevation:g}" for view in views[:: self.config.azimuths])
        return ImageSet(
            "toycars", images, classes, contents, cars, names, digest,
            attributes={
                "azimuth": Column(azimuth, azimuths, cyclic=True),
                "elevation": Column(elevation, elevations),
            },
        )  # fmt: skip
