"""Splits into training and held-out images.

Where a data set has an official split of the requested kind, that one is used; else one is drawn by a seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from lordbench.data.images import TEST, TRAIN, Column, ImageSet, Int64Array
from lordbench.utils import seeds
from lordbench.utils.errors import UserError

SPLIT_VERSION = 2
HELD_OUT = 0.1  # share of each class's images, or of the classes
SplitName = Literal["samples", "classes"]


@dataclass(frozen=True)
class Split:
    """A data set, split into training and held-out images.

    Attributes:
        name: in `samples`, images of all classes are held out; in `classes`, whole classes are.
        train: training images, with class ids renumbered to those present.
        test: held-out images, with the class ids of `train` in `samples`; in `classes`, with their own.
        official: whether it is the data set's own, the same for all seeds.
        labels: selector of the class labels; empty for the data set's own.
        silhouettes: where classes are clusters: mean silhouette of each domain's, by its name, in [-1, 1].
        reserved: seeds whose held-out images are in neither part; not empty in a `validation` split only.
    """

    name: SplitName
    train: ImageSet
    test: ImageSet
    official: bool = False
    labels: str = ""
    silhouettes: Mapping[str, float] = field(default_factory=dict)
    reserved: tuple[int, ...] = ()

    @property
    def title(self) -> str:
        name = f"official {self.name}" if self.official else self.name
        return validation_title(name, self.reserved) if self.reserved else name


def official_kind(images: ImageSet) -> SplitName | None:
    """Return what the official split of a data set holds out; None where there is none, or it is neither."""
    if images.parts is None:
        return None
    train, test = (np.unique(images.classes[images.parts == part]) for part in (TRAIN, TEST))
    if min(len(train), len(test)) < 2:
        return None
    shared = np.isin(test, train)
    return "samples" if shared.all() else None if shared.any() else "classes"


def title(images: ImageSet, name: SplitName) -> str:
    """Return the name of a split in tables: `official classes` for the data set's own, else `classes`."""
    return f"official {name}" if official_kind(images) == name else name


def split(images: ImageSet, name: SplitName, seed: int) -> Split:
    """Split a data set: officially where it has such a split, else by a seed; UserError if it is small."""
    require_splittable(images, name)
    if official_kind(images) == name:
        return _official(images, name)
    return _by_samples(images, seed) if name == "samples" else _by_classes(images, seed)


def validation(images: ImageSet, name: SplitName, reserved: Sequence[int], seed: int) -> Split:
    """Split the training images of a data set again, in the same way, to choose settings on `test`.

    What the split `name` holds out with any of the seeds `reserved` is in neither part, so settings are
    chosen without the test images of these seeds.

    Raises:
        UserError: too few training images are left to be split.
    """
    left = replace(images.subset(_training_rows(images, name, reserved)), parts=None)
    left = left.keep_classes(np.unique(left.classes))
    try:
        parts = split(left, name, seeds.derive(seed, "validation"))
    except UserError as error:
        held_out = ", ".join(map(str, reserved))
        hint = "Reserve fewer seeds, or use a larger data set."
        raise UserError(f"{error.message} (without what seeds {held_out} hold out)", hint) from None
    return replace(parts, official=official_kind(images) == name, reserved=tuple(reserved))


def validation_title(title: str, reserved: Sequence[int]) -> str:
    """Return the name of a `validation` split in tables, from that of the split, or its official one."""
    return f"validation of {title}, seeds {', '.join(map(str, reserved))}"


def require_splittable(images: ImageSet, name: SplitName) -> None:
    """Raise UserError if a data set is too small for a split, whatever the seed."""
    present, counts = np.unique(images.classes, return_counts=True)
    if official_kind(images) == name:
        return
    if name == "samples" and (counts > 1).sum() < 2:
        raise UserError(
            f"{images.name}: cannot hold out images: fewer than two classes have two images or more",
            "Add images, or use another data set.",
        )
    count = _held_out_classes(len(present))
    if name == "classes" and len(present) < count + 2:
        raise UserError(
            f"{images.name}: {len(present)} classes are too few to hold {count} out and train on two or more",
            "Use --split samples.",
        )


def stratified(
    classes: Int64Array, share: float, generator: np.random.Generator
) -> tuple[Int64Array, Int64Array]:
    """Split image indices within each class: (rest, drawn), both sorted.

    At least one image is drawn from a class of two or more; a class of one image stays in the rest.
    """
    drawn = []
    for c in np.unique(classes):
        members = generator.permutation(np.flatnonzero(classes == c))
        count = min(max(1, round(share * len(members))), len(members) - 1)
        drawn.append(members[:count])
    held_out = np.sort(np.concatenate(drawn))
    return np.setdiff1d(np.arange(len(classes)), held_out), held_out


def _training_rows(images: ImageSet, name: SplitName, reserved: Sequence[int]) -> Int64Array:
    """Indices of the images that the split holds out with none of the seeds, int64, sorted."""
    rows = np.arange(len(images))
    # Splits read labels only, so a pixel of each image is enough.
    numbered = replace(
        images, images=np.zeros((len(images), 1, 1, 1), np.uint8), attributes={"row": Column(rows)}
    )
    for seed in reserved:
        rows = np.intersect1d(rows, split(numbered, name, seed).train.attributes["row"].values)
    return rows


def _official(images: ImageSet, name: SplitName) -> Split:
    train, test = (images.subset(np.flatnonzero(images.parts == part)) for part in (TRAIN, TEST))
    learned = np.unique(train.classes)
    held_out = learned if name == "samples" else np.unique(test.classes)
    return Split(name, train.keep_classes(learned), test.keep_classes(held_out), official=True)


def _by_samples(images: ImageSet, seed: int) -> Split:
    images = images.keep_classes(np.unique(images.classes))
    rest, drawn = stratified(images.classes, HELD_OUT, seeds.numpy_generator(seed, "split", "samples"))
    return Split("samples", images.subset(rest), images.subset(drawn))


def _by_classes(images: ImageSet, seed: int) -> Split:
    present = np.unique(images.classes)
    count = _held_out_classes(len(present))
    order = seeds.numpy_generator(seed, "split", "classes").permutation(present)
    test, train = np.sort(order[:count]), np.sort(order[count:])
    return Split("classes", images.keep_classes(train), images.keep_classes(test))


def _held_out_classes(n_classes: int) -> int:
    return max(2, round(HELD_OUT * n_classes))
