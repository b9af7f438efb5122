"""digits: grey images with labels of class only."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from lordbench.data.dataset import DatasetConfig
from lordbench.datasets.digits import Digits


def test_all_digits_come_in_grey_with_their_labels() -> None:
    digits = Digits(DatasetConfig()).load(32)
    assert digits.images.shape == (1797, 1, 32, 32)
    assert digits.class_names == tuple("0123456789")
    assert digits.contents is None
    assert np.array_equal(digits.classes, load_digits().target)


def test_at_their_own_size_the_pixels_are_the_originals() -> None:
    digits = Digits(DatasetConfig()).load(8)
    assert np.abs(digits.images[:, 0] / 255 * 16 - load_digits().images).max() < 0.04
