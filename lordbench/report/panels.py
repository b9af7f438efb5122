"""Blocks of images side by side, such as inputs, outputs and true images of the same lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from lordbench.files import replacing
from lordbench.report.grid import FONT_SIZE, GAP, INK, LINE_HEIGHT, MARGIN, PAPER, Images, block, scale

NAME_SIZE = 13
"""Of the names of columns: twelve letters have to fit above an image."""


class Panel(NamedTuple):
    """A block of images.

    Attributes:
        title: stands above it.
        images: (m, n, C, S, S), uint8 or float in [0, 1].
        columns: names of its n columns.
    """

    title: str
    images: Images
    columns: Sequence[str]


def side_by_side(panels: Sequence[Panel], path: Path, title: str) -> None:
    """Draw panels of equally many lines beside one another and write them as an RGB PNG, atomically."""
    blocks = [block(panel.images) for panel in panels]
    font, small = ImageFont.load_default(FONT_SIZE), ImageFont.load_default(NAME_SIZE)
    width = sum(one.width + MARGIN for one in blocks) + MARGIN
    top = MARGIN + 3 * LINE_HEIGHT
    sheet = Image.new(
        "RGB", (max(width, int(font.getlength(title)) + 2 * MARGIN), top + blocks[0].height + MARGIN), PAPER
    )
    draw, x = ImageDraw.Draw(sheet), MARGIN
    draw.text((MARGIN, MARGIN), title, INK, font)
    for panel, one in zip(panels, blocks, strict=True):
        size = panel.images.shape[-1]
        step = size * scale(size) + GAP
        draw.text((x, MARGIN + LINE_HEIGHT), panel.title, INK, font)
        for j, name in enumerate(panel.columns):
            draw.text((x + (j + 0.5) * step, top - 4), name, INK, small, anchor="md")
        sheet.paste(one, (x, top))
        x += one.width + MARGIN
    with replacing(path) as temporary:
        sheet.save(temporary)
