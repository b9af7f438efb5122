"""Images in lines and columns, enlarged without smoothing, and drawings below one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from lordbench.report.layout import Area, Layout, Part, Role

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
