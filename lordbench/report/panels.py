"""Blocks of images side by side, such as inputs, outputs and true images of the same lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from lordbench.report.blocks import (
    FONT_SIZE,
    GAP,
    INK,
    LINE_HEIGHT,
    MARGIN,
    PAPER,
    Images,
    block,
    layout,
    scale,
)
from lordbench.report.layout import Area, Part, Role, save_picture

NAME_SIZE = 13
"""Of the names of columns: twelve letters have to fit above an image."""


class Panel(NamedTuple):
    """A block of images.

    Attributes:
        title: stands above it.
        images: (m, n, C, S, S), uint8 or float in [0, 1].
        columns: names of its n columns.
        role: what they are.
    """

    title: str
    images: Images
    columns: Sequence[str]
    role: Role


def side_by_side(panels: Sequence[Panel], path: Path, title: str) -> None:
    """Draw panels of equally many lines beside one another and write them as an RGB PNG, atomically.

    The file says where the images are, as that of `grid.transfer_grid` does.
    """
    blocks = [block(panel.images, panel.role) for panel in panels]
    font, small = ImageFont.load_default(FONT_SIZE), ImageFont.load_default(NAME_SIZE)
    width = sum(one.image.width + MARGIN for one in blocks) + MARGIN
    top = MARGIN + 3 * LINE_HEIGHT
    sheet = Image.new(
        "RGB",
        (max(width, int(font.getlength(title)) + 2 * MARGIN), top + blocks[0].image.height + MARGIN),
        PAPER,
    )
    areas: dict[Role, Area] = {}
    draw, x = ImageDraw.Draw(sheet), MARGIN
    draw.text((MARGIN, MARGIN), title, INK, font)
    for panel, one in zip(panels, blocks, strict=True):
        size = panel.images.shape[-1]
        step = size * scale(size) + GAP
        draw.text((x, MARGIN + LINE_HEIGHT), panel.title, INK, font)
        for j, name in enumerate(panel.columns):
            draw.text((x + (j + 0.5) * step, top - 4), name, INK, small, anchor="md")
        sheet.paste(one.image, (x, top))
        areas |= one.areas_at(x, top)
        x += one.image.width + MARGIN
    names = next((tuple(panel.columns) for panel in panels if panel.role == "outputs"), ())
    save_picture(
        sheet, path, layout(panels[0].images.shape[-1], [Part(title="", areas=areas, columns=names)])
    )
