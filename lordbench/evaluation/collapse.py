"""Collapsed trainings: their reconstructions hardly depend on the image."""

import numpy as np

from lordbench.data.images import UInt8Array

MARGIN = 0.85
"""A training has collapsed if its L1 is above this share of the mean image's. The single image with the least
L1, the median of each pixel, has 0.86 of it on toycars and 0.91 to 0.96 on toyfaces, drawings2cars and
digits, so a method that gives one image for all is found."""
CHECKED = 256
"""Training images that are reconstructed at the end of training."""
BLOCK = 1024
"""Images per block; bounds memory."""


def mean_image(images: UInt8Array) -> UInt8Array:
    """Return the mean of images, uint8 (N, C, S, S), rounded: (C, S, S)."""
    parts = (images[i : i + BLOCK].sum(axis=0, dtype=np.float64) for i in range(0, len(images), BLOCK))
    mean: UInt8Array = np.rint(sum(parts) / len(images)).astype(np.uint8)
    return mean


def l1(a: UInt8Array, b: UInt8Array) -> float:
    """Return the mean absolute difference, in [0, 1], of images, (N, C, S, S)."""
    starts = range(0, len(a), BLOCK)
    parts = (
        np.abs(a[i : i + BLOCK].astype(np.int16) - b[i : i + BLOCK]).sum(dtype=np.float64) for i in starts
    )
    return float(sum(parts) / a.size / 255)


def has_collapsed(method_l1: float, mean_image_l1: float) -> bool:
    """Whether a method's mean L1 of reconstructions is not clearly better than that of the mean image."""
    return method_l1 > MARGIN * mean_image_l1


def described(method_l1: float, mean_image_l1: float) -> str:
    """Both numbers in words."""
    return f"L1 of reconstructions {method_l1:.4f}, of the mean training image {mean_image_l1:.4f}"
