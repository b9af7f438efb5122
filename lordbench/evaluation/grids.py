"""The pictures of experiments: grids of transfers, panels of images side by side, confusion matrices.

All are written as RGB PNG files, atomically; `pictures.read_parts` reads their images back.
"""

from collections.abc import Mapping, Sequence
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
    image_grid,
    save_picture,
    scale,
    stack,
)

NAME_SIZE = 13
"""Font size of column names: twelve letters have to fit above an image."""
CELL_WIDTH, CELL_HEIGHT = 56, 32
"""Of a cell of a confusion matrix."""
SLANT = 35
"""Degrees by which the column names of a confusion matrix are rotated."""
FULL = np.array([31, 92, 153])
"""Colour of a cell that holds all of its row; that of an empty one is white."""


class Translation(NamedTuple):
    """Translations of images to another domain, by label of the method and name, e.g. `drawing to render`.

    Inputs and their true images, if any, are (n, C, S, S), styles, one of each class of the other domain,
    (m, C, S, S), outputs (m, n, C, S, S).
    """

    method: str
    name: str
    inputs: Images
    styles: Images
    outputs: Images
    truth: Images | None


class Panel(NamedTuple):
    """A grid of images, (m, n, C, S, S), with a title and names of its n columns."""

    title: str
    images: Images
    columns: Sequence[str]
    role: Role


def transfer_grid(
    contents: Images,
    classes: Images,
    outputs: Images,
    path: Path,
    *,
    title: str = "",
    truth: Images | None = None,
) -> None:
    """Draw a grid of transfers: n content images above the columns, m class images beside the rows.

    Contents are (n, C, S, S), classes (m, C, S, S), outputs (m, n, C, S, S), row by row; so are their true
    images, which are drawn as a second grid below.

    Raises:
        ValueError: the shapes do not fit together.
    """
    image = contents.shape[1:]
    pairs = (len(classes), len(contents), *image)
    shapes = {"classes": (len(classes), *image), "outputs": pairs, "truth": pairs}
    for (name, shape), images in zip(shapes.items(), (classes, outputs, truth), strict=True):
        if images is not None and images.shape != shape:
            raise ValueError(f"{name} must be {shape}, not {images.shape}")
    grids = [(title, _grid(contents, classes, outputs, "outputs"))]
    if truth is not None:
        grids.append(("true images", _grid(contents, classes, truth, "truth")))
    picture, areas = stack(grids)
    # The source images are in both grids; either copy will do.
    part = Part(title="", areas={role: area for grid in areas for role, area in grid.items()})
    save_picture(picture, path, image[-1], [part])


def translation_grids(translations: Sequence[Translation], path: Path) -> None:
    """Draw translations below one another: inputs above the columns, styles beside the rows."""
    drawings = []
    for translation in translations:
        grid = _grid(translation.inputs, translation.styles, translation.outputs, "outputs")
        drawings.append((f"{translation.method}: {translation.name}", grid))
        if translation.truth is not None:
            truth = image_grid(translation.truth[None], "truth")
            below = Image.new("RGB", (grid.image.width, truth.image.height), PAPER)  # under the outputs
            areas = truth.paste_into(below, below.width - truth.image.width, 0)
            drawings.append(("true images of the inputs above", Drawing(below, areas)))
    picture, drawn = stack(drawings)
    remaining = iter(drawn)
    parts = [
        Part(title=t.name, areas=next(remaining) | ({} if t.truth is None else next(remaining)))
        for t in translations
    ]
    save_picture(picture, path, translations[0].inputs.shape[-1], parts)


