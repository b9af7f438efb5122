"""The protocol: held-out images stay unseen, the judge is accurate, intervals cover the true mean."""

import numpy as np
import pytest
from helpers import halves

from lordbench.data.images import ImageSet, number_labels
from lordbench.data.splits import split, stratified
from lordbench.evaluation.judge import Judge
from lordbench.evaluation.statistics import mean_interval
from lordbench.utils.errors import UserError


def pixels(images: ImageSet) -> set[bytes]:
    return {image.tobytes() for image in images.images}


def test_samples_split_holds_out_a_tenth_of_each_class() -> None:
    data = halves(n_classes=5, n_contents=25, size=20)
    cut = split(data, "samples", seed=0)
    assert np.bincount(cut.test.classes).tolist() == [2] * 5
    assert len(cut.train) + len(cut.test) == len(data)
    assert not pixels(cut.train) & pixels(cut.test)


def test_classes_split_holds_out_whole_classes_and_renumbers() -> None:
    data = halves(n_classes=20)
    cut = split(data, "classes", seed=0)
    assert cut.test.n_classes == 2
    assert cut.train.n_classes == 18
    assert not set(cut.train.class_names) & set(cut.test.class_names)
    assert set(cut.train.classes) == set(range(18))
    for part in (cut.train, cut.test):
        for image, class_ in zip(part.images, part.classes, strict=True):
            original = np.flatnonzero((data.images == image).all(axis=(1, 2, 3)))[0]
            assert data.class_names[data.classes[original]] == part.class_names[class_]


def test_splits_depend_on_the_seed_only() -> None:
    data = halves(n_classes=5, n_contents=25, size=20)
    for name in ("samples", "classes"):
        first, same, other = (split(data, name, seed) for seed in (0, 0, 1))
        assert np.array_equal(first.test.images, same.test.images)
        assert not np.array_equal(first.test.images, other.test.images)


def test_too_few_classes_are_refused() -> None:
    with pytest.raises(UserError, match="too few"):
        split(halves(n_classes=3), "classes", seed=0)


def test_single_images_stay_in_training() -> None:
    rest, drawn = stratified(np.array([0, 0, 0, 1], dtype=np.int64), 0.5, np.random.default_rng(0))
    assert 3 in rest
    assert len(drawn) == 2


def test_the_judge_recognises_real_images_and_rejects_wrong_labels() -> None:
    generator = np.random.default_rng(0)
    classes = np.repeat(np.arange(6), 20).astype(np.int64)
    patterns = generator.integers(40, 216, size=(6, 1, 16, 16))
    images = (patterns[classes] + generator.integers(-40, 40, size=(120, 1, 16, 16))).astype(np.uint8)
    noisy = ImageSet("noisy", images, classes, None, tuple("abcdef"), None, "x")
    for name in ("samples", "classes"):
        cut = split(noisy, name, seed=0)
        judge = Judge(cut, seed=0)
        assert judge.correct.mean() > 0.9
        wrong = (cut.test.classes + 1) % cut.test.n_classes
        assert judge.agrees(cut.test.images, wrong).mean() < 0.1


def test_interval_covers_the_truth_of_clustered_values() -> None:
    """95 % of intervals contain the true mean; of those that ignore the clusters far fewer do."""
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 5)
    covered, naive = 0, 0
    for _ in range(300):
        values = generator.normal(size=40)[groups] + generator.normal(size=200) * 0.3
        clustered = mean_interval(values, groups, generator, resamples=400)
        single = mean_interval(values, np.arange(200), generator, resamples=400)
        covered += clustered.low <= 0 <= clustered.high
        naive += single.low <= 0 <= single.high
    assert 0.90 <= covered / 300 <= 0.98
    assert naive / 300 < 0.75


def test_labels_are_numbered_in_sorted_order() -> None:
    ids, names = number_labels(["b", "a", "b"])
    assert ids.tolist() == [1, 0, 1]
    assert names == ("a", "b")
