"""toyfaces: drawn faces with the structure of rafd, without a download."""

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from lordbench.data import Column, DatasetConfig, ImageSet, UInt8Array, fingerprint
from lordbench.datasets.rafd import ANGLES
from lordbench.datasets.rendered.dataset import RenderedDataset
from lordbench.datasets.rendered.faces.people import EXPRESSIONS, person
from lordbench.datasets.rendered.faces.portrait import portraits
from lordbench.utils.progress import Track

IN_FRONT = 90  # angle of the frontal camera; 0 sees the right side of a face, 180 the left one


class ToyFacesConfig(DatasetConfig):
    """Settings of toyfaces.

    Attributes:
        n_identities: number of people; person k does not depend on it.
        angles: cameras, as in rafd: `all` five, `three` (045, 090 and 135), or `frontal` (090).
    """

    n_identities: int = Field(default=40, ge=2, le=500)
    angles: Literal["all", "three", "frontal"] = "all"


class ToyFaces(RenderedDataset):
    """Class = expression (8), content = person and camera angle: each once, in RGB, with rafd's names.

    The attribute `identity` is the person. The strength of the expressions, and the side of contempt, differ
    between people. Images are in the order person, expression, angle.
    """

    summary: ClassVar[str] = "drawn faces; class = expression (8), content = person (40), angle; no download"
    version: ClassVar[str] = "toyfaces-1"
    Config = ToyFacesConfig
    config: ToyFacesConfig

    def render(self, size: int, track: Track[int]) -> Iterator[UInt8Array]:
        """Draw one person after another, (expressions * angles, 3, size, size) each."""
        azimuths = [float(angle) - IN_FRONT for angle in ANGLES[self.config.angles]]
        people = self.config.n_identities
        for index in track(range(people), "drawing toyfaces", people):
            sitters = portraits(person(index), size)
            yield np.stack([sitter.draw(azimuth) for sitter in sitters for azimuth in azimuths])

    def labelled(self, images: UInt8Array) -> ImageSet:
        angles = ANGLES[self.config.angles]
        shape = self.config.n_identities, len(EXPRESSIONS), len(angles)
        who, expression, angle = (grid.ravel() for grid in np.indices(shape, dtype=np.int64))
        names = tuple(f"person{i:03d}" for i in range(self.config.n_identities))
        contents = who * len(angles) + angle
        content_names = tuple(f"{name} {angle}" for name in names for angle in angles)
        digest = fingerprint(images, expression, contents, self.version)
        return ImageSet(
            "toyfaces", images, expression, contents, tuple(EXPRESSIONS), content_names, digest,
            attributes={"identity": Column(who, names)},
        )  # fmt: skip
