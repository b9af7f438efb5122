"""Folds: which images a probe learns from and which it is tried on, so that only the label can tell."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lordbench.images import Int64Array

FOLDS = 4
FEWEST = 2
"""Images of a label to learn from, at least: one to fit a probe on, one to choose its strength on."""
MOST_LABELS = 100
"""Labels that are told apart, at most; drawn at random."""


class Fold(NamedTuple):
    """Images that probes learn from and are tried on, by index, int64, sorted; disjoint."""

    known: Int64Array
    tried: Int64Array


def folds(
    labels: Int64Array,
    other: Int64Array | None,
    known: npt.NDArray[np.bool_],
    tried: npt.NDArray[np.bool_],
    generator: np.random.Generator,
    most: int,
) -> list[Fold]:
    """Cut images into folds for reading a label: whole values of the other label are held out.

    The values of the other label are dealt into `FOLDS` parts at random; a fold learns from images outside a
    part and is tried on those inside. Were images held out one by one, a probe would do worse than chance on
    codes that hide the label well: where each class shows each content once, it has seen the content of the
    tried image with all classes but the right one. And it could never tell what it learned by heart of single
    contents from what it read.

    Where the other label is unknown or the same for all, images that are both known and tried are dealt one
    by one, evenly over the labels; where none is both, there is one fold of all.

    Labels take part in a fold where they have `FEWEST` known images or more. A fold with fewer than two such
    labels, or with no image to try of any, is left out: there is nothing to tell. So there are no folds for
    labels that are never seen in training, such as the numbers of pairs that are held out whole.

    Args:
        labels: to be read, int64 (N,), from 0 on.
        other: the label that must not help, likewise.
        known: images that may be learned from, bool (N,).
        tried: images that may be tried, bool (N,).
        generator: of the parts, and of what is drawn where there are too many labels or images.
        most: images to learn from, and images to try, of a fold; where there are more, these are drawn.
    """
    if other is not None and len(np.unique(other)) > 1:
        values = np.unique(other, return_inverse=True)[1]
        part = generator.permutation(values.max() + 1)[values] % FOLDS
    elif (known & tried).any():
        part = np.empty(len(labels), dtype=np.int64)
        part[np.lexsort((generator.permutation(len(labels)), labels))] = np.arange(len(labels)) % FOLDS
    else:
        return [fold for fold in [_taking_part(labels, known, tried, generator, most)] if fold]
    cut = (
        _taking_part(labels, known & (part != i), tried & (part == i), generator, most) for i in range(FOLDS)
    )
    return [fold for fold in cut if fold]


def _taking_part(
    labels: Int64Array,
    known: npt.NDArray[np.bool_],
    tried: npt.NDArray[np.bool_],
    generator: np.random.Generator,
    most: int,
) -> Fold | None:
    n_labels = int(labels.max()) + 1
    n_known, n_tried = (np.bincount(labels[chosen], minlength=n_labels) for chosen in (known, tried))
    present = generator.permutation(np.flatnonzero(n_known >= FEWEST))
    if len(present) < 2 or not n_tried[present].any():
        return None
    present = present[np.argsort(n_tried[present] == 0, kind="stable")]  # those that are tried come first
    taking_part = np.isin(labels, present[:MOST_LABELS])
    drawn = (
        np.sort(generator.permutation(np.flatnonzero(chosen & taking_part))[:most])
        for chosen in (known, tried)
    )
    return Fold(*drawn)
