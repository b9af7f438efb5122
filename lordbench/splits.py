"""Splits: which images train, and which stay unseen by every method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lordbench import seeds
from lordbench.errors import UserError
from lordbench.images import ImageSet, Int64Array

SPLIT_VERSION = 1
HELD_OUT = 0.1
"""Share of each class's images, or of the classes, that is held out."""

SplitName = Literal["samples", "classes"]


@dataclass(frozen=True)
class Split:
    """A data set cut in two.

    Attributes:
        name: `samples`: every class is seen in training, the held-out images of it are not; `classes`:
            the held-out classes are not seen at all.
        train: images to learn from, with class ids renumbered to those present.
        test: held-out images. In `samples` their class ids are those of `train`; in `classes` they are
            numbered on their own.
    """

    name: SplitName
    train: ImageSet
    test: ImageSet


def split(images: ImageSet, name: SplitName, seed: int) -> Split:
    """Cut a data set in two, by a seed; the cut depends on nothing else.

    Raises:
        UserError: there are too few images or classes to hold any out.
    """
    return _by_samples(images, seed) if name == "samples" else _by_classes(images, seed)


def stratified(
    classes: Int64Array, share: float, generator: np.random.Generator
) -> tuple[Int64Array, Int64Array]:
    """Cut image indices in two within each class: (rest, drawn), both sorted.

    At least one image is drawn from a class of two or more; a class of one image stays in the rest.
    """
    drawn = []
    for c in np.unique(classes):
        members = generator.permutation(np.flatnonzero(classes == c))
        count = min(max(1, round(share * len(members))), len(members) - 1)
        drawn.append(members[:count])
    chosen = np.sort(np.concatenate(drawn))
    return np.setdiff1d(np.arange(len(classes)), chosen), chosen


def _by_samples(images: ImageSet, seed: int) -> Split:
    images = images.keep_classes(np.unique(images.classes))
    rest, drawn = stratified(images.classes, HELD_OUT, seeds.numpy_generator(seed, "split", "samples"))
    if len(np.unique(images.classes[drawn])) < 2:
        raise UserError(
            f"{images.name}: no images can be held out: fewer than two classes have two images or more",
            "Add images, or use another data set.",
        )
    return Split("samples", images.subset(rest), images.subset(drawn))


def _by_classes(images: ImageSet, seed: int) -> Split:
    present = np.unique(images.classes)
    count = max(2, round(HELD_OUT * len(present)))
    if len(present) < count + 2:
        raise UserError(
            f"{images.name}: {len(present)} classes are too few to hold {count} out and train on two or more",
            "Use --split samples.",
        )
    order = seeds.numpy_generator(seed, "split", "classes").permutation(present)
    test, train = np.sort(order[:count]), np.sort(order[count:])
    return Split("classes", images.keep_classes(train), images.keep_classes(test))
