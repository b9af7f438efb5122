"""The 95 % interval contains the truth about 95 % of the time, on dependent values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from lordbench.evaluation.statistics import (
    Groups,
    bootstrap_test,
    expanded_tail,
    mean_interval,
    percentiles,
)

TRIALS = 400


def coverage(n_classes: int, n_images: int, class_effect: float, image_effect: float, naive: bool) -> float:
    """Share of intervals that contain 0, for 300 transfers from random images onto random classes."""
    generator = np.random.default_rng(0)
    contained = 0
    for _ in range(TRIALS):
        classes, images = generator.integers(n_classes, size=300), generator.integers(n_images, size=300)
        values = (
            class_effect * generator.normal(size=n_classes)[classes]
            + image_effect * generator.normal(size=n_images)[images]
            + generator.normal(size=300)
        )
        groups: Groups = np.arange(300) if naive else (classes, images)
        estimate = mean_interval(values, groups, generator, resamples=400)
        assert estimate.low is not None
        assert estimate.high is not None
        contained += estimate.low <= 0 <= estimate.high
    return contained / TRIALS


@pytest.mark.parametrize(
    ("n_classes", "n_images", "class_effect", "image_effect"),
    [(8, 100, 1.0, 0.5), (20, 100, 1.0, 0.5), (40, 100, 1.0, 1.0), (40, 20, 0.5, 1.0)],
)
def test_effects_of_classes_and_of_images(
    n_classes: int, n_images: int, class_effect: float, image_effect: float
) -> None:
    shape = n_classes, n_images, class_effect, image_effect
    assert 0.92 <= coverage(*shape, naive=False) <= 0.99
    assert coverage(*shape, naive=True) < 0.75


def test_without_effects_the_interval_errs_on_the_wide_side() -> None:
    assert coverage(20, 100, 0.0, 0.0, naive=False) >= 0.94


def test_one_group_gives_no_interval() -> None:
    estimate = mean_interval(np.arange(5.0), np.zeros(5, np.int64), np.random.default_rng(0))
    assert (estimate.value, estimate.low, estimate.high) == (2.0, None, None)


def test_percentiles_move_out_as_groups_grow_few() -> None:
    tails = [expanded_tail(n) for n in (5, 20, 1_000_000)]
    # Student's t with 19 degrees: 2.0930; times sqrt(20 / 19): 2.1474; the normal tail beyond it: 1.59 %.
    assert tails[1] == pytest.approx(0.0159, abs=5e-4)
    assert tails[0] < tails[1] < tails[2] == pytest.approx(0.025, abs=1e-4)


@pytest.mark.parametrize("n_groups", [5, 20, 1000])
def test_the_p_value_is_0_05_where_the_interval_just_touches_0(n_groups: int) -> None:
    means = special.ndtri((np.arange(200_000) + 0.5) / 200_000)
    for end in percentiles(means, n_groups):
        assert bootstrap_test(means - end, n_groups).p == pytest.approx(0.05, rel=0.02)


def test_equal_values_have_a_p_value_of_1() -> None:
    assert bootstrap_test(np.zeros(2000), 10) == (0, 0, 1)
