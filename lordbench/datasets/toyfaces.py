"""toyfaces: the built-in set of drawn faces, with the structure of rafd; it needs no download."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from lordbench.dataset import Dataset, DatasetConfig, Track, untracked
from lordbench.datasets.rafd import ANGLES
from lordbench.images import Column, ImageSet, UInt8Array, fingerprint
from lordbench.rendering.cache import rendered_once, require_size
from lordbench.rendering.faces.expressions import EXPRESSIONS
from lordbench.rendering.faces.people import person
from lordbench.rendering.faces.portrait import portraits

VERSION = "toyfaces-1"
"""Goes up whenever a pixel changes; names the cache and is part of the fingerprint."""
IN_FRONT = 90
"""The camera in front, whose name is its angle; 000 sees the right side of a face, 180 the left one."""


class ToyFacesConfig(DatasetConfig):
    """Settings of toyfaces.

    Attributes:
        n_identities: how many people; person k is the same whatever the number.
        angles: cameras, as in rafd: `all` five, `three` (045, 090 and 135), or `frontal` (090).
    """

    n_identities: int = Field(default=40, ge=2, le=500)
    angles: Literal["all", "three", "frontal"] = "all"


class ToyFaces(Dataset):
    """Class = expression (8), content = person and camera angle: each once, in RGB, with rafd's names.

    The attribute `identity` is the person. Everyone makes the expressions with a strength of their own, and
    contempt on one side of their own. The images are rendered on first use and kept under
    `$LORDBENCH_HOME/datasets`; a damaged file there is noticed and rendered again.
    """

    summary: ClassVar[str] = (
        "drawn faces; class = expression (8), content = person (40) and angle (5); no download"
    )
    Config = ToyFacesConfig
    config: ToyFacesConfig

    def load(self, size: int, track: Track[int] = untracked) -> ImageSet:
        """Load the images, (n_identities * 8 * angles, 3, size, size) in the order person, expression, angle.

        Raises:
            UserError: `size` is no multiple of 8 from 16 to 256, or the cache cannot be written.
        """
        require_size("toyfaces", size)
        angles = ANGLES[self.config.angles]
        people = self.config.n_identities
        return rendered_once(
            f"{VERSION}-{people}x{self.config.angles}-{size}px",
            (people * len(EXPRESSIONS) * len(angles), 3, size, size),
            lambda: np.stack(list(self._render(size, track))),
            self._labelled,
        )

    def _labelled(self, images: UInt8Array) -> ImageSet:
        angles = ANGLES[self.config.angles]
        people = self.config.n_identities
        who, expression, angle = (
            grid.ravel() for grid in np.indices((people, len(EXPRESSIONS), len(angles)), dtype=np.int64)
        )
        names = tuple(f"person{i:03d}" for i in range(people))
        contents = who * len(angles) + angle
        return ImageSet(
            "toyfaces",
            images,
            expression,
            contents,
            tuple(EXPRESSIONS),
            tuple(f"{name} {angle}" for name in names for angle in angles),
            fingerprint(images, expression, contents, VERSION),
            attributes={"identity": Column(who, names)},
        )

    def _render(self, size: int, track: Track[int]) -> Iterator[UInt8Array]:
        azimuths = [float(angle) - IN_FRONT for angle in ANGLES[self.config.angles]]
        people = self.config.n_identities
        for index in track(range(people), "drawing toyfaces", people):
            for sitter in portraits(person(index), size):
                yield from (sitter.draw(azimuth) for azimuth in azimuths)
