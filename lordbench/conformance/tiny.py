"""The tiny set that plug-ins are tried on: drawn in a moment, every combination of class and content once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lordbench.images import ImageSet, fingerprint

N_CLASSES, N_CONTENTS = 8, 12


def halves(
    size: int, channels: int = 3, n_classes: int = N_CLASSES, n_contents: int = N_CONTENTS
) -> ImageSet:
    """Two-coloured squares: the class is the pair of colours, the content the side that the first is on.

    Images are uint8 (n_classes * n_contents, channels, size, size), class by class. Both labels decide many
    pixels, so neither can be overlooked; the colours cover unequal shares, so that no direction looks like
    another with the colours exchanged.
    """
    colours = np.random.default_rng(7).integers(0, 256, size=(n_classes, 2, channels))
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    angles = 2 * np.pi * np.arange(n_contents) / n_contents
    sides = np.stack([np.cos(angle) * x + np.sin(angle) * y > size / 6 for angle in angles]).astype(int)
    images = np.moveaxis(colours[:, sides], -1, 2).reshape(-1, channels, size, size).astype(np.uint8)
    classes = np.repeat(np.arange(n_classes), n_contents)
    contents = np.tile(np.arange(n_contents), n_classes)
    return ImageSet(
        "halves",
        images,
        classes,
        contents,
        tuple(f"colours{i}" for i in range(n_classes)),
        tuple(f"direction{i}" for i in range(n_contents)),
        fingerprint(images, classes, contents, "halves-1"),
    )


def without_contents(images: ImageSet) -> ImageSet:
    """The same images where nobody has labelled their content."""
    return replace(images, contents=None, content_names=None)
