"""Transfer grids: contents across, classes down, and what a method makes of each pair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from lordbench.report.blocks import FONT_SIZE, INK, MARGIN, PAPER, Drawing, Images, block, layout, stack
from lordbench.report.layout import Area, Part, Role, save_picture


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
