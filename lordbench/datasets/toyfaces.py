"""toyfaces: drawn faces with the structure of rafd, without a download."""

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from lordbench.data import Column, DatasetConfig, ImageSet, UInt8Array, fingerprint
from lordbench.datasets.rendered.dataset import RenderedDataset
from lordbench.datasets.rendered.people import EXPRESSIONS, person
from lordbench.datasets.rendered.portraits import portrait
from lordbench.utils.progress import Track

IN_FRONT = 90  # angle of the frontal camera, as in rafd; smaller ones see more of a face's right side
ANGLES = {"all": ("050", "070", "090", "110", "130"), "three": ("050", "090", "130"), "frontal": ("090",)}


class ToyFacesConfig(DatasetConfig):
    """Settings of toyfaces.

    Attributes:
        n_identities: number of people; person k does not depend on it.
        angles: cameras: `all` five, `three` (050, 090 and 130), or `frontal` (090).
    """

    n_identities: int = Field(default=40, ge=2, le=500)
    angles: Literal["all", "three", "frontal"] = "all"


class ToyFaces(RenderedDataset):
    """Class = expression (8), content = person and camera angle: each once, in RGB, with rafd's expressions.

    The attributes are `identity`, the person, and `angle`. Faces fill the picture, and two expressions of one
    face differ in about a quarter of its pixels. The strength of the expressions, and the side of contempt,
    differ between people. Images are in the order person, expression, angle.
    """

    summary: ClassVar[str] = "drawn faces; class = expression (8), content = person (40), angle; no download"
    version: ClassVar[str] = "toyfaces-2"
    Config = ToyFacesConfig
    config: ToyFacesConfig

    def render(self, size: int, track: Track[int]) -> Iterator[UInt8Array]:
        """Draw one person after another, (expressions * angles, 3, size, size) each."""
        turns = [float(IN_FRONT - int(angle)) for angle in ANGLES[self.config.angles]]
        people = self.config.n_identities
        for index in track(range(people), "drawing toyfaces", people):
            sitter = person(index)
            yield np.stack([portrait(sitter, name, turn, size) for name in EXPRESSIONS for turn in turns])

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
            attributes={"identity": Column(who, names), "angle": Column(angle, angles)},
        )  # fmt: skip
