"""Transfer grids: contents across, classes down, and what a method makes of each pair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from lordbench.files import replacing

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


def transfer_grid(
    contents: Images,
    classes: Images,
    outputs: Images,
    path: Path,
    *,
    title: str = "",
    truth: Images | None = None,
) -> None:
    """Draw a grid of transfers and write it as an RGB PNG, atomically.

    The first line shows the images that give the content, the first column those that give the class; the
    cell in line i and column j shows `outputs[i, j]`. Pixels are repeated, never smoothed.

    Args:
        contents: (n, C, S, S) with C of 1 or 3; uint8, or float in [0, 1] (values outside are clipped).
        classes: (m, C, S, S), likewise.
        outputs: (m, n, C, S, S), likewise.
        path: file to write.
        title: stands above the grid.
        truth: the true image of each pair, like `outputs`; drawn as a second grid below.

    Raises:
        ValueError: the shapes do not fit together.
    """
    one = contents.shape[1:]
    pairs = (len(classes), len(contents), *one)
    for name, images, shape in (
        ("classes", classes, (len(classes), *one)),
        ("outputs", outputs, pairs),
        ("truth", truth, pairs),
    ):
        if images is not None and images.shape != shape:
            raise ValueError(f"{name} must be {shape}, not {images.shape}")
    grids = [_grid(contents, classes, outputs)]
    captions = [title]
    if truth is not None:
        grids.append(_grid(contents, classes, truth))
        captions.append("true images")
    sheet = stack(captions, grids)
    with replacing(path) as temporary:
        sheet.save(temporary)


class Translation(NamedTuple):
    """Images of one domain as others of another one.

    Attributes:
        title: stands above.
        inputs: (n, C, S, S) as in `transfer_grid`.
        styles: (m, C, S, S), one of each class of the other domain.
        outputs: (m, n, C, S, S).
        truth: the true image of each input, (n, C, S, S), or None.
    """

    title: str
    inputs: Images
    styles: Images
    outputs: Images
    truth: Images | None


def translation_sheet(translations: Sequence[Translation], path: Path) -> None:
    """Draw translations below one another, as `transfer_grid` draws one, and write them likewise."""
    captions, grids = [], []
    for one in translations:
        captions.append(one.title)
        grids.append(_grid(one.inputs, one.styles, one.outputs))
        if one.truth is not None:
            captions.append("true images of the inputs above")
            grids.append(_indented(block(one.truth[None]), grids[-1].width))
    sheet = stack(captions, grids)
    with replacing(path) as temporary:
        sheet.save(temporary)


def scale(size: int) -> int:
    """Whole factor by which images of `size` pixels are enlarged."""
    return -(-CELL // size)


def _grid(contents: Images, classes: Images, cells: Images) -> Image.Image:
    """Put the given images above and beside the cells, with the names of the axes in the corner."""
    above, beside, middle = block(contents[None]), block(classes[:, None]), block(cells)
    x, y = beside.width + MARGIN, above.height + MARGIN
    grid = Image.new("RGB", (x + middle.width, y + middle.height), PAPER)
    grid.paste(above, (x, 0))
    grid.paste(beside, (0, y))
    grid.paste(middle, (x, y))
    _name_axes(grid, beside.width)
    return grid


def block(cells: Images) -> Image.Image:
    """Lay images (m, n, C, S, S) out in m lines of n, framed."""
    step = cells.shape[-1] * scale(cells.shape[-1]) + GAP
    laid = Image.new("RGB", (cells.shape[1] * step + GAP, cells.shape[0] * step + GAP), FRAME)
    for i, line in enumerate(cells):
        for j, image in enumerate(line):
            laid.paste(_picture(image), (j * step + GAP, i * step + GAP))
    return laid


def _indented(one: Image.Image, width: int) -> Image.Image:
    """Put a block at the right of an area of some width, below the outputs of a grid."""
    area = Image.new("RGB", (width, one.height), PAPER)
    area.paste(one, (width - one.width, 0))
    return area


def _name_axes(grid: Image.Image, side: int) -> None:
    draw, font = ImageDraw.Draw(grid), ImageFont.load_default(FONT_SIZE)
    width = draw.textlength("content", font)
    draw.text((side - 2 * MARGIN - width, side / 4), "content", INK, font, anchor="lm")
    draw.text((side / 4, side - 2 * MARGIN), "class", INK, font, anchor="mb")
    # Pillow's own font has no arrows, so they are drawn.
    _arrow(draw, (side - 18, side / 4), (side - 2, side / 4))
    _arrow(draw, (side / 4, side - 18), (side / 4, side - 2))


def _arrow(draw: ImageDraw.ImageDraw, start: tuple[float, float], tip: tuple[float, float]) -> None:
    """Draw an arrow to the right or downwards."""
    draw.line([start, tip], INK, width=2)
    x, y = tip
    wings = [(x - 6, y - 4), (x - 6, y + 4)] if start[1] == y else [(x - 4, y - 6), (x + 4, y - 6)]
    draw.polygon([tip, *wings], INK)


def _picture(image: Images) -> Image.Image:
    """Enlarge one image (C, S, S) and make it RGB."""
    if image.dtype != np.uint8:
        image = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    factor = scale(image.shape[-1])
    pixels = np.broadcast_to(image.transpose(1, 2, 0), (*image.shape[1:], 3))
    return Image.fromarray(pixels.repeat(factor, 0).repeat(factor, 1))


def stack(captions: Sequence[str], grids: Sequence[Image.Image]) -> Image.Image:
    """Put grids below one another, each under its caption where it has one."""
    font = ImageFont.load_default(FONT_SIZE)
    widths = [int(font.getlength(caption)) for caption in captions] + [grid.width for grid in grids]
    heights = [LINE_HEIGHT for caption in captions if caption] + [grid.height + MARGIN for grid in grids]
    sheet = Image.new("RGB", (max(widths) + 2 * MARGIN, sum(heights) + MARGIN), PAPER)
    draw, y = ImageDraw.Draw(sheet), MARGIN
    for caption, grid in zip(captions, grids, strict=True):
        if caption:
            draw.text((MARGIN, y), caption, INK, font)
            y += LINE_HEIGHT
        sheet.paste(grid, (MARGIN, y))
        y += grid.height + MARGIN
    return sheet
