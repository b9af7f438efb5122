"""Label probing: how well probes predict class and content from codes, beside chance and shuffled labels."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lordbench.data import ImageSet, Int64Array
from lordbench.evaluation.experiment import Trained
from lordbench.evaluation.measurement import CodeKind, Measurement, MeasurementKey
from lordbench.evaluation.metric import Float32Array
from lordbench.evaluation.statistics import LEVEL, fewest_groups
from lordbench.training import Codes
from lordbench.utils import seeds
from lordbench.utils.parallel import in_threads

FOLDS = 4
MIN_TRAIN = 2
"""Fewest training images of a label: one to fit a probe on, one to choose its settings on."""
MAX_LABELS = 100
"""Most labels of a fold; they are drawn at random where there are more."""
OTHER = {"class": "content", "content": "class"}

BoolArray = npt.NDArray[np.bool_]


class Fold(NamedTuple):
    """Images that probes are trained and tested on, by index, int64, sorted; disjoint."""

    train: Int64Array
    test: Int64Array


Features = Callable[[Fold], tuple[Float32Array, Float32Array]]
"""Returns the features of a fold's training and test images, (K, D) and (M, D)."""


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
        of: Sequence[str] = ("content", "class"),
        floors: bool = False,
    ) -> Iterator[Measurement]:
        """Predict both labels from codes of all N images.

        `of` names which of the two codes to use; the suffix ends the subjects, such as `, K = 1`. With
        `floors`, probes are also trained on shuffled labels, as subject `class from content, shuffled`.
        """
        values = {"class": codes.class_code, "content": codes.content_code}
        features = {code: values[code].float().cpu().numpy() for code in of}

        def probe(task: tuple[str, str, bool]) -> list[Measurement]:
            label, code, shuffled = task
            subject = f"{label} from {code}{suffix}{', shuffled' if shuffled else ''}"
            key, better = MeasurementKey(self.experiment, subject, kind), None if shuffled else label == code

            def of_fold(fold: Fold) -> tuple[Float32Array, Float32Array]:
                return features[code][fold.train], features[code][fold.test]

            return list(self.probe(key, label, of_fold, higher_is_better=better, shuffled=shuffled))

        tasks = itertools.product(OTHER, of, (False, True) if floors else (False,))
        thread_safe = all(probe.thread_safe for _, probe in self.trained.scoring.probes())
        for measurements in in_threads(probe, tasks) if thread_safe else map(probe, tasks):
            yield from measurements

    def probe(
        self,
        key: MeasurementKey,
        label: str,
        features: Features,
        *,
        higher_is_better: bool | None = None,
        shuffled: bool = False,
        policy: str = "",
    ) -> Iterator[Measurement]:
        """Measure chance and the accuracy of each probe, plain and normalized, for one label.

        Chance is the share of the most frequent label, of those that take part, among all training and test
        images; the normalized accuracy is (accuracy - chance) / (1 - chance). Its interval treats chance as
        exact: it is the same for all methods and comes from all images, accuracy from the test images.
        Intervals are over classes and contents, since images of one class or content are dependent.

        There are no rows where the label, `class` or `content`, is unknown, or no fold has two labels.
        `shuffled` permutes the training labels, so that there is nothing to learn; `policy` describes the
        features.
        """
        labels, other = self.images.labels(label), self.images.labels(OTHER[label])
        if labels is None:
            return
        scoring, seed = self.trained.scoring, self.trained.seed
        generator = seeds.numpy_generator(seed, "readout", "folds", label)
        folds = make_folds(labels, other, self.train, self.test, generator, self.trained.sizes.probed)
        if not folds:
            return
        self.trained.log(f"{key.experiment}: {key.subject} {key.codes}")
        test = np.concatenate([fold.test for fold in folds])
        shares = [_most_frequent(labels[self.train | self.test], labels[fold.train]) for fold in folds]
        chance = float(np.average(shares, weights=[len(fold.test) for fold in folds]))
        yield Measurement(**key._asdict(), metric="chance", value=chance, n=len(test), higher_is_better=None)
        correct, chosen = self._evaluate(key, labels, folds, features, shuffled)
        contents = self.images.contents
        groups = (self.images.classes[test], *([] if contents is None else [contents[test]]))
        for name, probe in scoring.probes():
            settings = f"chosen: {' / '.join(chosen[name])}" if any(chosen[name]) else ""
            how = "; ".join(filter(None, [policy, probe.policy(), settings]))
            bounds = unanimous_interval(correct[name], groups)
            for metric, low, width in (("accuracy", 0.0, 1.0), ("normalized", chance, 1 - chance)):
                full, values = f"{name}.{metric}", (correct[name] - low) / width
                row = scoring.mean(
                    key, full, values, groups, seed, higher_is_better=higher_is_better, policy=how
                )
                if bounds is not None:
                    ends = {"ci_low": (bounds[0] - low) / width, "ci_high": (bounds[1] - low) / width}
                    row = row.model_copy(update=ends)
                yield row

    def _evaluate(
        self, key: MeasurementKey, labels: Int64Array, folds: list[Fold], features: Features, shuffled: bool
    ) -> tuple[dict[str, BoolArray], dict[str, list[str]]]:
        """Return by probe: whether each test image is predicted correctly, bool (M,); each fold's choices."""
        correct, chosen = defaultdict(list), defaultdict(list)
        for i, fold in enumerate(folds):
            train, test = features(fold)
            train_labels = labels[fold.train]
            if shuffled:
                train_labels = seeds.numpy_generator(self.trained.seed, *key, i).permutation(train_labels)
            for name, probe in self.trained.scoring.probes():
                seed = seeds.derive(self.trained.seed, *key, name, i)
                prediction = probe.fit_predict(train, train_labels, test, seed)
                correct[name].append(prediction.labels == labels[fold.test])
                chosen[name].append(prediction.chosen)
        return {name: np.concatenate(parts) for name, parts in correct.items()}, chosen


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


def unanimous_interval(correct: BoolArray, groups: tuple[Int64Array, ...]) -> tuple[float, float] | None:
    """Return a 95 % interval of accuracy where all M predictions, bool (M,), are right, or all wrong.

    Resampling cannot vary such predictions. This is the exact binomial interval (Clopper & Pearson 1934) of
    as many trials as there are groups, in the way of grouping with the fewest, since predictions within a
    group may be fully dependent. None for mixed predictions and for a single group.
    """
    n = fewest_groups(groups)
    if n < 2 or len(np.unique(correct)) > 1:
        return None
    reach = float(1 - ((1 - LEVEL) / 2) ** (1 / n))
    return (1 - reach, 1.0) if correct[0] else (0.0, reach)


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
    return Fold(*(np.sort(generator.permutation(images)[:most]) for images in usable))


def _most_frequent(labels: Int64Array, taking_part: Int64Array) -> float:
    """Share of the most frequent label among labels that take part."""
    counts = np.bincount(labels)[np.unique(taking_part)]
    return float(counts.max() / counts.sum())
