"""Image pairs of a content transfer: content of A, class of B, and the true image where it exists.

Also the images that give the class in one-shot transfer: K source images in place of image B alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lordbench.data.images import ImageSet, Int64Array, UInt8Array

BLOCKS = 40
"""Most blocks of candidates, 50 times the pairs wanted each, that are drawn from many images."""


@dataclass(frozen=True)
class Pairs:
    """Image pairs, by index, int64 (N,): images A and B, into the images that they were drawn from.

    `truth` has A's content and B's class, and is an index into the pool; None without content labels.
    """

    content: Int64Array
    class_: Int64Array
    truth: Int64Array | None

    def __len__(self) -> int:
        return len(self.content)

    def select(self, chosen: npt.NDArray[np.bool_]) -> Pairs:
        """Return the chosen pairs, bool (N,)."""
        truth = None if self.truth is None else self.truth[chosen]
        return Pairs(self.content[chosen], self.class_[chosen], truth)


def draw_pairs(images: ImageSet, pool: ImageSet, count: int, generator: np.random.Generator) -> Pairs:
    """Draw distinct pairs of different classes, and of different contents where these are labelled.

    With labelled contents, only pairs whose true image is in `pool` are drawn; of several true images the
    first counts. They are fewer than `count` where no more exist, or they are too rare (`BLOCKS`).
    """
    n, drawn = len(images), np.empty(0, dtype=np.int64)
    for flat in _candidates(n * n, count, generator):
        first, second = flat // n, flat % n
        valid = images.classes[first] != images.classes[second]
        if images.contents is not None:
            valid &= images.contents[first] != images.contents[second]
            valid &= true_images(images, pool, first, second) >= 0
        drawn = _distinct(np.concatenate([drawn, flat[valid]]))[:count]
        if len(drawn) == count:
            break
    first, second = drawn // n, drawn % n
    truth = None if images.contents is None else true_images(images, pool, first, second)
    return Pairs(first, second, truth)


def true_images(images: ImageSet, pool: ImageSet, content: Int64Array, class_: Int64Array) -> Int64Array:
    """Find the first image in `pool` with the content of some images and the class of others.

    `content` and `class_` index `images`, which has the pool's labels, int64 (N,). Returns an index into the
    pool, int64 (N,); -1 where there is no such image.
    """
    assert images.contents is not None
    return find_images(pool, images.classes[class_], images.contents[content])


def find_images(pool: ImageSet, classes: Int64Array, contents: Int64Array) -> Int64Array:
    """Find the first image of each class and content, int64 (N,) each, in a pool with labelled contents.

    Returns an index into the pool, int64 (N,); -1 where there is no such image.
    """
    assert pool.contents is not None
    assert pool.content_names is not None
    where = np.full((pool.n_classes, len(pool.content_names)), -1, dtype=np.int64)
    _, first = np.unique(pool.classes * where.shape[1] + pool.contents, return_index=True)
    where[pool.classes[first], pool.contents[first]] = first
    index: Int64Array = where[classes, contents]
    return index


def random_views(pool: ImageSet, classes: Int64Array, generator: np.random.Generator) -> Int64Array:
    """Draw one image of each class in `classes`, int64 (N,), uniformly; return indices, int64 (N,)."""
    order = np.argsort(pool.classes, kind="stable")
    starts = np.searchsorted(pool.classes[order], np.arange(pool.n_classes + 1))
    return order[generator.integers(starts[classes], starts[classes + 1])]


def class_means(images: ImageSet, classes: Int64Array) -> UInt8Array:
    """Return the mean image of each class in `classes`, int64 (N,): uint8 (N, C, S, S)."""
    distinct, position = np.unique(classes, return_inverse=True)
    means = [np.rint(images.images[images.classes == class_].mean(axis=0)) for class_ in distinct]
    return np.stack(means).astype(np.uint8)[position]


def nearest_images(images: ImageSet, contents: Int64Array, targets: UInt8Array) -> UInt8Array:
    """Return for each target, uint8 (N, C, S, S), the nearest image by L1 with a content, int64 (N,).

    Where no image has the content, it is the nearest of all.
    """
    nearest = np.empty_like(targets)
    for i, (content, target) in enumerate(zip(contents, targets, strict=True)):
        candidates = images.images[images.contents == content]
        candidates = candidates if len(candidates) else images.images
        distances = np.abs(candidates.astype(np.int16) - target).mean(axis=(1, 2, 3))
        nearest[i] = candidates[distances.argmin()]
    return nearest


def support_images(images: ImageSet, pairs: Pairs, generator: np.random.Generator) -> Iterator[Int64Array]:
    """Yield the support images of each pair: candidates to give its class, int64 (K,), in the order of use.

    Image B comes first, then the other images of its class in random order, without the true image. `images`
    is also the pool of the true images.
    """
    members = [np.flatnonzero(images.classes == c) for c in range(images.n_classes)]
    for i, b in enumerate(pairs.class_):
        others = generator.permutation(members[images.classes[b]])
        truth = -1 if pairs.truth is None else pairs.truth[i]
        yield np.concatenate([[b], others[(others != b) & (others != truth)]])


def split_into_sets(images: ImageSet, k: int, generator: np.random.Generator) -> Int64Array:
    """Assign each class's images at random to sets of K, the last maybe smaller; return them, int64 (N,)."""
    sets = np.empty(len(images), dtype=np.int64)
    first = 0
    for c in np.unique(images.classes):
        members = generator.permutation(np.flatnonzero(images.classes == c))
        sets[members] = first + np.arange(len(members)) // k
        first = int(sets[members].max()) + 1
    return sets


def class_sources(images: ImageSet, pairs: Pairs, sets: Int64Array, k: int) -> Int64Array | None:
    """Choose a complete set of source images for the class of each pair, without the true image.

    Returns an image of each set, int64 (N,), into `images`: image B where its set qualifies, else the first
    image of the class whose set does. None where a pair has no such set.
    """
    complete = np.bincount(sets)[sets] == k
    sources = pairs.class_.copy()
    for i, b in enumerate(pairs.class_):
        qualified = complete & (images.classes == images.classes[b])
        if pairs.truth is not None:
            qualified &= sets != sets[pairs.truth[i]]
        if not qualified.any():
            return None
        sources[i] = b if qualified[b] else np.flatnonzero(qualified)[0]
    return sources


def _candidates(total: int, count: int, generator: np.random.Generator) -> Iterator[Int64Array]:
    """Numbers below `total` in random order: all of them at once, or blocks of far more than `count`."""
    wanted = 50 * count
    if total <= 4 * wanted:
        yield generator.permutation(total)
        return
    # Drawn with replacement: a permutation of n * n images takes gigabytes where n is large.
    for _ in range(BLOCKS):
        yield generator.integers(total, size=wanted)


def _distinct(values: Int64Array) -> Int64Array:
    """Each value once, in the order of first occurrence."""
    _, first_seen = np.unique(values, return_index=True)
    return values[np.sort(first_seen)]
