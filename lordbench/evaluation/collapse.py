"""Collapsed trainings: their reconstructions hardly depend on the image."""

from typing import ClassVar

import numpy as np

from lordbench.data.images import UInt8Array
from lordbench.utils.errors import Notice

MARGIN = 0.95
"""A training has collapsed if its L1 is above this share of the best single image's. An image that is best on
training images may be a few per cent better or worse on others."""
CHECKED = 256
"""Training images that are reconstructed at the end of training."""
BLOCK = 1024
"""Images per block; bounds memory."""


class CollapseWarning(Notice):
    """A training has collapsed."""

    label: ClassVar[str] = "Collapsed"


def mean_image(images: UInt8Array) -> UInt8Array:
    """Return the mean of images, uint8 (N, C, S, S), rounded: (C, S, S)."""
    parts = (images[i : i + BLOCK].sum(axis=0, dtype=np.float64) for i in range(0, len(images), BLOCK))
    mean: UInt8Array = np.rint(sum(parts) / len(images)).astype(np.uint8)
    return mean


def best_single_image(images: UInt8Array) -> UInt8Array:
    """Return the image of the least L1 to at most `BLOCK` images, evenly spaced: their median, (C, S, S).

    It is what a network that is trained with L1, and ignores its input, ends at.
    """
    median: UInt8Array = np.median(images[:: -(-len(images) // BLOCK)], axis=0).astype(np.uint8)
    return median


def l1(a: UInt8Array, b: UInt8Array) -> float:
    """Return the mean absolute difference, in [0, 1], of images, (N, C, S, S)."""
    starts = range(0, len(a), BLOCK)
    parts = (
        np.abs(a[i : i + BLOCK].astype(np.int16) - b[i : i + BLOCK]).sum(dtype=np.float64) for i in starts
    )
    return float(sum(parts) / a.size / 255)


def has_collapsed(method_l1: float, single_image_l1: float) -> bool:
    """Whether a method's mean L1 of reconstructions is hardly better than that of the best single image."""
    return method_l1 > MARGIN * single_image_l1


def described(method_l1: float, single_image_l1: float) -> str:
    """Both numbers in words."""
    return f"L1 of reconstructions {method_l1:.4f}, of the best single image (median) {single_image_l1:.4f}"
