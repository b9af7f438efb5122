"""Where the images in a picture are: kept inside the PNG itself, so that other pages can be made of them.

Pictures repeat pixels and never smooth them, so what is read back is what was drawn, to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lordbench.files import replacing
from lordbench.reading import opened_picture

CHUNK = "lordbench-layout"
"""Keyword of the PNG's text."""

Role = Literal["across", "down", "outputs", "truth"]
Tiles = npt.NDArray[np.uint8]
Small = Annotated[int, Field(ge=0, le=1 << 16)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Area(_Model):
    """Images in lines and columns.

    Attributes:
        x: first pixel of the first image.
        y: likewise.
        lines: images down.
        columns: images across.
    """

    x: Small
    y: Small
    lines: Annotated[int, Field(ge=1, le=1 << 10)]
    columns: Annotated[int, Field(ge=1, le=1 << 10)]

    def moved(self, x: int, y: int) -> Area:
        """The same area in a picture that this one was pasted into."""
        return self.model_copy(update={"x": self.x + x, "y": self.y + y})


class Part(_Model):
    """Outputs, what they were made of, and what they should be.

    Attributes:
        title: what is done, without the name of the method.
        areas: by role. `across` and `down` are given images, one for each column and line of `outputs`;
            `truth` is as large as `outputs`, or has one line for all of them.
        columns: names of the columns of `outputs`, or none.
    """

    title: str
    areas: dict[Role, Area]
    columns: tuple[str, ...] = ()

    def moved(self, x: int, y: int) -> Part:
        """The same part in a picture that this one was pasted into."""
        return self.model_copy(
            update={"areas": {role: area.moved(x, y) for role, area in self.areas.items()}}
        )


class Layout(_Model):
    """All that a picture shows.

    Attributes:
        size: side of an image, before it was enlarged.
        scale: whole factor by which it was enlarged.
        step: pixels from one image to the next.
        parts: in the order in which they stand below one another.
    """

    size: Annotated[int, Field(ge=1, le=1 << 12)]
    scale: Annotated[int, Field(ge=1, le=1 << 8)]
    step: Annotated[int, Field(ge=1, le=1 << 14)]
    parts: tuple[Part, ...]

    @model_validator(mode="after")
    def _apart(self) -> Layout:
        if self.step < self.size * self.scale:
            raise ValueError("images lie on one another")
        return self

    @property
    def pixels(self) -> int:
        """Pixels of the picture that all images take together."""
        images = sum(area.lines * area.columns for part in self.parts for area in part.areas.values())
        return images * (self.size * self.scale) ** 2


def save_picture(picture: Image.Image, path: Path, layout: Layout | None = None) -> None:
    """Write a picture as a PNG with its layout inside, atomically."""
    text = PngImagePlugin.PngInfo()
    if layout is not None:
        text.add_text(CHUNK, layout.model_dump_json())
    with replacing(path) as temporary:
        picture.save(temporary, "PNG", pnginfo=text)


def read_parts(path: Path) -> list[tuple[Part, Mapping[Role, Tiles]]]:
    """Read the images of a picture back, at the size that they had.

    Returns:
        Each part with its images by role, uint8 (lines, columns, S, S, 3); nothing where the picture has no
        layout.

    Raises:
        ValueError: it is no picture that can be read, or its layout is not of that picture.
    """
    try:
        with opened_picture(path, ("PNG",)) as opened:
            opened.load()
            text = opened.info.get(CHUNK)
            pixels = np.asarray(opened.convert("RGB"))
    except Exception as error:
        # Decoders raise nearly anything on a damaged file.
        raise ValueError(f"{path}: not a readable picture: {error}") from error
    if text is None:
        return []
    try:
        layout = Layout.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(f"{path}: its layout is not readable: {error}") from error
    if layout.pixels > pixels.shape[0] * pixels.shape[1]:
        raise ValueError(f"{path}: its layout has more images than there is room for in the picture")
    return [
        (part, {role: _tiles(pixels, area, layout, path) for role, area in part.areas.items()})
        for part in layout.parts
    ]


def _tiles(pixels: Tiles, area: Area, layout: Layout, path: Path) -> Tiles:
    side = layout.size * layout.scale
    height = area.y + (area.lines - 1) * layout.step + side
    width = area.x + (area.columns - 1) * layout.step + side
    if height > pixels.shape[0] or width > pixels.shape[1]:
        raise ValueError(f"{path}: its layout reaches beyond the picture")
    found = np.empty((area.lines, area.columns, layout.size, layout.size, 3), dtype=np.uint8)
    for i in range(area.lines):
        for j in range(area.columns):
            y, x = area.y + i * layout.step, area.x + j * layout.step
            found[i, j] = pixels[y : y + side : layout.scale, x : x + side : layout.scale]
    return found
