"""Where the images in a picture are: kept inside the PNG itself, so that other pages can be made of them.

Pictures repeat pixels and never smooth them, so what is read back is what was drawn, to the last bit.
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


Images = npt.NDArray[np.uint8] | npt.NDArray[np.floating]

CELL = 96
"""Cells are enlarged by the smallest whole factor that makes them this many pixels wide."""
GAP = 2
"""Pixels between cells, and of the frame around them."""
MARGIN = 12
"""Pixels around everything, and between the frames of the given images and of the outputs."""
FONT_SIZE = 15
LINE_HEIGHT = 24
PAPER, FRAME, INK = "white", "#b0b0b0", "#222222"


class Drawing(NamedTuple):
    """A drawing, and where the images in it are, by what they are."""

    image: Image.Image
    areas: Mapping[Role, Area] = {}

    def areas_at(self, x: int, y: int) -> dict[Role, Area]:
        """Where they are in a picture that the drawing was pasted into."""
        return {role: area.moved(x, y) for role, area in self.areas.items()}


def scale(size: int) -> int:
    """Whole factor by which images of `size` pixels are enlarged."""
    return -(-CELL // size)


def layout(size: int, parts: Sequence[Part]) -> Layout:
    """The layout of a picture of blocks of images of `size` pixels."""
    return Layout(size=size, scale=scale(size), step=size * scale(size) + GAP, parts=tuple(parts))


def block(cells: Images, role: Role) -> Drawing:
    """Lay images (m, n, C, S, S) out in m lines of n, framed."""
    step = cells.shape[-1] * scale(cells.shape[-1]) + GAP
    lines, columns = cells.shape[:2]
    laid = Image.new("RGB", (columns * step + GAP, lines * step + GAP), FRAME)
    for i, line in enumerate(cells):
        for j, image in enumerate(line):
            laid.paste(_picture(image), (j * step + GAP, i * step + GAP))
    return Drawing(laid, {role: Area(x=GAP, y=GAP, lines=lines, columns=columns)})


def stack(captions: Sequence[str], drawings: Sequence[Drawing]) -> tuple[Image.Image, list[dict[Role, Area]]]:
    """Put drawings below one another, each under its caption where it has one.

    Returns:
        The picture, and where the images of each drawing are in it.
    """
    font = ImageFont.load_default(FONT_SIZE)
    images = [drawing.image for drawing in drawings]
    widths = [int(font.getlength(caption)) for caption in captions] + [image.width for image in images]
    heights = [LINE_HEIGHT for caption in captions if caption] + [image.height + MARGIN for image in images]
    sheet = Image.new("RGB", (max(widths) + 2 * MARGIN, sum(heights) + MARGIN), PAPER)
    draw, y, places = ImageDraw.Draw(sheet), MARGIN, []
    for caption, drawing in zip(captions, drawings, strict=True):
        if caption:
            draw.text((MARGIN, y), caption, INK, font)
            y += LINE_HEIGHT
        sheet.paste(drawing.image, (MARGIN, y))
        places.append(drawing.areas_at(MARGIN, y))
        y += drawing.image.height + MARGIN
    return sheet, places


def _picture(image: Images) -> Image.Image:
    """Enlarge one image (C, S, S) and make it RGB."""
    if image.dtype != np.uint8:
        image = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    factor = scale(image.shape[-1])
    pixels = np.broadcast_to(image.transpose(1, 2, 0), (*image.shape[1:], 3))
    return Image.fromarray(pixels.repeat(factor, 0).repeat(factor, 1))
