"""The judge of outputs: a plain classifier that knows real images only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from lordbench.data.images import Int64Array, UInt8Array, flattened
from lordbench.data.splits import Split, stratified
from lordbench.utils import seeds

COMPONENTS = 256
PENALTY = 1000.0
"""Weaker ones tell toy cars as well but miss what is small in a picture: of the expressions of held-out
toyfaces at 32 pixels, 128 components with a penalty of 10 told 0.63, these tell 0.94."""
POLICY = f"support vector machine (RBF, C = {PENALTY:g}) on {COMPONENTS} principal components of real images"


class Judge:
    """Tells a label of an image; its accuracy on real images it has not seen is the ceiling of the score.

    With the split `samples` it learns from the training images and is tried on the held-out ones; with
    `classes` it learns from half of each held-out class's images and is tried on the other half.

    Args:
        split: real images.
        seed: of the halves and of the components.
        label: what to tell, `class` or an attribute of the images.

    Attributes:
        trial_labels: labels of the real images of the trial, int64 (M,).
        predicted: what each of them was taken for, likewise.
        correct: whether it was recognised, bool (M,).
    """

    def __init__(self, split: Split, seed: int, label: str = "class") -> None:
        known, trial = split.train, split.test
        if split.name == "classes":
            half, other = stratified(split.test.classes, 0.5, seeds.numpy_generator(seed, "judge", "split"))
            known, trial = split.test.subset(half), split.test.subset(other)
        components = min(COMPONENTS, len(known) - 1, int(np.prod(known.images.shape[1:])))
        state = seeds.derive(seed, "judge") % 2**32
        self.classifier = make_pipeline(
            PCA(components, svd_solver="randomized", random_state=state), SVC(C=PENALTY)
        )
        known_labels, trial_labels = known.labels(label), trial.labels(label)
        assert known_labels is not None
        assert trial_labels is not None
        self.classifier.fit(flattened(known.images), known_labels)
        self.trial_labels = trial_labels
        self.predicted = self.predict(trial.images)
        self.correct: npt.NDArray[np.bool_] = self.predicted == trial_labels

    def agrees(self, images: UInt8Array, labels: Int64Array) -> npt.NDArray[np.bool_]:
        """Whether each image, uint8 (N, C, S, S), is taken for its label, int64 (N,): bool (N,)."""
        agreement: npt.NDArray[np.bool_] = self.predict(images) == labels
        return agreement

    def predict(self, images: UInt8Array) -> Int64Array:
        """What each image, uint8 (N, C, S, S), is taken for: int64 (N,)."""
        predicted: Int64Array = self.classifier.predict(flattened(images))
        return predicted
