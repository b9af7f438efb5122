"""Pictures of methods side by side, encoded for the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, WebPImagePlugin

from lordbench.report.picture_comparisons import Comparison, Errors, Output

BUDGET = 9_000_000
"""Bytes of all pictures of a page, before base64 adds a third."""
LOSSY = 90
"""WebP quality used if lossless pictures would exceed the budget."""
PAIRS = 6
"""Pairs that are shown large at a time."""
Place = tuple[int, int]
"""Row and column of a pair in a picture."""


def pictures(comparisons: Sequence[Comparison]) -> tuple[list[dict[str, Any]], str]:
    """Encode comparisons for the page, as many as fit into the budget.

    Returns:
        For each its `title`, `side` (pixels of an image), `selections` of pairs (see `selections` and
        `_pairs`), and `strips`, source images first, with `name`, `cell` (empty for source images), `lines`,
        `columns` and `src` (a data URI); and a note if pictures are compressed or left out.
    """
    # Method 4 takes ten times as long, for a sixth less.
    encoded = _encoded(comparisons, lossless=True, method=0)
    if len(encoded) == len(comparisons):
        return encoded, ""
    encoded = _encoded(comparisons, quality=LOSSY, method=4)
    left_out = len(comparisons) - len(encoded)
    note = f"To keep this page small, pictures are compressed (WebP, quality {LOSSY})"
    note += f" and {left_out} more comparisons left out" if left_out else ""
    return encoded, f"{note}; the originals are in the folders of the cells."


def _encoded(comparisons: Sequence[Comparison], **webp: Any) -> list[dict[str, Any]]:
    """Encode comparisons, with options of the WebP encoder, until the budget is spent."""
    encoded: list[dict[str, Any]] = []
    spent = 0
    for comparison in comparisons:
        strips = [_strip(output, webp) for output in comparison.named("true images")]
        errors = comparison.errors()
        pairs = {
            name: _pairs(comparison, errors, places, webp)
            for name, places in selections(comparison, errors).items()
        }
        spent += sum(len(strip["src"]) * 3 // 4 for own in (strips, *pairs.values()) for strip in own)
        if spent > BUDGET:
            break
        side = comparison.outputs[0].tiles.shape[2]
        encoded.append({"title": comparison.title, "strips": strips, "side": side, "selections": pairs})
    return encoded


def selections(comparison: Comparison, errors: Errors) -> dict[str, list[Place]]:
    """Places of the pairs that are shown large: the `first`, which do not depend on the outputs.

    With true images, and if there are more, also the `best` and the `worst` by L1, averaged over all outputs.
    """
    places = comparison.places()
    chosen = {"first": places[:PAIRS]}
    if errors and len(places) > PAIRS:
        mean = np.mean(list(errors.values()), axis=0)
        ordered = sorted(places, key=lambda at: float(mean[at]))
        chosen |= {"best": ordered[:PAIRS], "worst": ordered[: -PAIRS - 1 : -1]}
    return chosen


def _pairs(
    comparison: Comparison, errors: Errors, places: Sequence[Place], webp: dict[str, Any]
) -> list[dict[str, Any]]:
    """Some pairs of a comparison, a row for each strip: `name`, `cell`, `src`, `count` and `scores`.

    A score is the L1 of an output to its true image, with whether it is the least of the pair; none if there
    is no true image.
    """
    least = np.min(list(errors.values()), axis=0) if errors else None
    shown = []
    for output in comparison.named("true image"):
        lines, columns = output.tiles.shape[:2]
        tiles = np.stack([output.tiles[min(i, lines - 1), min(j, columns - 1)] for i, j in places])
        own = errors.get(output.cell)
        scores = [] if own is None or least is None else [(own[at], own[at] == least[at]) for at in places]
        shown.append({
            "name": output.label, "cell": output.cell, "src": _data_uri(_in_a_row(tiles), webp),
            "count": len(places), "scores": scores,
        })  # fmt: skip
    return shown


def _in_a_row(tiles: np.ndarray) -> np.ndarray:
    """Images, uint8 (N, S, S, 3), beside one another with transparent gaps of a pixel: (S, W, 4)."""
    opaque = np.pad(tiles, ((0, 0), (0, 0), (0, 0), (0, 1)), constant_values=255)
    apart = np.pad(opaque, ((0, 0), (0, 0), (0, 1), (0, 0)))
    row: np.ndarray = np.concatenate(list(apart), axis=1)[:, :-1]
    return row


def _strip(output: Output, webp: dict[str, Any]) -> dict[str, Any]:
    lines, columns, side = output.tiles.shape[:3]
    pixels = output.tiles.transpose(0, 2, 1, 3, 4).reshape(lines * side, columns * side, 3)
    source = _data_uri(pixels, webp)
    return {"name": output.label, "cell": output.cell, "lines": lines, "columns": columns, "src": source}


def _data_uri(pixels: np.ndarray, webp: dict[str, Any]) -> str:
    buffer = io.BytesIO()
    # Named by its plug-in, which is imported for this: for a format that is not known yet Pillow imports all.
    Image.fromarray(pixels).save(buffer, WebPImagePlugin.WebPImageFile.format, **webp)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
