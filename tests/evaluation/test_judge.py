"""Judges: accurate on real images, not fooled by blur or noise, and flagged where they see nothing."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers import cars, halves
from threadpoolctl import threadpool_info, threadpool_limits

from lordbench.data.images import ImageSet
from lordbench.data.splits import Split, split
from lordbench.datasets.toyfaces import ToyFaces, ToyFacesConfig
from lordbench.evaluation import judge as judges
from lordbench.evaluation.degraded import blurred, noisy
from lordbench.evaluation.judge import Judge
from lordbench.evaluation.statistics import mean_interval
from lordbench.utils.errors import UserError

CARS = cars(n_cars=8, azimuths=12, elevations=3, size=32)


@pytest.fixture(scope="module")
def cut() -> Split:
    return split(CARS, "samples", seed=0)


@pytest.fixture(scope="module", params=["class", "content"])
def judge(request: pytest.FixtureRequest, cut: Split) -> Judge:
    return Judge(cut, 0, request.param)


def meaningless(data: ImageSet, label: str) -> ImageSet:
    """The same images with one label permuted."""
    shuffled = np.random.default_rng(0).permutation
    if label == "content":
        assert data.contents is not None
        return replace(data, contents=shuffled(data.contents))
    return replace(data, classes=shuffled(data.classes))


class TestDegradedImages:
    """Held-out images, degraded by more than the L1 of methods' outputs, are still recognised."""

    def test_blur_does_not_hide_the_label(self, judge: Judge, cut: Split) -> None:
        sharp = judge.correct.mean()
        assert sharp > 0.85
        for sigma in (0.7, 1.0):
            assert judge.agrees(blurred(cut.test.images, sigma), judge.test_labels).mean() > 0.9 * sharp

    def test_noise_does_not_hide_the_label(self, judge: Judge, cut: Split) -> None:
        images = noisy(cut.test.images, 0.05, np.random.default_rng(1))
        assert judge.agrees(images, judge.test_labels).mean() > 0.9 * judge.correct.mean()

    def test_blur_scales_with_the_image(self) -> None:
        small = np.zeros((1, 1, 32, 32), dtype=np.uint8)
        small[..., 16:] = 200
        large = small.repeat(2, axis=2).repeat(2, axis=3)
        means = blurred(large, 1.0).reshape(1, 1, 32, 2, 32, 2).mean(axis=(3, 5))
        assert np.abs(means - blurred(small, 1.0)).max() < 15
        assert blurred(small, 0).tolist() == small.tolist()


class TestChance:
    @pytest.mark.parametrize("label", ["class", "content"])
    @pytest.mark.parametrize("how", ["samples", "classes"])
    def test_a_judge_of_meaningless_labels_does_not_recognise_real_images(self, label: str, how: str) -> None:
        data = halves(n_classes=20, n_contents=10)
        assert Judge(split(data, how, 0), 0, label).recognises_real_images  # type: ignore[arg-type]
        blind = Judge(split(meaningless(data, label), how, 0), 0, label)  # type: ignore[arg-type]
        assert not blind.recognises_real_images

    def test_the_most_frequent_label_is_chance(self) -> None:
        """A judge that always predicts a label of 3 in 4 images is at chance."""
        images = np.random.default_rng(0).integers(0, 255, (80, 1, 8, 8)).astype(np.uint8)
        classes = (np.arange(80) % 4 == 0).astype(np.int64)
        data = ImageSet("noise", images, classes, None, ("a", "b"), None, "x")
        judge = Judge(split(data, "samples", 0), 0)
        assert judge.chance == 0.75
        assert not judge.recognises_real_images

    def test_the_interval_of_its_accuracy_is_over_labels(self) -> None:
        """Two of eight classes look alike: mistakes are many, but all of the same two labels."""
        classes = np.repeat(np.arange(8), 60)
        shades = np.minimum(classes, 6) * 40
        noise = np.random.default_rng(0).integers(0, 8, (480, 1, 8, 8))
        images = (shades[:, None, None, None] + noise).astype(np.uint8)
        images[classes == 7] = images[classes == 6]
        data = ImageSet("alike", images, classes, None, tuple("abcdefgh"), None, "x")
        judge = Judge(split(data, "samples", 0), 0)
        by_label, by_image = (
            mean_interval(judge.correct, groups, np.random.default_rng(1)).low
            for groups in (judge.test_labels, np.arange(len(judge.correct)))
        )
        assert judge.ceiling.low == pytest.approx(by_label, abs=0.05)
        assert judge.ceiling.low < by_image - 0.1


