"""Pairs of a content transfer: content of A, class of B, and the true image where it exists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lordbench.data.images import ImageSet, Int64Array


@dataclass(frozen=True)
class Pairs:
    """Image pairs, by index.

    Attributes:
        content: image A of each pair, int64 (N,), into the images that the pairs were drawn from.
        class_: image B, likewise.
        truth: image with A's content and B's class, int64 (N,), into the pool; None without content labels.
    """

    content: Int64Array
    class_: Int64Array
    truth: Int64Array | None

    def __len__(self) -> int:
        return len(self.content)


def draw_pairs(images: ImageSet, pool: ImageSet, count: int, generator: np.random.Generator) -> Pairs:
    """Draw pairs of different classes, and of different contents where these are labelled.

    With labelled contents only pairs whose true image is in `pool` are drawn; of several true images the
    first counts. Fewer than `count` pairs come back where there are fewer: none is drawn twice.
    """
    first, second = _candidates(len(images), count, generator)
    kept = images.classes[first] != images.classes[second]
    truth = None
    if images.contents is not None:
        kept &= images.contents[first] != images.contents[second]
        truth = true_images(images, pool, first, second)
        kept &= truth >= 0
    chosen = np.flatnonzero(kept)[:count]
    return Pairs(first[chosen], second[chosen], None if truth is None else truth[chosen])


def true_images(images: ImageSet, pool: ImageSet, content: Int64Array, class_: Int64Array) -> Int64Array:
    """Find the images with the content of some images and the class of others.

    Args:
        images: with labelled contents.
        pool: where to look, with the same labels.
        content: images that give the content, int64 (N,), into `images`.
        class_: images that give the class, likewise.

    Returns:
        Index into the pool, int64 (N,), of several the first; -1 where there is none.
    """
    assert images.contents is not None
    return find_images(pool, images.classes[class_], images.contents[content])


def find_images(pool: ImageSet, classes: Int64Array, contents: Int64Array) -> Int64Array:
    """Find the images of given classes and contents, int64 (N,) each.

    Returns:
        Index into the pool, whose contents are labelled, int64 (N,), of several the first; -1 for none.
    """
    assert pool.contents is not None
    assert pool.content_names is not None
    where = np.full((pool.n_classes, len(pool.content_names)), -1, dtype=np.int64)
    # Written from the last to the first image, so that the first of several stays.
    where[pool.classes[::-1], pool.contents[::-1]] = np.arange(len(pool))[::-1]
    found: Int64Array = where[classes, contents]
    return found


def _candidates(n: int, count: int, generator: np.random.Generator) -> tuple[Int64Array, Int64Array]:
    """Distinct ordered pairs of image indices, in random order: all of them, or far more than are needed."""
    total = n * n
    wanted = 50 * count
    # Drawing with replacement and dropping repeats avoids a permutation of n * n where n is large.
    flat = generator.permutation(total) if total <= 4 * wanted else generator.integers(total, size=wanted)
    _, first_seen = np.unique(flat, return_index=True)
    flat = flat[np.sort(first_seen)]
    return flat // n, flat % n


def random_views(pool: ImageSet, classes: Int64Array, generator: np.random.Generator) -> Int64Array:
    """Draw one image of each given class, int64 (N,), uniformly from the pool: int64 (N,)."""
    order = np.argsort(pool.classes, kind="stable")
    starts = np.searchsorted(pool.classes[order], np.arange(pool.n_classes + 1))
    low, high = starts[classes], starts[classes + 1]
    return order[generator.integers(low, high)]


def support_images(images: ImageSet, pairs: Pairs, generator: np.random.Generator) -> Iterator[Int64Array]:
    """Images that may give the class of each pair, in the order in which they are taken.

    Image B comes first, then the other images of its class in random order, without the true image: int64
    (K,), into `images`, which the true images of the pairs are in.
    """
    members = [np.flatnonzero(images.classes == c) for c in range(images.n_classes)]
    for i, first in enumerate(pairs.class_):
        others = generator.permutation(members[images.classes[first]])
        truth = -1 if pairs.truth is None else pairs.truth[i]
        yield np.concatenate([[first], others[(others != first) & (others != truth)]])


def split_into_sets(images: ImageSet, k: int, generator: np.random.Generator) -> Int64Array:
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


def class_sources(images: ImageSet, pairs: Pairs, sets: Int64Array, k: int) -> Int64Array | None:
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
