"""The checks of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lordbench.checks.check import Check, SkippedCheck, require, require_settings, require_text
from lordbench.data.dataset import Dataset, DatasetConfig
from lordbench.data.images import ImageSet
from lordbench.data.splits import SplitName, split
from lordbench.utils.errors import UserError

SPLITS: tuple[SplitName, ...] = ("samples", "classes")


@dataclass
class Loading:
    """A data set on trial.

    Attributes:
        dataset: with its settings.
        size: of images, in pixels.
    """

    dataset: Dataset
    size: int

    @cached_property
    def images(self) -> ImageSet:
        """Its images at that size, loaded once."""
        return self.dataset.load(self.size)


def declares(loading: Loading) -> str:
    """It says in a line what it is, and every setting has a default."""
    require_text(type(loading.dataset), "summary")
    require_settings(type(loading.dataset), DatasetConfig)
    return str(type(loading.dataset).summary)


def ready(loading: Loading) -> str:
    """`missing` says what has to be put where, or nothing where the data is there."""
    missing = loading.dataset.missing()
    require(isinstance(missing, str), f"missing gives {type(missing).__name__}, not text")
    if missing:
        raise SkippedCheck(f"the data is not on this machine: {missing}")
    return "its data is here"


def loads(loading: Loading) -> str:
    """`load` gives an ImageSet at the size that is asked for."""
    images = loading.images
    require(isinstance(images, ImageSet), f"load gives {type(images).__name__}, not an ImageSet")
    require(
        images.size == loading.size, f"load({loading.size}) gives images of {images.size} px", "Resize them."
    )
    require(bool(images.fingerprint), "the fingerprint is empty", "See lordbench.data.images.fingerprint.")
    kind = "grey" if images.channels == 1 else "colour"
    return f"{len(images):,} {kind} images of {images.n_classes} classes"


def other_size(loading: Loading) -> str:
    """At another size it has the same labels, and another fingerprint: a preset chooses the size."""
    other = loading.dataset.load(2 * loading.size)
    require(other.size == 2 * loading.size, f"load({2 * loading.size}) gives images of {other.size} px")
    require(
        np.array_equal(other.classes, loading.images.classes),
        "the classes of the images change with their size",
    )
    require(
        other.fingerprint != loading.images.fingerprint,
        "the fingerprint does not change with the size of the images",
        "Make it of the pixels: lordbench.data.images.fingerprint(images, classes, contents, VERSION).",
    )
    return f"at {loading.size} and {2 * loading.size} px"


def same_again(loading: Loading) -> str:
    """Loaded again it has the same pixels, labels and fingerprint: results are filed under the latter."""
    first, second = loading.images, loading.dataset.load(loading.size)
    equal = np.array_equal(first.images, second.images) and np.array_equal(first.classes, second.classes)
    require(equal, "loaded twice, images or classes differ", "Draw from a generator with a fixed seed.")
    require(first.fingerprint == second.fingerprint, "loaded twice, the fingerprint differs")
    return f"fingerprint {first.fingerprint}"


def splits(loading: Loading) -> str:
    """Images or classes can be held out of it: without that there is nothing to score."""
    possible, reasons = [], []
    for name in SPLITS:
        try:
            parts = split(loading.images, name, seed=0)
        except UserError as error:
            reasons.append(str(error))
        else:
            possible.append(f"{name} ({len(parts.train):,} to learn from, {len(parts.test):,} held out)")
    require(bool(possible), "; ".join(reasons))
    return "; ".join(possible)


DATASET_CHECKS: tuple[Check[Loading], ...] = (
    Check("describes itself", declares),
    Check("ready", ready),
    Check("images", loads, needs=("ready",)),
    Check("same again", same_again, needs=("images",)),
    Check("another size", other_size, needs=("images",)),
    Check("splits", splits, needs=("images",)),
)
"""In the order in which they are made."""
