"""The judge of outputs: a classifier trained on real images only."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from lordbench.data import Int64Array, Split, UInt8Array, flattened
from lordbench.data.splits import stratified
from lordbench.evaluation.degraded import blurred, noisy
from lordbench.evaluation.statistics import mean_interval
from lordbench.utils import seeds
from lordbench.utils.errors import UserError
from lordbench.utils.parallel import one_thread

Codes = npt.NDArray[np.float32]
Classifier = Any
"""A classifier of scikit-learn, which has no common type for them."""

COMPONENTS, PENALTY = 256, 10.0
BLURS, NOISE = (0.7, 1.0), 0.04
"""Copies of the training images that a judge learns from as well, since the outputs of methods are not as
sharp as real images; `blurred` and `noisy` say what the numbers mean."""
MOST = 5000
"""Most images that a judge is fitted to; bounds time and memory."""
MANY = 300
"""With more labels the discriminants decide alone: support vector machines compare all pairs of labels."""
COMPARED, VALIDATED = 1500, 0.2
"""Most training images on which classifiers are compared, and the share of them that is held out for it."""
POLICY = (
    f"support vector machine (RBF, C = {PENALTY:g}), with or without linear discriminants before it, on "
    f"{COMPONENTS} principal components of real images and of copies of them: blurred by {BLURS[0]:g} and "
    f"{BLURS[1]:g} px at 32 px, with noise of {NOISE:g}"
)


class Judge:
    """Predicts a label from an image. Its accuracy on unseen real images is the ceiling of the score.

    With the split `samples` it is trained on the training images and tested on the held-out ones. With
    `classes` it is trained on one half of each held-out class's images and tested on the other half; if its
    label is not the class, it is trained on the training images too. It computes on one thread, so that no
    answer depends on the number of cores.

    The label is `class`, `content` or an attribute of the images. `test_labels`, int64 (M,), are those of the
    real test images, `predicted` the predicted ones; `correct`, bool (M,), is where they agree.
    """

    def __init__(self, split: Split, seed: int, label: str = "class") -> None:
        self.label = label
        parts, test = [split.train], split.test
        if split.name == "classes":
            halves = stratified(split.test.classes, 0.5, seeds.numpy_generator(seed, "judge", "split"))
            half, test = (split.test.subset(half) for half in halves)
            if not len(test):
                raise UserError(
                    f"{test.name}: each held-out class has one image, so no judge can be trained and tested",
                    "Add images, leave content-transfer out, or use --split samples.",
                )
            parts = [half] if label == "class" else [split.train, half]
        with one_thread():
            self._fit(
                np.concatenate([part.images for part in parts]),
                np.concatenate([_labels(part.labels(label)) for part in parts]),
                seeds.numpy_generator(seed, "judge"),
            )
        self.test_labels = _labels(test.labels(label))
        self.predicted = self.predict(test.images)
        self.correct: npt.NDArray[np.bool_] = self.predicted == self.test_labels
        generator = seeds.numpy_generator(seed, "judge", "ceiling", label)
        # Where all answers are right, two classes would be too few trials for any certainty.
        unanimous = len(np.unique(self.correct)) == 1
        groups = np.arange(len(self.correct)) if unanimous else self.test_labels
        self.ceiling = mean_interval(self.correct, groups, generator)
        self.chance = float(np.bincount(self.test_labels).max() / len(self.test_labels))

    def _fit(self, images: UInt8Array, labels: Int64Array, generator: np.random.Generator) -> None:
        if len(images) > MOST:
            drawn = np.sort(generator.permutation(len(images))[:MOST])
            images, labels = images[drawn], labels[drawn]
        n_components = min(COMPONENTS, len(images) - 1, int(np.prod(images.shape[1:])))
        state = int(generator.integers(2**32))
        projection = PCA(n_components, svd_solver="randomized", random_state=state).fit(flattened(images))
        copies = [images, *(blurred(images, sigma) for sigma in BLURS), noisy(images, NOISE, generator)]
        codes = np.stack([projection.transform(flattened(copy)) for copy in copies])
        classifier = _best(codes, labels, generator)
        self.classifier = make_pipeline(projection, _fitted(classifier, codes, labels))

    @property
    def recognises_real_images(self) -> bool:
        """Whether it is significantly better on unseen real images than the most frequent label."""
        low = self.ceiling.value if self.ceiling.low is None else self.ceiling.low
        return low > self.chance

    def agrees(self, images: UInt8Array, labels: Int64Array) -> npt.NDArray[np.bool_]:
        """Whether the prediction for each image, uint8 (N, C, S, S), is its label, int64 (N,): bool (N,)."""
        agreement: npt.NDArray[np.bool_] = self.predict(images) == labels
        return agreement

    def predict(self, images: UInt8Array) -> Int64Array:
        """Predict the label of each image, uint8 (N, C, S, S): int64 (N,)."""
        with one_thread():
            predicted: Int64Array = self.classifier.predict(flattened(images))
        return predicted


def _labels(labels: Int64Array | None) -> Int64Array:
    assert labels is not None
    return labels


def _best(codes: Codes, labels: Int64Array, generator: np.random.Generator) -> Classifier:
    """Return the classifier that is best on images held out from the training images.

    Discriminants find details such as expressions, but lose what they cannot tell by a line: digits.
    """
    if len(np.unique(labels)) > MANY:
        return LinearDiscriminantAnalysis()
    machine = SVC(C=PENALTY)
    candidates = make_pipeline(LinearDiscriminantAnalysis(), machine), machine
    compared = generator.permutation(len(labels))[:COMPARED]
    codes, labels = codes[:, compared], labels[compared]
    rest, held_out = stratified(labels, VALIDATED, generator)
    # Where each label is left with one image, none can be held out.
    held_out = held_out if len(held_out) else rest
    unseen, copies = np.concatenate(codes[:, held_out]), np.tile(labels[held_out], len(codes))
    scores = [
        _fitted(candidate, codes[:, rest], labels[rest]).score(unseen, copies) for candidate in candidates
    ]
    return candidates[int(np.argmax(scores))]


def _fitted(classifier: Classifier, codes: Codes, labels: Int64Array) -> Classifier:
    """Fit to the codes of each image's copies, (copies, N, D)."""
    return classifier.fit(np.concatenate(codes), np.tile(labels, len(codes)))
