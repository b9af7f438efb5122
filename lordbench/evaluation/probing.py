"""Readout: how well probes read a label off codes, beside chance and beside shuffled labels."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lordbench.data.images import ImageSet, Int64Array
from lordbench.evaluation.experiment import Trained
from lordbench.evaluation.measurement import CodeKind, Measurement, MeasurementKey
from lordbench.evaluation.statistics import LEVEL, fewest_groups
from lordbench.training.method import Codes
from lordbench.utils import seeds
from lordbench.utils.parallel import in_threads

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


BoolArray = npt.NDArray[np.bool_]
Features = Callable[[Fold], tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]
"""What a label is read off: features of a fold's known and tried images, (K, D) and (M, D)."""
OTHER = {"class": "content", "content": "class"}


@dataclass(frozen=True)
class LabelProbing:
    """Reads class and content of images, by all probes of a run, off codes or other features.

    When the class is read, whole contents are held out of the probes' training; when the content is read,
    whole classes are (see `lordbench.evaluation.probing`).

    Attributes:
        trained: gives probes and seed.
        experiment: whose rows they are.
        images: N of them, with labels.
        known: which of them probes may learn from, bool (N,).
        tried: which of them they are tried on, bool (N,); an image may be both, in different folds.
    """

    trained: Trained
    experiment: str
    images: ImageSet
    known: BoolArray
    tried: BoolArray

    @classmethod
    def within(cls, trained: Trained, experiment: str, images: ImageSet) -> LabelProbing:
        """Learn from some of the images and try on the others."""
        every = np.ones(len(images), dtype=np.bool_)
        return cls(trained, experiment, images, every, every)

    def of_codes(
        self,
        codes: Codes,
        kind: CodeKind,
        *,
        ending: str = "",
        of: Sequence[str] = ("content", "class"),
        floors: bool = False,
    ) -> Iterator[Measurement]:
        """Read both labels off codes.

        Args:
            codes: of all N images.
            kind: of the codes.
            ending: of the subjects, such as `, K = 1`.
            of: which of the two codes to read.
            floors: also learn from shuffled labels, as `class from content, shuffled`.
        """
        features = {code: _features(codes, code) for code in of}

        def read(wanted: tuple[str, str, bool]) -> list[Measurement]:
            label, code, shuffled = wanted
            subject = f"{label} from {code}{ending}{', shuffled' if shuffled else ''}"
            place, better = (
                MeasurementKey(self.experiment, subject, kind),
                None if shuffled else label == code,
            )
            return list(self.read(place, label, features[code], higher_is_better=better, shuffled=shuffled))

        wanted = itertools.product(("class", "content"), of, (False, True) if floors else (False,))
        at_once = all(probe.thread_safe for _, probe in self.trained.scoring.probes())
        for found in in_threads(read, wanted) if at_once else map(read, wanted):
            yield from found

    def read(
        self,
        place: MeasurementKey,
        label: str,
        features: Features,
        *,
        higher_is_better: bool | None = None,
        shuffled: bool = False,
        policy: str = "",
    ) -> Iterator[Measurement]:
        """Read one label: chance, and the accuracy of each probe, plain and normalized.

        Chance is the share of the most frequent of the labels that take part, among all known and tried
        images; the normalized accuracy is (accuracy - chance) / (1 - chance). Its interval takes chance as
        known: it is the same for all methods, and comes from all images, accuracy from the tried ones.
        Intervals are over classes and contents, as images of one class or of one content go together.

        Args:
            place: of the rows.
            label: `class` or `content`; no rows where it is unknown, or no fold has two labels to tell apart.
            features: what to read it off.
            higher_is_better: whether the label should be there; None where neither is a merit.
            shuffled: permute the labels that probes learn from, so that there is nothing to learn.
            policy: how the features were made.
        """
        labels = self.images.labels(label)
        if labels is None:
            return
        cut = self._folds(label, labels)
        if not cut:
            return
        self.trained.log(f"{place.experiment}: {place.subject} {place.codes}")
        tried = np.concatenate([fold.tried for fold in cut])
        shares = [_most_frequent(labels[self.known | self.tried], labels[fold.known]) for fold in cut]
        chance = float(np.average(shares, weights=[len(fold.tried) for fold in cut]))
        yield Measurement(
            **place._asdict(), metric="chance", value=chance, n=len(tried), higher_is_better=None
        )
        correct, chosen = self._try(place, labels, cut, features, shuffled)
        groups = self._groups(tried)
        for name, probe in self.trained.scoring.probes():
            how = "; ".join(filter(None, [policy, probe.policy(), _chosen(chosen[name])]))
            bounds = unanimous(correct[name], groups)
            for metric, low, width in (("accuracy", 0.0, 1.0), ("normalized", chance, 1 - chance)):
                row = self.trained.scoring.mean(
                    place,
                    f"{name}.{metric}",
                    (correct[name] - low) / width,
                    groups,
                    self.trained.seed,
                    higher_is_better=higher_is_better,
                    policy=how,
                )
                if bounds is not None:
                    ends = {"ci_low": (bounds[0] - low) / width, "ci_high": (bounds[1] - low) / width}
                    row = row.model_copy(update=ends)
                yield row

    def _folds(self, label: str, labels: Int64Array) -> list[Fold]:
        generator = seeds.numpy_generator(self.trained.seed, "readout", "folds", label)
        other, most = self.images.labels(OTHER[label]), self.trained.sizes.probed
        return folds(labels, other, self.known, self.tried, generator, most)

    def _try(
        self,
        place: MeasurementKey,
        labels: Int64Array,
        cut: Sequence[Fold],
        features: Features,
        shuffled: bool,
    ) -> tuple[dict[str, BoolArray], dict[str, list[str]]]:
        """By probe: whether each tried image was read rightly, bool (M,), and what each fold chose."""
        correct, chosen = defaultdict(list), defaultdict(list)
        for number, fold in enumerate(cut):
            known, tried = features(fold)
            learned = labels[fold.known]
            if shuffled:
                learned = seeds.numpy_generator(self.trained.seed, *place, number).permutation(learned)
            for name, probe in self.trained.scoring.probes():
                seed = seeds.derive(self.trained.seed, *place, name, number)
                reading = probe.read(known, learned, tried, seed)
                correct[name].append(reading.labels == labels[fold.tried])
                chosen[name].append(reading.chosen)
        return {name: np.concatenate(parts) for name, parts in correct.items()}, chosen

    def _groups(self, tried: Int64Array) -> tuple[Int64Array, ...]:
        classes, contents = self.images.classes[tried], self.images.contents
        return (classes,) if contents is None else (classes, contents[tried])


