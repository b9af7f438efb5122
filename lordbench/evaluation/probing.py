"""Label probing: how well probes predict class and content from codes, beside chance and shuffled labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lordbench.data import ImageSet, Int64Array
from lordbench.evaluation import inference
from lordbench.evaluation.experiment import Trained
from lordbench.evaluation.measurement import CodeKind, Measurement, MeasurementKey
from lordbench.evaluation.metric import BoolArray, Float32Array, Prediction, ProbeTask
from lordbench.evaluation.scoring import named
from lordbench.training import Codes
from lordbench.utils import seeds

FOLDS = 4
MIN_TRAIN = 2
"""Fewest training images of a label: one to fit a probe on, one to choose its settings on."""
MAX_LABELS = 100
"""Most labels of a fold; they are drawn at random where there are more."""
UNBALANCED = 0.98
"""Chance level above which a hundredth of the answers is half of the range of normalized values."""
OTHER = {"class": "content", "content": "class"}
SHUFFLED = ", shuffled"
OF_BEST = ("probe_linear", "probe_kernel", "probe_mlp")
"""The probes that `probe_best` is of; a plug-in's own one is not, so that the headline stays comparable."""
BEST = (
    "in each fold the probe most accurate on held-out training codes; a lower bound of what the code reveals"
)


class Fold(NamedTuple):
    """Images that probes are trained and tested on, by index, int64, sorted; disjoint."""

    train: Int64Array
    test: Int64Array


Features = Callable[[Fold], tuple[Float32Array, Float32Array]]
"""Returns the features of a fold's training and test images, (K, D) and (M, D)."""


def of_images(values: Float32Array) -> Features:
    """Features that are the same in every fold, such as codes: (N, D), of all images."""
    return lambda fold: (values[fold.train], values[fold.test])


class Reading(NamedTuple):
    """A label that is predicted from features.

    Attributes:
        key: of its measurements.
        label: `class`, `content` or an attribute that has names.
        features: what it is predicted from.
        higher_is_better: direction of merit; None if there is none.
        floor: also predict shuffled labels, as a subject that ends in `, shuffled`.
        policy: describes the features.
    """

    key: MeasurementKey
    label: str
    features: Features
    higher_is_better: bool | None = None
    floor: bool = False
    policy: str = ""