def panels_side_by_side(panels: Sequence[Panel], path: Path, title: str) -> None:
    """Draw panels of equally many rows beside one another."""
    grids = [image_grid(panel.images, panel.role) for panel in panels]
    font, small = ImageFont.load_default(FONT_SIZE), ImageFont.load_default(NAME_SIZE)
    width = max(sum(grid.image.width + MARGIN for grid in grids), int(font.getlength(title)) + MARGIN)
    top = MARGIN + 3 * LINE_HEIGHT
    picture = Image.new("RGB", (width + MARGIN, top + grids[0].image.height + MARGIN), PAPER)
    areas: dict[Role, Area] = {}
    draw, x = ImageDraw.Draw(picture), MARGIN
    draw.text((MARGIN, MARGIN), title, INK, font)
    size = panels[0].images.shape[-1]
    for panel, grid in zip(panels, grids, strict=True):
        draw.text((x, MARGIN + LINE_HEIGHT), panel.title, INK, font)
        for j, name in enumerate(panel.columns):
            middle = x + (j + 0.5) * (size * scale(size) + GAP)
            draw.text((middle, top - 4), name, INK, small, anchor="md")
        areas |= grid.paste_into(picture, x, top)
        x += grid.image.width + MARGIN
    names = next((tuple(panel.columns) for panel in panels if panel.role == "outputs"), ())
    save_picture(picture, path, size, [Part(title="", areas=areas, columns=names)])


def confusion_matrices(matrices: Mapping[str, Int64Array], names: Sequence[str], path: Path) -> None:
    """Draw confusion matrices of the n labels `names`: counts, (n, n), by title.

    A cell shows its percentage of the row; a row without counts is left blank.
    """
    picture, _ = stack([(title, Drawing(_matrix(counts, names))) for title, counts in matrices.items()])
    save_picture(picture, path)


def _grid(contents: Images, classes: Images, images: Images, role: Role) -> Drawing:
    """Draw images with contents above, classes on the left and the names of the axes in the corner."""
    top = image_grid(contents[None], "across")
    left = image_grid(classes[:, None], "down")
    middle = image_grid(images, role)
    x, y = left.image.width + MARGIN, top.image.height + MARGIN
    picture = Image.new("RGB", (x + middle.image.width, y + middle.image.height), PAPER)
    areas = top.paste_into(picture, x, 0) | left.paste_into(picture, 0, y) | middle.paste_into(picture, x, y)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(FONT_SIZE)
    side, quarter, width = left.image.width, left.image.width / 4, draw.textlength("content", font)
    draw.text((side - 2 * MARGIN - width, quarter), "content", INK, font, anchor="lm")
    draw.text((quarter, side - 2 * MARGIN), "class", INK, font, anchor="mb")
    # Pillow's default font has no arrows.
    draw.line([(side - 18, quarter), (side - 2, quarter)], INK, width=2)
    draw.polygon([(side - 2, quarter), (side - 8, quarter - 4), (side - 8, quarter + 4)], INK)
    draw.line([(quarter, side - 18), (quarter, side - 2)], INK, width=2)
    draw.polygon([(quarter, side - 2), (quarter - 4, side - 8), (quarter + 4, side - 8)], INK)
    return Drawing(picture, areas)


def _matrix(counts: Int64Array, names: Sequence[str]) -> Image.Image:
    font = ImageFont.load_default(FONT_SIZE)
    longest = max(int(font.getlength(name)) for name in names)
    left, top = longest + MARGIN, longest * 2 // 3 + LINE_HEIGHT
    width = left + len(names) * CELL_WIDTH + longest
    picture = Image.new("RGB", (width, top + len(names) * CELL_HEIGHT), PAPER)
    draw = ImageDraw.Draw(picture)
    for j, name in enumerate(names):
        label = Image.new("L", (longest, LINE_HEIGHT))
        ImageDraw.Draw(label).text((0, LINE_HEIGHT / 2), name, 255, font, anchor="lm")
        rotated = label.rotate(SLANT, Image.Resampling.BICUBIC, expand=True)
        picture.paste(INK, (left + j * CELL_WIDTH + CELL_WIDTH // 3, top - rotated.height), rotated)
    for i, row in enumerate(counts):
        y = top + i * CELL_HEIGHT
        draw.text((left - MARGIN, y + CELL_HEIGHT / 2), names[i], INK, font, anchor="rm")
        for j, count in enumerate(row if row.sum() else []):
            share = count / row.sum()
            x = left + j * CELL_WIDTH
            colour = tuple(int(c) for c in np.rint(255 + share * (FULL - 255)))
            draw.rectangle((x, y, x + CELL_WIDTH - 2, y + CELL_HEIGHT - 2), colour)
            ink = PAPER if share > 0.5 else INK
            draw.text((x + CELL_WIDTH / 2, y + CELL_HEIGHT / 2), f"{100 * share:.0f}", ink, font, anchor="mm")
    return picture