def test_contents_of_held_out_classes_are_learned_from_the_training_classes() -> None:
    held_out_classes = split(CARS, "classes", seed=0)
    judge, of_class = Judge(held_out_classes, 0, "content"), Judge(held_out_classes, 0)
    assert len(judge.correct) == len(of_class.correct) == len(held_out_classes.test) / 2
    # Contents that no image of the held-out classes shows to the judge.
    times_shown = np.bincount(held_out_classes.test.contents) - np.bincount(judge.test_labels, minlength=36)
    never_shown = times_shown[judge.test_labels] == 0
    assert never_shown.sum() > 10
    assert judge.correct[never_shown].mean() > 0.7


class TestDiscriminants:
    """They are used where they help on training images that were held out."""

    def test_details_are_found_with_them(self) -> None:
        faces = ToyFaces(ToyFacesConfig(n_identities=24, angles="frontal")).load(32)
        assert Judge(split(faces, "samples", 0), 0).correct.mean() > 0.7

    def test_what_is_not_linear_is_found_without_them(self) -> None:
        """The class says whether two pixels are both bright or both dark."""
        generator = np.random.default_rng(0)
        images = generator.integers(0, 256, (400, 1, 8, 8)).astype(np.uint8) // 8
        left, right = generator.integers(0, 2, (2, 400))
        images[:, :, :, :4] += (200 * left[:, None, None, None]).astype(np.uint8)
        images[:, :, :, 4:] += (200 * right[:, None, None, None]).astype(np.uint8)
        classes = (left == right).astype(np.int64)
        data = ImageSet("parity", images, classes, None, ("differ", "equal"), None, "x")
        assert Judge(split(data, "samples", 0), 0).correct.mean() > 0.9


def test_classifiers_are_compared_on_images_of_all_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the images are many, and sorted by their label."""
    monkeypatch.setattr(judges, "COMPARED", 60)
    assert Judge(split(halves(n_classes=4, n_contents=80), "samples", seed=0), 0).correct.mean() > 0.8


def test_many_images_and_labels_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    cut = split(halves(n_classes=20, n_contents=10), "samples", seed=0)
    monkeypatch.setattr(judges, "MOST", 120)
    monkeypatch.setattr(judges, "MANY", 5)
    judge = Judge(cut, 0)
    assert judge.correct.mean() > 0.8


def test_it_computes_on_one_thread(cut: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums of several threads depend on their number, and with them some answers."""
    counts: list[int] = []
    best = judges._best

    def spy(*arguments: Any) -> Any:
        counts.extend(pool["num_threads"] for pool in threadpool_info())
        return best(*arguments)

    monkeypatch.setattr(judges, "_best", spy)
    with threadpool_limits(2):
        Judge(cut, 0)
    assert counts
    assert set(counts) == {1}


def test_held_out_classes_of_one_image_are_refused() -> None:
    with pytest.raises(UserError, match="each held-out class has one image"):
        Judge(split(halves(n_classes=20, n_contents=1), "classes", seed=0), 0)


def test_two_images_of_a_class_are_enough() -> None:
    data = halves(n_classes=6, n_contents=2)
    assert Judge(split(data, "samples", seed=0), 0).predicted.shape == (6,)
