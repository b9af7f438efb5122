"""Resizing, the same way for every prepared set."""

from __future__ import annotations

import numpy as np
from PIL import Image

from lordbench.images import UInt8Array


def resized(image: UInt8Array, size: int) -> UInt8Array:
    """Resize one image, uint8 (C, S, S), to (C, size, size) with Lanczos' filter, which averages when it
    shrinks; an image of that size is given back as it is.
    """
    if image.shape[1:] == (size, size):
        return image
    # Channel by channel is what Pillow does inside, too; so grey and colour need no two ways.
    planes = [Image.fromarray(plane).resize((size, size), Image.Resampling.LANCZOS) for plane in image]
    return np.stack([np.asarray(plane) for plane in planes])
