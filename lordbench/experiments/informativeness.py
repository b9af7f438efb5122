"""Informativeness: how well each attribute of an image can be predicted from each of its codes."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np

from lordbench.data import Column, ImageSet, Int64Array, SplitName
from lordbench.evaluation import CodeKind, Experiment, Measurement, MeasurementKey, Trained, ridge
from lordbench.evaluation.headlines import BY_CODE, Headline, Headlines
from lordbench.evaluation.metric import Float64Array
from lordbench.evaluation.pixel_features import pixel_features
from lordbench.evaluation.probing import FOLDS, MAX_LABELS, Features, Fold, LabelProbing, of_images, part_of
from lordbench.utils import seeds

NAME = "informativeness"


class Read(NamedTuple):
    """What is predicted of the test images of all folds, by attribute: (M, K) each."""

    test: Int64Array
    predicted: dict[str, Float64Array]


class Informativeness(Experiment):
    """Attributes that class and content consist of, such as azimuth and elevation, each from each code.

    Attributes with names count as classes (`normalized`: 0 is chance, 1 all right); numbers, such as the
    coordinates of a landmark, by the share of their variance that is predicted (`r2`). One regression reads
    all attributes of a code, so forty cost as much as one. Whole classes are held out of its training, or
    whole contents where the class decides the attribute. An attribute that is the class or the content
    itself, or has more than 100 values, is left out. The floor is 0; pixels say what an image reveals.
    """

    summary: ClassVar[str] = "each attribute (azimuth, elevation, glasses ...) predicted from each code"
    headlines: ClassVar[Headlines] = {
        BY_CODE: (
            Headline("* from content", "encoded", "from content, *", "normalized"),
            Headline("* from class", "encoded", "from class, *", "normalized"),
        )
    }

    def missing(self, images: ImageSet, split: SplitName, labels: str) -> str:
        return "" if attributes_of(images) else "needs images with attributes, such as --dataset toycars"

    def run(self, trained: Trained) -> list[Measurement]:
        """Predict the attributes of the images from their encoded codes, and from pixels."""
        probing, codes = LabelProbing.encoded(trained, NAME)
        if not attributes_of(probing.images):
            return []
        rows: list[Measurement] = []
        for code, values in (("content", codes.content_code), ("class", codes.class_code)):
            rows += _from(probing, code, "encoded", of_images(values.float().cpu().numpy()))
        return rows + trained.shared(f"{NAME}: pixels", lambda: _from_pixels(probing))


def attributes_of(images: ImageSet) -> dict[str, Column]:
    """Return the attributes that vary and are neither the class nor the content under another name."""
    return {
        name: column
        for name, column in images.attributes.items()
        if len(np.unique(column.values)) > 1
        and (column.names is None or len(column.names) <= MAX_LABELS)
        and not any(_same(column.values, images.labels(label)) for label in ("class", "content"))
    }


def _same(values: Int64Array, labels: Int64Array | None) -> bool:
    """Whether two labels, int64 (N,), divide the images alike."""
    if labels is None:
        return False
    pairs = np.unique(np.stack([values, labels]), axis=1).shape[1]
    return bool(pairs == len(np.unique(values)) == len(np.unique(labels)))


def _from_pixels(probing: LabelProbing) -> list[Measurement]:
    """Predict from principal components of images that may be trained on: they see no attribute."""
    generator = seeds.numpy_generator(probing.trained.seed, NAME, "pixels")
    drawn = generator.permutation(np.flatnonzero(probing.train))[: probing.trained.sizes.probed]
    every = Fold(np.sort(drawn), np.arange(len(probing.images)))
    components = pixel_features(probing)(every)[1]
    return list(_from(probing, "pixels", "", of_images(components)))


def _from(probing: LabelProbing, code: str, kind: CodeKind, features: Features) -> Iterator[Measurement]:
    """Predict all attributes from features, and compare the predictions with the labels."""
    images = probing.images
    parts = {name: part_of(images, name) for name in attributes_of(images)}
    for of_class in (False, True):
        names = [name for name, part in parts.items() if (part == "class") == of_class]
        other = images.contents if of_class else images.classes
        if not names:
            continue
        read = _read(probing, code, {name: images.attributes[name] for name in names}, other, features)
        for name in names if len(read.test) else ():
            better = None if code == "pixels" or not parts[name] else parts[name] == code
            key = MeasurementKey(NAME, f"from {code}, {name}", kind)
            yield from _scored(probing, key, images.attributes[name], read, read.predicted[name], better)


def _read(
    probing: LabelProbing,
    code: str,
    columns: Mapping[str, Column],
    other: Int64Array | None,
    features: Features,
) -> Read:
    """Predict attributes in folds that hold out whole values of the `other` label, or single images."""
    seed = seeds.derive(probing.trained.seed, NAME, *columns)
    groups = np.arange(len(probing.images)) if other is None else other
    targets = {name: _target(column) for name, column in columns.items()}
    tests: list[Int64Array] = []
    predicted: dict[str, list[Float64Array]] = {name: [] for name in columns}
    for i, fold in enumerate(_folds(probing, groups, seeds.numpy_generator(seed, "folds"))):
        train, test = features(fold)
        known = [target[fold.train] for target in targets.values()]
        values = ridge.predict(train, known, groups[fold.train], test, seeds.derive(seed, code, i))
        tests.append(fold.test)
        for name, value in zip(columns, values, strict=True):
            predicted[name].append(value)
    if not tests:
        return Read(np.empty(0, dtype=np.int64), {})
    return Read(np.concatenate(tests), {name: np.concatenate(own) for name, own in predicted.items()})


def _folds(probing: LabelProbing, groups: Int64Array, generator: np.random.Generator) -> Iterator[Fold]:
    values = np.unique(groups, return_inverse=True)[1]
    part = generator.permutation(values.max() + 1)[values] % FOLDS
    most = probing.trained.sizes.probed
    for i in range(FOLDS):
        chosen = probing.train & (part != i), probing.test & (part == i)
        fold = Fold(*(np.sort(generator.permutation(np.flatnonzero(side))[:most]) for side in chosen))
        if len(fold.train) > 1 and len(fold.test):
            yield fold


def _target(column: Column) -> Float64Array:
    """Labels as one-hot columns, (N, K), or numbers, (N, 1)."""
    if column.names is None:
        return column.values[:, None].astype(np.float64)
    return np.eye(len(column.names))[column.values]


def _scored(
    probing: LabelProbing,
    key: MeasurementKey,
    column: Column,
    read: Read,
    predicted: Float64Array,
    better: bool | None,
) -> Iterator[Measurement]:
    images, trained = probing.images, probing.trained
    groups, values = images.groups(read.test), column.values[read.test]
    how: Any = {"higher_is_better": better, "policy": ridge.POLICY}
    if column.names is None:
        # A guess of the mean has an R² of 0.
        shares = 1 - np.square(predicted[:, 0] - values) / max(float(values.var()), 1e-12)
        yield trained.scoring.mean(key, "r2", shares, groups, trained.seed, **how)
        return
    correct = predicted.argmax(axis=1) == values
    counts = np.bincount(column.values[probing.train | probing.test])
    chance = float(counts.max() / counts.sum())
    yield Measurement(
        **key._asdict(),
        metric="chance",
        value=chance,
        n=len(values),
        higher_is_better=None,
        policy="most frequent",
    )
    share = trained.scoring.mean(key, "normalized", correct, groups, trained.seed, **how)
    yield share.above_chance("normalized", chance)
