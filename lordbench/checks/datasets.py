"""The checks of a data set."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lordbench.checks.check import Check, SkippedCheck, require, require_settings, require_text
from lordbench.checks.trial import SPLITS
from lordbench.data import Dataset, DatasetConfig, ImageSet
from lordbench.data.splits import split
from lordbench.utils.errors import UserError


@dataclass
class DatasetTrial:
    """A data set with its settings, and the size of its images in pixels.

    `name` is what a plug-in's images must be called; empty for any.
    """

    dataset: Dataset
    size: int
    name: str = ""

    @cached_property
    def images(self) -> ImageSet:
        return self.dataset.load(self.size)


def declares(trial: DatasetTrial) -> str:
    """It has a summary of a line, and every setting has a default."""
    require_text(type(trial.dataset), "summary")
    require_settings(type(trial.dataset), DatasetConfig)
    return str(type(trial.dataset).summary)


def ready(trial: DatasetTrial) -> str:
    """`missing` says which files must be put where, or nothing if the data is complete."""
    missing = trial.dataset.missing()
    require(isinstance(missing, str), f"missing gives {type(missing).__name__}, not text")
    if missing:
        raise SkippedCheck(f"the data is missing: {missing}")
    return "its data is complete"


def loads(trial: DatasetTrial) -> str:
    """`load` returns an ImageSet at the requested size."""
    images = trial.images
    require(isinstance(images, ImageSet), f"load gives {type(images).__name__}, not an ImageSet")
    require(images.size == trial.size, f"load({trial.size}) gives images of {images.size} px", "Resize them.")
    called = f"its images are called {images.name!r}, the file {trial.name!r}: tables name data sets by both"
    require(trial.name in ("", images.name), called, f"Return an ImageSet with name={trial.name!r}.")
    require(bool(images.fingerprint), "the fingerprint is empty", "See lordbench.data.fingerprint.")
    kind = "grey" if images.channels == 1 else "colour"
    return f"{len(images):,} {kind} images of {images.n_classes} classes"


def other_size(trial: DatasetTrial) -> str:
    """At another size it has the same labels and another fingerprint: presets choose the size."""
    other = trial.dataset.load(2 * trial.size)
    require(other.size == 2 * trial.size, f"load({2 * trial.size}) gives images of {other.size} px")
    equal = np.array_equal(other.classes, trial.images.classes)
    require(equal, "the classes of the images change with their size")
    hint = "Compute it from the pixels: lordbench.data.fingerprint(images, classes, contents, VERSION)."
    differs = other.fingerprint != trial.images.fingerprint
    require(differs, "the fingerprint does not change with the size of the images", hint)
    return f"at {trial.size} and {2 * trial.size} px"


def same_again(trial: DatasetTrial) -> str:
    """Loaded again it has the same pixels, labels and fingerprint, which identifies the data in results."""
    first, second = trial.images, trial.dataset.load(trial.size)
    equal = np.array_equal(first.images, second.images) and np.array_equal(first.classes, second.classes)
    require(equal, "loaded twice, images or classes differ", "Draw from a generator with a fixed seed.")
    require(first.fingerprint == second.fingerprint, "loaded twice, the fingerprint differs")
    return f"fingerprint {first.fingerprint}"


def splits(trial: DatasetTrial) -> str:
    """Images or classes can be held out: evaluation needs them."""
    possible, reasons = [], []
    for name in SPLITS:
        try:
            parts = split(trial.images, name, seed=0)
        except UserError as error:
            reasons.append(str(error))
        else:
            possible.append(f"{parts.title} ({len(parts.train):,} training, {len(parts.test):,} held out)")
    require(bool(possible), "; ".join(reasons))
    return "; ".join(possible)


DATASET_CHECKS: tuple[Check[DatasetTrial], ...] = (
    Check("describes itself", declares),
    Check("ready", ready),
    Check("images", loads, needs=("ready",)),
    Check("same again", same_again, needs=("images",)),
    Check("another size", other_size, needs=("images",)),
    Check("splits", splits, needs=("images",)),
)
"""In order."""
