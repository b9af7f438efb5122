"""Rendered images on disk: made once for each setting, checked at each load, and made again if damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lordbench import files
from lordbench.errors import UserError
from lordbench.images import ImageSet, UInt8Array

SIZES = range(16, 257, 8)
"""Sizes in pixels that can be rendered."""


def require_size(name: str, size: int) -> None:
    """Raise UserError unless images of `size` pixels can be rendered."""
    if size not in SIZES:
        raise UserError(
            f"{name}: images of {size} pixels cannot be made",
            "Choose an image size that is a multiple of 8 from 16 to 256; 32 and 64 are usual.",
        )


def rendered_once(
    stem: str,
    shape: tuple[int, ...],
    render: Callable[[], UInt8Array],
    labelled: Callable[[UInt8Array], ImageSet],
) -> ImageSet:
    """Load a rendered set from `$LORDBENCH_HOME/datasets`, or render and keep it.

    Args:
        stem: names what is rendered, with its version and settings.
        shape: of the images, (N, C, S, S).
        render: makes the images, uint8 of that shape.
        labelled: makes the set of them, with its fingerprint.

    Raises:
        UserError: the cache cannot be written.
    """
    folder = files.home() / "datasets"
    # A file's name ends in its fingerprint: one rename puts the images and their checksum in place.
    for path in sorted(folder.glob(f"{stem}-*.npy")):
        kept = _read(path)
        if kept is not None and kept.dtype == np.uint8 and kept.shape == shape:
            images = labelled(kept)
            if path.stem == f"{stem}-{images.fingerprint}":
                return images
    images = labelled(render())
    _write(folder / f"{stem}-{images.fingerprint}.npy", images.images)
    return images


def _read(path: Path) -> UInt8Array | None:
    try:
        images: UInt8Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception:
        # Damage takes many shapes, and each has the same cure: rendering again.
        return None
    return images


def _write(path: Path, images: UInt8Array) -> None:
    try:
        with files.replacing(path) as temporary:
            np.save(temporary, images, allow_pickle=False)
    except OSError as error:
        raise UserError(
            f"{path}: the rendered images cannot be kept: {error}",
            "Make room there, or set LORDBENCH_HOME to a folder that can be written to.",
        ) from error