def unanimous(correct: BoolArray, groups: tuple[Int64Array, ...]) -> tuple[float, float] | None:
    """A 95 % interval of accuracy where all of M answers, bool (M,), are right, or all wrong; else None.

    Resampling cannot vary such answers. This is the exact binomial interval (Clopper & Pearson 1934) of as
    many trials as there are groups, where these are fewest: within a group, answers may be one answer. None
    for a single group.
    """
    n = fewest_groups(groups)
    if n < 2 or len(np.unique(correct)) > 1:
        return None
    reach = float(1 - ((1 - LEVEL) / 2) ** (1 / n))
    return (1 - reach, 1.0) if correct[0] else (0.0, reach)


def _features(codes: Codes, code: str) -> Features:
    chosen = codes.class_code if code == "class" else codes.content_code
    values = chosen.float().cpu().numpy()
    return lambda fold: (values[fold.known], values[fold.tried])


def _most_frequent(labels: Int64Array, taking_part: Int64Array) -> float:
    """Share of the most frequent label among labels that take part."""
    counts = np.bincount(labels)[np.unique(taking_part)]
    return float(counts.max() / counts.sum())


def _chosen(by_fold: Sequence[str]) -> str:
    """What a probe chose in each fold, for the policy; empty for one that chooses nothing."""
    return f"chosen: {' / '.join(by_fold)}" if any(by_fold) else ""
