"""Pictures of images in grids. The PNG itself stores where the images are, so that they can be read back.

Pixels are repeated, never smoothed, so the images read back are bit for bit those that were drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lordbench.data.image_files import opened_picture
from lordbench.utils.files import replacing

CHUNK = "lordbench-layout"
"""Keyword of the PNG's text chunk."""
CELL = 96
"""Images are enlarged by the smallest whole factor that makes them this many pixels wide."""
GAP = 2
"""Pixels between images, and of the frame around them."""
MARGIN = 12
"""Pixels around the picture, and between the frames of source images and outputs."""
FONT_SIZE = 15
LINE_HEIGHT = 24
PAPER, FRAME, INK = "white", "#b0b0b0", "#222222"

Images = npt.NDArray[np.uint8] | npt.NDArray[np.floating]
"""(..., C, S, S) with C of 1 or 3; uint8, or float in [0, 1] (values outside are clipped)."""
Tiles = npt.NDArray[np.uint8]
"""(rows, columns, S, S, 3)."""
Role = Literal["across", "down", "outputs", "truth"]
"""`across` and `down` are the source images of the columns and rows of `outputs`; `truth` has the shape of
`outputs`, or one row for all of them."""
Position = Annotated[int, Field(ge=0, le=1 << 16)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Area(_Model):
    """Images in `lines` rows and `columns`; (x, y) is the upper left corner of the first, in pixels."""

    x: Position
    y: Position
    lines: Annotated[int, Field(ge=1, le=1 << 10)]
    columns: Annotated[int, Field(ge=1, le=1 << 10)]


class Part(_Model):
    """A grid of outputs with its source images; `columns` are the names of the outputs' columns, or none."""

    title: str
    areas: dict[Role, Area]
    columns: tuple[str, ...] = ()


class Layout(_Model):
    """Where a picture shows its images, of `size` pixels before enlargement, one every `step` pixels."""

    size: Annotated[int, Field(ge=1, le=1 << 12)]
    scale: Annotated[int, Field(ge=1, le=1 << 8)]
    step: Annotated[int, Field(ge=1, le=1 << 14)]
    parts: tuple[Part, ...]

    @model_validator(mode="after")
    def _disjoint(self) -> Layout:
        if self.step < self.size * self.scale:
            raise ValueError("images overlap")
        return self

    @property
    def pixels(self) -> int:
        """Number of pixels of the picture that images cover."""
        images = sum(area.lines * area.columns for part in self.parts for area in part.areas.values())
        return images * (self.size * self.scale) ** 2


class Drawing(NamedTuple):
    """A drawing, and where the images in it are."""

    image: Image.Image
    areas: Mapping[Role, Area] = {}

    def paste_into(self, picture: Image.Image, x: int, y: int) -> dict[Role, Area]:
        """Paste the drawing into a picture; return where its images are there."""
        picture.paste(self.image, (x, y))
        return {r: a.model_copy(update={"x": a.x + x, "y": a.y + y}) for r, a in self.areas.items()}


def scale(size: int) -> int:
    """Return the factor by which images of `size` pixels are enlarged."""
    return -(-CELL // size)


def image_grid(images: Images, role: Role) -> Drawing:
    """Draw images, (m, n, C, S, S), in m rows of n, framed."""
    step = images.shape[-1] * scale(images.shape[-1]) + GAP
    rows, columns = images.shape[:2]
    picture = Image.new("RGB", (columns * step + GAP, rows * step + GAP), FRAME)
    for i, j in np.ndindex(rows, columns):
        picture.paste(_enlarged(images[i, j]), (j * step + GAP, i * step + GAP))
    return Drawing(picture, {role: Area(x=GAP, y=GAP, lines=rows, columns=columns)})


def stack(drawings: Sequence[tuple[str, Drawing]]) -> tuple[Image.Image, list[dict[Role, Area]]]:
    """Draw drawings below one another, each under its caption if any; return where their images are too."""
    font = ImageFont.load_default(FONT_SIZE)
    width = max(max(int(font.getlength(caption)), drawing.image.width) for caption, drawing in drawings)
    height = sum(LINE_HEIGHT * bool(caption) + drawing.image.height + MARGIN for caption, drawing in drawings)
    picture = Image.new("RGB", (width + 2 * MARGIN, height + MARGIN), PAPER)
    draw, y, areas = ImageDraw.Draw(picture), MARGIN, []
    for caption, drawing in drawings:
        if caption:
            draw.text((MARGIN, y), caption, INK, font)
            y += LINE_HEIGHT
        areas.append(drawing.paste_into(picture, MARGIN, y))
        y += drawing.image.height + MARGIN
    return picture, areas


def save_picture(picture: Image.Image, path: Path, size: int = 0, parts: Sequence[Part] = ()) -> None:
    """Write an RGB picture as a PNG, atomically, with the size and the places of its images, if any."""
    text = PngImagePlugin.PngInfo()
    if parts:
        step = size * scale(size) + GAP
        layout = Layout(size=size, scale=scale(size), step=step, parts=tuple(parts))
        text.add_text(CHUNK, layout.model_dump_json())
    with replacing(path) as temporary:
        picture.save(temporary, "PNG", pnginfo=text)


def read_parts(path: Path) -> list[tuple[Part, Mapping[Role, Tiles]]]:
    """Read the images of a picture back, by part and role; nothing where the picture has no layout.

    Raises:
        ValueError: the file is not a readable picture, or its layout does not fit the picture.
    """
    try:
        with opened_picture(path, ("PNG",)) as opened:
            opened.load()
            text = opened.info.get(CHUNK)
            pixels = np.asarray(opened if opened.mode == "RGB" else opened.convert("RGB"))
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
        raise ValueError(f"{path}: its layout has more images than fit into the picture")
    return [
        (part, {role: _tiles(pixels, area, layout, path) for role, area in part.areas.items()})
        for part in layout.parts
    ]


def _tiles(pixels: npt.NDArray[np.uint8], area: Area, layout: Layout, path: Path) -> Tiles:
    """Read the images of an area: of each enlarged pixel, the upper left one."""
    y, x = (
        start + np.arange(count)[:, None] * layout.step + np.arange(layout.size) * layout.scale
        for start, count in ((area.y, area.lines), (area.x, area.columns))
    )
    if y.max() + layout.scale > pixels.shape[0] or x.max() + layout.scale > pixels.shape[1]:
        raise ValueError(f"{path}: its layout reaches beyond the picture")
    tiles: Tiles = pixels[y[:, None, :, None], x[None, :, None, :]]
    return tiles


def _enlarged(image: Images) -> Image.Image:
    """Enlarge one image, (C, S, S), and convert it to RGB."""
    if image.dtype != np.uint8:
        image = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    factor = scale(image.shape[-1])
    pixels = np.broadcast_to(image.transpose(1, 2, 0), (*image.shape[1:], 3))
    return Image.fromarray(pixels.repeat(factor, 0).repeat(factor, 1))
