"""Contact sheets of a data set: classes in rows, contents in columns."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lordbench.data.images import ImageSet, Int64Array, UInt8Array, flattened
from lordbench.evaluation import pictures
from lordbench.evaluation.pictures import GAP, LINE_HEIGHT, MARGIN

LONGEST_NAME = 28
"""Most characters shown of a class name."""
MOST_COMPARED, COMPARED_SIZE = 2000, 16
"""Contents that are compared at most, to choose the different ones, and pixels of a side of their images."""


def contact_sheet(images: ImageSet, path: Path, lines: int = 8, columns: int = 8) -> None:
    """Draw up to so many classes and images of each, and write them as an RGB PNG, atomically.

    Classes are spread evenly over all of them. If content is labelled, a column is a content. Of the contents
    that most of these classes have, those that look most different are shown; a missing image is left
    blank. Else the images of a class are spread evenly over its own.
    """
    present = np.unique(images.classes)
    classes = present[_spread(len(present), lines)]
    select = _by_place if images.contents is None else _by_content
    places = select(images, classes, columns)
    names = [images.class_names[k] for k in classes]
    names = [name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..." for name in names]
    contents = f", {len(images.content_names)} contents" if images.content_names is not None else ""
    title = f"{images.name}: {len(images):,} images, {images.n_classes:,} classes{contents}"
    # 255 is the colour of the paper.
    shown = np.where((places < 0)[..., None, None, None], np.uint8(255), images.images[places])
    pictures.save_picture(_draw(shown, names, title), path)


def _by_place(images: ImageSet, classes: Int64Array, columns: int) -> Int64Array:
    """Indices of the images to show: int64 (classes, columns), -1 for none."""
    rows = np.full((len(classes), columns), -1, dtype=np.int64)
    for i, k in enumerate(classes):
        own = np.flatnonzero(images.classes == k)
        chosen = own[_spread(len(own), columns)]
        rows[i, : len(chosen)] = chosen
    return rows


def _by_content(images: ImageSet, classes: Int64Array, columns: int) -> Int64Array:
    """As `_by_place`, with one column per content."""
    assert images.contents is not None
    assert images.content_names is not None
    first = np.full((len(classes), len(images.content_names)), -1, dtype=np.int64)
    for i, k in enumerate(classes):
        own = np.flatnonzero(images.classes == k)[::-1]
        first[i, images.contents[own]] = own
    shared = (first >= 0).sum(axis=0)
    common = np.flatnonzero(shared == shared.max())
    common = common[_spread(len(common), MOST_COMPARED)]
    # Of any class that has the content: most often the same one.
    shown = first[(first[:, common] >= 0).argmax(axis=0), common]
    step = max(1, images.size // COMPARED_SIZE)
    return first[:, common[_most_different(images.images[shown][:, :, ::step, ::step], columns)]]


def _most_different(images: UInt8Array, wanted: int) -> Int64Array:
    """Return up to `wanted` indices, sorted: the first image, then always the one farthest from all so far.

    An even spread would show few sides of a grid of views, whose step may be the grid's own.
    """
    pixels = flattened(images)
    indices = [0]
    nearest = np.linalg.norm(pixels - pixels[0], axis=1)
    while len(indices) < min(len(images), wanted):
        # Those chosen are at distance 0, but so are copies of them.
        nearest[indices] = -1
        indices.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(pixels - pixels[indices[-1]], axis=1))
    return np.sort(np.array(indices, dtype=np.int64))


def _spread(n: int, wanted: int) -> Int64Array:
    """Up to `wanted` indices, evenly spread over range(n)."""
    count = min(n, wanted)
    return np.arange(count, dtype=np.int64) * n // max(count, 1)


def _draw(images: UInt8Array, names: list[str], title: str) -> Image.Image:
    """Draw images, (classes, columns, C, S, S), with the names of the classes on the left."""
    font = ImageFont.load_default(pictures.FONT_SIZE)
    grid = pictures.image_grid(images, "outputs").image
    left = MARGIN + max(int(font.getlength(name)) for name in names) + MARGIN
    top = MARGIN + LINE_HEIGHT
    width = max(left + grid.width, MARGIN + int(font.getlength(title))) + MARGIN
    sheet = Image.new("RGB", (width, top + grid.height + MARGIN), pictures.PAPER)
    sheet.paste(grid, (left, top))
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), title, pictures.INK, font)
    step = (grid.height - GAP) // len(names)
    for i, name in enumerate(names):
        middle = top + GAP + i * step + (step - GAP) / 2
        draw.text((left - MARGIN, middle), name, pictures.INK, font, anchor="rm")
    return sheet
