"""Pairs of a content transfer: different classes and contents, distinct, with their true images."""

import numpy as np
import pytest
from helpers import halves

from lordbench.data.images import ImageSet, join
from lordbench.data.pairs import class_means, draw_pairs, nearest_images, random_views
from lordbench.data.splits import split


def unlabelled(data: ImageSet) -> ImageSet:
    """The same images without content labels."""
    return ImageSet("plain", data.images, data.classes, None, data.class_names, None, "x")


def test_pairs_have_their_true_image() -> None:
    data = halves()
    cut = split(data, "samples", seed=0)
    pool = join(cut.train, cut.test)
    pairs = draw_pairs(cut.test, pool, 20, np.random.default_rng(0))
    assert pairs.truth is not None
    assert cut.test.contents is not None
    assert pool.contents is not None
    assert len(pairs) == 20
    assert (cut.test.classes[pairs.content] != cut.test.classes[pairs.class_]).all()
    assert (pool.classes[pairs.truth] == cut.test.classes[pairs.class_]).all()
    assert (pool.contents[pairs.truth] == cut.test.contents[pairs.content]).all()
    assert len(set(zip(pairs.content, pairs.class_, strict=True))) == 20


def test_pairs_without_content_labels() -> None:
    plain = unlabelled(halves())
    pairs = draw_pairs(plain, plain, 30, np.random.default_rng(0))
    assert pairs.truth is None
    assert len(pairs) == 30


def test_pairs_whose_truth_is_missing_are_not_drawn() -> None:
    data = halves(n_classes=2, n_contents=4)
    pool = data.subset(np.arange(7))  # without the last content of the second class
    pairs = draw_pairs(data, pool, 100, np.random.default_rng(0))
    assert pairs.truth is not None
    assert pool.contents is not None
    assert not ((data.classes[pairs.class_] == 1) & (data.contents[pairs.content] == 3)).any()


def test_random_views_are_of_the_class() -> None:
    data = halves()
    wanted = np.random.default_rng(1).integers(6, size=200)
    drawn = random_views(data, wanted, np.random.default_rng(0))
    assert (data.classes[drawn] == wanted).all()
    assert len(set(drawn)) > 40


@pytest.mark.parametrize("count", [30, 10_000])
def test_pairs_without_content_labels_are_of_different_classes(count: int) -> None:
    plain = unlabelled(halves(n_classes=3, n_contents=4))
    pairs = draw_pairs(plain, plain, count, np.random.default_rng(0))
    assert len(pairs) == min(count, 12 * 8)
    assert (plain.classes[pairs.content] != plain.classes[pairs.class_]).all()
    assert len(set(zip(pairs.content, pairs.class_, strict=True))) == len(pairs)


def test_pairs_with_content_labels_are_of_different_contents() -> None:
    data = halves(n_classes=3, n_contents=4)
    pairs = draw_pairs(data, data, 10_000, np.random.default_rng(0))
    assert data.contents is not None
    assert (data.contents[pairs.content] != data.contents[pairs.class_]).all()
    assert len(pairs) == 12 * 6


def test_rare_pairs_are_found_among_many_images() -> None:
    """Each content is shown by two of 200 classes, so few pairs have a true image."""
    rng = np.random.default_rng(0)
    contents = np.repeat(np.arange(1000), 2)
    classes = np.stack([rng.permutation(200)[:2] for _ in range(1000)]).ravel()
    images = ImageSet(
        "rare", np.zeros((2000, 1, 8, 8), np.uint8), classes, contents,
        tuple(map(str, range(200))), tuple(map(str, range(1000))), "",
    )  # fmt: skip
    pairs = draw_pairs(images, images, 500, rng)
    assert len(pairs) == 500
    assert len({*zip(pairs.content.tolist(), pairs.class_.tolist(), strict=True)}) == 500
    assert (images.contents[pairs.truth] == images.contents[pairs.content]).all()
    assert (images.classes[pairs.truth] == images.classes[pairs.class_]).all()


def test_of_several_true_images_the_first_counts() -> None:
    data = halves(n_classes=3, n_contents=4)
    pool = join(data, data)
    pairs = draw_pairs(data, pool, 100, np.random.default_rng(0))
    assert pairs.truth is not None
    assert (pairs.truth < len(data)).all()


def test_the_nearest_image_is_of_the_content_and_by_absolute_differences() -> None:
    shades = np.array([10, 250, 100, 40], dtype=np.uint8)
    images = np.broadcast_to(shades[:, None, None, None], (4, 1, 8, 8))
    data = ImageSet("shades", images, np.arange(4), np.array([0, 0, 1, 1]), tuple("abcd"), ("x", "y"), "")
    targets = np.full((3, 1, 8, 8), 90, np.uint8)
    nearest = nearest_images(data, np.array([0, 1, 1]), targets)
    assert nearest[:, 0, 0, 0].tolist() == [10, 100, 100]


def test_a_class_mean_is_over_all_images_of_the_class() -> None:
    data = halves(n_classes=3, n_contents=4)
    found = class_means(data, np.array([2, 0, 2]))
    for image, class_ in zip(found, (2, 0, 2), strict=True):
        expected = data.images[data.classes == class_].astype(float).mean(axis=0)
        assert np.abs(image - expected).max() <= 0.5
