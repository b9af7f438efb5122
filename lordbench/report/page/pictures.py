"""Pictures as a page holds them: one strip of images for each method, small enough to carry along."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

from PIL import Image

from lordbench.report.layout import Tiles
from lordbench.report.picture_comparisons import Comparison

BUDGET = 9_000_000
"""Bytes of all pictures of a page; base64 adds a third."""
LOSSY = 90
"""WebP's quality where lossless pictures would take more than that."""
NAMES = {"across": "content", "down": "class", "truth": "true images"}


def pictures(comparisons: Sequence[Comparison]) -> tuple[list[dict[str, Any]], str]:
    """Encode comparisons for the page, as many as it holds.

    Returns:
        For each its title and its strips, the given images first, with `name`, `cell` (empty for given ones),
        `lines`, `columns` and `src` (a data URI); and what is to be known beside them: that they are
        compressed with losses, or that some were left out.
    """
    made, left_out = _encoded(comparisons, None)
    if not left_out:
        return made, ""
    made, left_out = _encoded(comparisons, LOSSY)
    note = f"To keep this page small, pictures are compressed (WebP, quality {LOSSY})"
    note += f" and {left_out} more comparisons left out" if left_out else ""
    return made, f"{note}; the exact ones are in the cells' folders."


def _encoded(comparisons: Sequence[Comparison], quality: int | None) -> tuple[list[dict[str, Any]], int]:
    """Encode comparisons until the budget is spent, and count those that are left."""
    made: list[dict[str, Any]] = []
    spent = 0
    for number, comparison in enumerate(comparisons):
        strips = [
            _strip(name if role != "down" or "across" in comparison.given else "input", "", tiles, quality)
            for role, name in NAMES.items()
            if (tiles := comparison.given.get(role)) is not None  # type: ignore[call-overload]
        ]
        strips += [_strip(output.label, output.cell, output.tiles, quality) for output in comparison.outputs]
        spent += sum(len(strip["src"]) * 3 // 4 for strip in strips)
        if spent > BUDGET:
            return made, len(comparisons) - number
        made.append(
            {"title": comparison.title, "strips": strips, "side": comparison.outputs[0].tiles.shape[2]}
        )
    return made, 0


def _strip(name: str, cell: str, tiles: Tiles, quality: int | None) -> dict[str, Any]:
    lines, columns, side = tiles.shape[:3]
    strip = Image.fromarray(tiles.transpose(0, 2, 1, 3, 4).reshape(lines * side, columns * side, 3))
    buffer = io.BytesIO()
    if quality is None:
        strip.save(buffer, "WEBP", lossless=True, method=4)
    else:
        strip.save(buffer, "WEBP", quality=quality, method=4)
    source = "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
    return {"name": name, "cell": cell, "lines": lines, "columns": columns, "src": source}
