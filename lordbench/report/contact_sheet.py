"""Contact sheets of a data set: classes in rows, contents in columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lordbench.data.images import ImageSet, Int64Array, UInt8Array
from lordbench.evaluation.pictures import FONT_SIZE, FRAME, GAP, INK, LINE_HEIGHT, MARGIN, PAPER, scale
from lordbench.utils.files import replacing

LONGEST_NAME = 28
"""Most characters shown of a class name."""


def contact_sheet(images: ImageSet, path: Path, lines: int = 8, columns: int = 8) -> None:
    """Draw some images of a data set and write them as an RGB PNG, atomically.

    Classes are spread evenly over all of them. If content is labelled, a column is a content, spread evenly
    over those that most of these classes have, and a missing image is left blank; else the images of a class
    are spread evenly over its own.

    Args:
        images: the data set.
        path: file to write.
        lines: maximum number of classes.
        columns: maximum number of images of each class.
    """
    present = np.unique(images.classes)
    classes = present[_spread(len(present), lines)]
    select = _by_place if images.contents is None else _by_content
    rows = select(images, classes, columns)
    names = [images.class_names[k] for k in classes]
    contents = f", {len(images.content_names)} contents" if images.content_names is not None else ""
    title = f"{images.name}: {len(images):,} images, {images.n_classes:,} classes{contents}"
    sheet = _draw(images.images, rows, [_short(name) for name in names], title)
    with replacing(path) as temporary:
        sheet.save(temporary, "PNG")


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
    return first[:, common[_spread(len(common), columns)]]


def _spread(n: int, wanted: int) -> Int64Array:
    """Up to `wanted` indices, evenly spread over range(n)."""
    count = min(n, wanted)
    return np.arange(count, dtype=np.int64) * n // max(count, 1)


def _draw(images: UInt8Array, rows: Int64Array, names: list[str], title: str) -> Image.Image:
    font = ImageFont.load_default(FONT_SIZE)
    side = images.shape[-1] * scale(images.shape[-1])
    left = MARGIN + max(int(font.getlength(name)) for name in names) + MARGIN
    top = MARGIN + LINE_HEIGHT
    width = max(left + rows.shape[1] * (side + GAP) + GAP, MARGIN + int(font.getlength(title))) + MARGIN
    sheet = Image.new("RGB", (width, top + rows.shape[0] * (side + GAP) + GAP + MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), title, INK, font)
    draw.rectangle(
        (left, top, left + rows.shape[1] * (side + GAP) + GAP - 1, sheet.height - MARGIN - 1), FRAME
    )
    for i, line in enumerate(rows):
        y = top + GAP + i * (side + GAP)
        draw.text((left - MARGIN, y + side / 2), names[i], INK, font, anchor="rm")
        for j, row in enumerate(line):
            x = left + GAP + j * (side + GAP)
            cell = Image.new("RGB", (side, side), PAPER) if row < 0 else _enlarged(images[row], side)
            sheet.paste(cell, (x, y))
    return sheet


def _enlarged(image: UInt8Array, side: int) -> Image.Image:
    pixels = np.broadcast_to(image.transpose(1, 2, 0), (*image.shape[1:], 3))
    return Image.fromarray(np.ascontiguousarray(pixels)).resize((side, side), Image.Resampling.NEAREST)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."
