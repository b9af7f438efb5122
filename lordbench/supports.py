"""Supports: the images that may give the class of a pair, one, K or all of a class."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lordbench.images import ImageSet, Int64Array
from lordbench.pairing import Pairs


def supporting(images: ImageSet, pairs: Pairs, generator: np.random.Generator) -> Iterator[Int64Array]:
    """Images that may give the class of each pair, in the order in which they are taken.

    Image B comes first, then the other images of its class in random order, without the true image: int64
    (K,), into `images`, which the true images of the pairs are in.
    """
    members = [np.flatnonzero(images.classes == c) for c in range(images.n_classes)]
    for i, first in enumerate(pairs.class_):
        others = generator.permutation(members[images.classes[first]])
        truth = -1 if pairs.truth is None else pairs.truth[i]
        yield np.concatenate([[first], others[(others != first) & (others != truth)]])


def dealt(images: ImageSet, k: int, generator: np.random.Generator) -> Int64Array:
    """Deal the images of each class into sets of K at random: the number of each image's set, int64 (N,).

    What is left over of a class is a smaller set.
    """
    sets = np.empty(len(images), dtype=np.int64)
    first = 0
    for c in np.unique(images.classes):
        members = generator.permutation(np.flatnonzero(images.classes == c))
        sets[members] = first + np.arange(len(members)) // k
        first = int(sets[members].max()) + 1
    return sets


def giving(images: ImageSet, pairs: Pairs, sets: Int64Array, k: int) -> Int64Array | None:
    """An image of the set that gives the class of each pair, int64 (N,), into `images`.

    It is image B where B's set has K images and not the true one among them, else the first image of the
    class in such a set. None where a pair has no such set.
    """
    whole = np.bincount(sets)[sets] == k
    givers = pairs.class_.copy()
    for i, b in enumerate(pairs.class_):
        fit = whole & (images.classes == images.classes[b])
        if pairs.truth is not None:
            fit &= sets != sets[pairs.truth[i]]
        if not fit.any():
            return None
        givers[i] = b if fit[b] else np.flatnonzero(fit)[0]
    return givers