@dataclass(frozen=True)
class LabelProbing:
    """Predicts class and content of images, by all probes of a run, from codes or other features.

    When the class is predicted, whole contents are held out of the probes' training; when the content is
    predicted, whole classes are (see `make_folds`). Probes may be trained on the images `train`, bool (N,),
    and are tested on `test`, likewise; an image may be both, in different folds.
    """

    trained: Trained
    experiment: str
    images: ImageSet
    train: BoolArray
    test: BoolArray

    @classmethod
    def encoded(cls, trained: Trained, experiment: str) -> tuple[LabelProbing, Codes]:
        """Probe encoded codes; return also the codes of its images.

        With the split `samples`, probes are trained on training images and tested on held-out ones. With
        `classes` they are cross-validated within the held-out images.
        """
        split, codes = trained.split, trained.test_codes
        if split.name == "classes":
            return cls.within(trained, experiment, split.test), codes
        codes = inference.join([trained.train_codes, codes])
        train = np.arange(len(codes)) < len(split.train)
        return cls(trained, experiment, trained.pool, train, ~train), codes

    @classmethod
    def within(cls, trained: Trained, experiment: str, images: ImageSet) -> LabelProbing:
        """Cross-validate within one set of images."""
        every = np.ones(len(images), dtype=np.bool_)
        return cls(trained, experiment, images, every, every)

    def probe_codes(
        self,
        codes: Codes,
        kind: CodeKind,
        *,
        suffix: str = "",
        labels: Sequence[str] = ("class", "content"),
        of: Sequence[str] = ("content", "class"),
        floors: bool = False,
    ) -> list[Measurement]:
        """Predict labels from codes of all N images.

        `labels` and `of` name what is predicted, and from which of the two codes; the suffix ends the
        subjects, such as `, K = 1`. With `floors`, what the other code reveals has a floor.
        """
        values = {"class": codes.class_code, "content": codes.content_code}
        features = {code: values[code].float().cpu().numpy() for code in of}

        def reading(label: str, code: str) -> Reading:
            key = MeasurementKey(self.experiment, f"{label} from {code}{suffix}", kind)
            own = label == code
            return Reading(key, label, of_images(features[code]), own, floor=floors and not own)

        return self.read([reading(label, code) for label in labels for code in of])

    def read(self, readings: Sequence[Reading]) -> list[Measurement]:
        """Measure chance and the accuracy of each probe, plain and normalized.

        Chance is the share of the most frequent label, of those that take part, among all training and test
        images; the normalized accuracy is (accuracy - chance) / (1 - chance). Its interval treats chance as
        exact: it is the same for all methods and comes from all images, accuracy from the test images.
        Intervals are over classes and contents, since images of one class or content are dependent.

        `probe_best` is in each fold that of `OF_BEST` which is most accurate on training codes held out from
        it. No probe finds all that a code reveals, so its accuracy is a lower bound.

        There are no rows where the label is unknown, or no fold has two labels.
        """
        pairs = [(reading, self._folds(reading.label)) for reading in readings]
        tasks = [self._task(reading, i, fold) for reading, folds in pairs for i, fold in enumerate(folds)]
        predicted: dict[str, list[list[Prediction]]] = {}
        for name, probe in self.trained.scoring.probes():
            self.trained.log(f"{self.experiment}: {name}, {len(tasks)} fits")
            with named(name):
                predicted[name] = probe.predict_all(tasks, self.trained.device)
        rows: list[Measurement] = []
        start = 0
        for reading, folds in pairs:
            own = {name: parts[start : start + len(folds)] for name, parts in predicted.items()}
            start += len(folds)
            for row in range(1 + reading.floor) if folds else ():
                of_labels = {name: [part[row] for part in parts] for name, parts in own.items()}
                rows += self._measure(reading, folds, of_labels, shuffled=row == 1)
        return rows

    def _folds(self, label: str) -> list[Fold]:
        labels = self.images.labels(label)
        if labels is None:
            return []
        generator = seeds.numpy_generator(self.trained.seed, "readout", "folds", label)
        other, most = self._other(label), self.trained.sizes.probed
        return make_folds(labels, other, self.train, self.test, generator, most)

    def _other(self, label: str) -> Int64Array | None:
        """Return the label whose values are held out whole; for parts of the class it is the content."""
        if label in OTHER:
            return self.images.labels(OTHER[label])
        return self.images.contents if part_of(self.images, label) == "class" else self.images.classes

    def _task(self, reading: Reading, i: int, fold: Fold) -> ProbeTask:
        labels, other = self.images.labels(reading.label), self._other(reading.label)
        assert labels is not None
        train, test = reading.features(fold)
        rows = [labels[fold.train]]
        if reading.floor:
            rows.append(seeds.numpy_generator(self.trained.seed, *reading.key, i).permutation(rows[0]))
        groups, seed = (
            None if other is None else other[fold.train],
            seeds.derive(self.trained.seed, *reading.key, i),
        )
        return ProbeTask(train, np.stack(rows), groups, test, seed)

    def _measure(
        self, reading: Reading, folds: list[Fold], predicted: dict[str, list[Prediction]], *, shuffled: bool
    ) -> Iterator[Measurement]:
        labels = self.images.labels(reading.label)
        assert labels is not None
        key, better = reading.key, reading.higher_is_better
        if shuffled:
            key, better = key._replace(subject=f"{key.subject}{SHUFFLED}"), None
        test = np.concatenate([fold.test for fold in folds])
        shares = [_most_frequent(labels[self.train | self.test], labels[fold.train]) for fold in folds]
        chance = float(np.average(shares, weights=[len(fold.test) for fold in folds]))
        rare = chance > UNBALANCED
        yield Measurement(**key._asdict(), metric="chance", value=chance, n=len(test), higher_is_better=None)
        groups = self.images.groups(test)
        policies = {name: probe.policy() for name, probe in self.trained.scoring.probes()}
        for name, own in (predicted | _best(predicted)).items():
            correct = np.concatenate([p.labels == labels[f.test] for p, f in zip(own, folds, strict=True)])
            chosen = [prediction.chosen for prediction in own]
            settings = f"chosen: {' / '.join(chosen)}" if any(chosen) else ""
            how = "; ".join(filter(None, [reading.policy, policies.get(name, BEST), settings]))
            edges = sum(prediction.at_edge for prediction in own)
            note = "; ".join(filter(None, (
                f"{name}: chose the edge of its grid in {edges} of {len(own)} folds" if edges else "",
                f"one label has {chance:.1%} of the images: normalized values vary widely" if rare else "",
            )))  # fmt: skip
            accuracy = self.trained.scoring.mean(
                key,
                f"{name}.accuracy",
                correct,
                groups,
                self.trained.seed,
                higher_is_better=better,
                policy=how,
            ).model_copy(update={"note": note})
            yield accuracy
            yield accuracy.above_chance(f"{name}.normalized", chance)


