"""stripes: grey stripes; the class is their count, the content their shift."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lordbench.data import Dataset, ImageSet, fingerprint
from lordbench.utils.progress import Track, untracked

COUNTS = (1, 2, 3, 4)
SHIFTS = 10


class Stripes(Dataset):
    """Class = number of stripes (4), content = shift (10); grey."""

    summary: ClassVar[str] = "grey stripes; class = count (4), content = shift (10)"

    def load(self, size: int, track: Track[int] = untracked) -> ImageSet:
        """Draw the 40 images, (40, 1, size, size)."""
        x = (np.arange(size) + 0.5) / size
        rows = [
            np.sin(2 * np.pi * (count * x + shift / SHIFTS)) for count in COUNTS for shift in range(SHIFTS)
        ]
        pixels = np.rint(127.5 * (1 + np.stack(rows))).astype(np.uint8)
        images = np.ascontiguousarray(np.broadcast_to(pixels[:, None, None], (len(rows), 1, size, size)))
        classes = np.repeat(np.arange(len(COUNTS)), SHIFTS)
        contents = np.tile(np.arange(SHIFTS), len(COUNTS))
        return ImageSet(
            "stripes",
            images,
            classes,
            contents,
            tuple(f"{count} stripes" for count in COUNTS),
            tuple(f"shift {shift}" for shift in range(SHIFTS)),
            fingerprint(images, classes, contents, "stripes-1"),
        )
