"""Transfer grids: contents across, classes down, and what a method makes of each pair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lordbench.data.images import Int64Array
from lordbench.evaluation.pictures import (
    FONT_SIZE,
    GAP,
    INK,
    LINE_HEIGHT,
    MARGIN,
    PAPER,
    Area,
    Drawing,
    Images,
    Part,
    Role,
    block,
    layout,
    save_picture,
    scale,
    stack,
)


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
    cell in line i and column j shows `outputs[i, j]`. Pixels are repeated, never smoothed, and the file says
    where they are (`layout.read_parts`).

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
    grids = [_grid(contents, classes, outputs, "outputs")]
    captions = [title]
    if truth is not None:
        grids.append(_grid(contents, classes, truth, "truth"))
        captions.append("true images")
    sheet, areas = stack(captions, grids)
    # Given images stand in both grids; either will do.
    part = Part(title="", areas={role: area for its in areas for role, area in its.items()})
    save_picture(sheet, path, layout(one[-1], [part]))


class Translation(NamedTuple):
    """Images of one domain as others of another one.

    Attributes:
        method: stands above, with the name.
        name: what is done, such as `drawing to render`.
        inputs: (n, C, S, S) as in `transfer_grid`.
        styles: (m, C, S, S), one of each class of the other domain.
        outputs: (m, n, C, S, S).
        truth: the true image of each input, (n, C, S, S), or None.
    """

    method: str
    name: str
    inputs: Images
    styles: Images
    outputs: Images
    truth: Images | None


def translation_sheet(translations: Sequence[Translation], path: Path) -> None:
    """Draw translations below one another, as `transfer_grid` draws one, and write them likewise."""
    captions, drawings = [], []
    for one in translations:
        captions.append(f"{one.method}: {one.name}")
        drawings.append(_grid(one.inputs, one.styles, one.outputs, "outputs"))
        if one.truth is not None:
            captions.append("true images of the inputs above")
            drawings.append(_indented(block(one.truth[None], "truth"), drawings[-1].image.width))
    sheet, areas = stack(captions, drawings)
    each = iter(areas)
    parts = [
        Part(title=one.name, areas=next(each) | ({} if one.truth is None else next(each)))
        for one in translations
    ]
    save_picture(sheet, path, layout(translations[0].inputs.shape[-1], parts))


def _grid(contents: Images, classes: Images, cells: Images, role: Role) -> Drawing:
    """Put the given images above and beside the cells, with the names of the axes in the corner."""
    above, beside, middle = (
        block(contents[None], "across"),
        block(classes[:, None], "down"),
        block(cells, role),
    )
    x, y = beside.image.width + MARGIN, above.image.height + MARGIN
    grid = Image.new("RGB", (x + middle.image.width, y + middle.image.height), PAPER)
    areas: dict[Role, Area] = {}
    for drawing, place in ((above, (x, 0)), (beside, (0, y)), (middle, (x, y))):
        grid.paste(drawing.image, place)
        areas |= drawing.areas_at(*place)
    _name_axes(grid, beside.image.width)
    return Drawing(grid, areas)


def _indented(one: Drawing, width: int) -> Drawing:
    """Put a block at the right of an area of some width, below the outputs of a grid."""
    area = Image.new("RGB", (width, one.image.height), PAPER)
    x = width - one.image.width
    area.paste(one.image, (x, 0))
    return Drawing(area, one.areas_at(x, 0))


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


CELL_WIDTH, CELL_HEIGHT = 56, 32
SLANT = 35
"""Degrees by which the names above the columns are turned."""
FULL = np.array([31, 92, 153])
"""Colour of a cell that holds its whole line; an empty one is white."""


def confusion(meant: Int64Array, predicted: Int64Array, n: int) -> Int64Array:
    """Count the values (N,) in [0, n) by what was meant and what was told: int64 (n, n)."""
    return np.bincount(meant * n + predicted, minlength=n * n).reshape(n, n)


def confusion_sheet(matrices: dict[str, Int64Array], names: Sequence[str], path: Path) -> None:
    """Draw confusion matrices (n, n), each under its title, and write them as an RGB PNG, atomically.

    A cell shows its part of the line in percent; a line without a value is left blank.

    Args:
        matrices: counts by title.
        names: of the n labels.
        path: file to write.
    """
    sheet, _ = stack(list(matrices), [Drawing(_drawn(counts, names)) for counts in matrices.values()])
    save_picture(sheet, path)


def _drawn(counts: Int64Array, names: Sequence[str]) -> Image.Image:
    font = ImageFont.load_default(FONT_SIZE)
    longest = max(int(font.getlength(name)) for name in names)
    left, top = longest + MARGIN, longest * 2 // 3 + LINE_HEIGHT
    width = left + len(names) * CELL_WIDTH + longest
    drawing = Image.new("RGB", (width, top + len(names) * CELL_HEIGHT), PAPER)
    draw = ImageDraw.Draw(drawing)
    for j, name in enumerate(names):
        label = Image.new("L", (longest, LINE_HEIGHT))
        ImageDraw.Draw(label).text((0, LINE_HEIGHT / 2), name, 255, font, anchor="lm")
        turned = label.rotate(SLANT, Image.Resampling.BICUBIC, expand=True)
        drawing.paste(INK, (left + j * CELL_WIDTH + CELL_WIDTH // 3, top - turned.height), turned)
    for i, line in enumerate(counts):
        y = top + i * CELL_HEIGHT
        draw.text((left - MARGIN, y + CELL_HEIGHT / 2), names[i], INK, font, anchor="rm")
        for j, count in enumerate(line if line.sum() else []):
            part = count / line.sum()
            x = left + j * CELL_WIDTH
            colour = tuple(int(c) for c in np.rint(255 + part * (FULL - 255)))
            draw.rectangle((x, y, x + CELL_WIDTH - 2, y + CELL_HEIGHT - 2), colour)
            ink = PAPER if part > 0.5 else INK
            draw.text((x + CELL_WIDTH / 2, y + CELL_HEIGHT / 2), f"{100 * part:.0f}", ink, font, anchor="mm")
    return drawing


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
