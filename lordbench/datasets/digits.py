"""digits: the handwritten digits that scikit-learn ships."""

from typing import ClassVar

import numpy as np
from PIL import Image

from lordbench.data import Dataset, ImageSet, fingerprint
from lordbench.utils.progress import Track, untracked

VERSION = "digits-1"
LARGEST = 16  # value in scikit-learn's images


class Digits(Dataset):
    """Class = digit (10); the handwriting, which is the content, is not labelled. Grey, from 8 x 8 pixels."""

    summary: ClassVar[str] = "scikit-learn's handwritten digits; class = digit (10), content not labelled"

    def load(self, size: int, track: Track[int] = untracked) -> ImageSet:
        """Load the 1,797 images, (1797, 1, size, size), enlarged bilinearly: white strokes on black."""
        from sklearn.datasets import load_digits

        digits = load_digits()
        small = np.rint(digits.images * (255 / LARGEST)).astype(np.uint8)
        images = np.empty((len(small), 1, size, size), np.uint8)
        for i in track(range(len(small)), "reading digits", len(small)):
            enlarged = Image.fromarray(small[i]).resize((size, size), Image.Resampling.BILINEAR)
            images[i, 0] = np.asarray(enlarged)
        classes = digits.target.astype(np.int64)
        names = tuple(str(digit) for digit in digits.target_names)
        digest = fingerprint(images, classes, None, VERSION)
        return ImageSet("digits", images, classes, None, names, None, digest)