def _best(predicted: dict[str, list[Prediction]]) -> dict[str, list[Prediction]]:
    """In each fold the predictions of the probe that is most accurate on held-out training codes."""
    able = {name: predicted[name] for name in OF_BEST if name in predicted}
    if not able:
        return {}
    best = [
        max(zip(able, own, strict=True), key=lambda pair: pair[1].accuracy or 0.0)
        for own in zip(*able.values(), strict=True)
    ]
    return {
        "probe_best": [own._replace(chosen=name.removeprefix("probe_"), at_edge=False) for name, own in best]
    }


def part_of(images: ImageSet, label: str) -> str:
    """Return `class` or `content` if that decides a label, as a car decides its colour; empty for neither."""
    values = images.labels(label)
    for whole in OTHER:
        decides = images.labels(whole)
        if values is not None and decides is not None:
            pairs = np.unique(np.stack([decides, values], axis=1), axis=0)
            if len(pairs) == len(np.unique(decides)):
                return whole
    return ""


def make_folds(
    labels: Int64Array,
    other: Int64Array | None,
    train: BoolArray,
    test: BoolArray,
    generator: np.random.Generator,
    most: int,
) -> list[Fold]:
    """Split images into folds for predicting a label: whole values of the other label are held out.

    The values of the other label are assigned to `FOLDS` parts at random; a fold trains on images outside a
    part and tests on those inside. If images were held out one by one, a probe would do worse than chance on
    codes that hide the label well: where each class shows each content once, it has seen the content of the
    test image with all classes but the right one. Nor could memorized single contents be distinguished from a
    label that the code reveals.

    Where the other label is unknown or the same for all, images that may be both trained and tested on are
    assigned one by one, evenly over the labels; where there are none, there is one fold.

    Labels with `MIN_TRAIN` training images or more take part in a fold. A fold with fewer than two such
    labels, or without test images of them, is dropped. So there are no folds for labels that never occur in
    training, such as the numbers of pairs that are held out whole.

    Labels are int64 (N,), from 0. `train` and `test`, bool (N,), are the images that may be trained and
    tested on; a fold has `most` of each at most.
    """
    if other is not None and len(np.unique(other)) > 1:
        values = np.unique(other, return_inverse=True)[1]
        part = generator.permutation(values.max() + 1)[values] % FOLDS
    elif (train & test).any():
        part = np.empty(len(labels), dtype=np.int64)
        part[np.lexsort((generator.permutation(len(labels)), labels))] = np.arange(len(labels)) % FOLDS
    else:
        return list(filter(None, [_fold(labels, train, test, generator, most)]))
    folds = [_fold(labels, train & (part != i), test & (part == i), generator, most) for i in range(FOLDS)]
    return list(filter(None, folds))


def _fold(
    labels: Int64Array, train: BoolArray, test: BoolArray, generator: np.random.Generator, most: int
) -> Fold | None:
    """Draw the labels that take part, and their images; None where nothing can be predicted."""
    n_labels = int(labels.max()) + 1
    n_train, n_test = (np.bincount(labels[part], minlength=n_labels) for part in (train, test))
    present = generator.permutation(np.flatnonzero(n_train >= MIN_TRAIN))
    if len(present) < 2 or not n_test[present].any():
        return None
    present = present[np.argsort(n_test[present] == 0, kind="stable")]  # labels with test images come first
    usable = [np.flatnonzero(part & np.isin(labels, present[:MAX_LABELS])) for part in (train, test)]
    fold = Fold(*(np.sort(generator.permutation(images)[:most]) for images in usable))
    # Of a rare label `most` images may hold none.
    return fold if len(np.unique(labels[fold.train])) > 1 else None


def _most_frequent(labels: Int64Array, taking_part: Int64Array) -> float:
    """Share of the most frequent label among labels that take part."""
    counts = np.bincount(labels)[np.unique(taking_part)]
    return float(counts.max() / counts.sum())
