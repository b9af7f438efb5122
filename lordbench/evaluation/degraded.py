"""Real images made worse in known ways: judges learn from them, and experiments show what they score."""

import numpy as np
from scipy.ndimage import gaussian_filter

from lordbench.data import UInt8Array


def blurred(images: UInt8Array, sigma: float) -> UInt8Array:
    """Blur images, uint8 (N, C, S, S), by a Gaussian; `sigma` is in pixels of an image of 32 pixels."""
    width = sigma * images.shape[-1] / 32
    smooth = gaussian_filter(images.astype(np.float32), (0, 0, width, width), mode="nearest")
    rounded: UInt8Array = np.rint(smooth).astype(np.uint8)
    return rounded


def noisy(images: UInt8Array, deviation: float, generator: np.random.Generator) -> UInt8Array:
    """Add Gaussian noise, of a deviation in the range [0, 1], to images, uint8 (N, C, S, S)."""
    noise = generator.normal(0, 255 * deviation, images.shape)
    rounded: UInt8Array = np.rint(np.clip(images + noise, 0, 255)).astype(np.uint8)
    return rounded
