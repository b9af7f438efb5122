"""Pairs of a content transfer: content of A, class of B, and the true image where it exists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lordbench.images import ImageSet, Int64Array


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
