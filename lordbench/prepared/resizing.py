"""Resizing, the same way for every prepared set."""

from __future__ import annotations

import numpy as np
from PIL import Image

from lordbench.images import UInt8Array


def resized(image: UInt8Array, size: int) -> UInt8Array:
    """Resize one image, uint8 (C, S, S) with C of 1 or 3, to (C, size, size), as `resized_picture` does."""
    if image.shape[1:] == (size, size):
        return image
    pixels = image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0))
    return resized_picture(Image.fromarray(pixels), size)


def resized_picture(picture: Image.Image, size: int) -> UInt8Array:
    """Resize a square picture in mode L or RGB: uint8, (1 or 3, size, size).

    Lanczos' filter averages when it shrinks; a picture of that size keeps its pixels.
    """
    pixels = np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS))
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
