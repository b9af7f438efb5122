"""Confusion matrices: what was meant, down, and what a judge took it for, across."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lordbench.images import Int64Array
from lordbench.report.blocks import FONT_SIZE, INK, LINE_HEIGHT, MARGIN, PAPER, Drawing, stack
from lordbench.report.layout import save_picture

CELL_WIDTH, CELL_HEIGHT = 56, 32
SLANT = 35
"""Degrees by which the names above the columns are turned."""
FULL = np.array([31, 92, 153])
"""Colour of a cell that holds its whole line; an empty one is white."""


def confusion(meant: Int64Array, told: Int64Array, n: int) -> Int64Array:
    """Count the values (N,) in [0, n) by what was meant and what was told: int64 (n, n)."""
    return np.bincount(meant * n + told, minlength=n * n).reshape(n, n)


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
