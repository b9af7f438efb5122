"""Intervals of differences over seeds: false positives, coverage and power, by simulation.

`python -m benchmarks intervals` is the fuller simulation, of more methods and kinds of errors.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import stats

from lordbench.evaluation.statistics import PooledError, pooled_error, student_test

TRIALS, METHODS = 1000, 4
EFFECT = 2.0
"""True difference of the power, in standard deviations of a training."""


@cache
def simulated(n_seeds: int, noise: float) -> tuple[np.ndarray, list[PooledError | None]]:
    """Values of equal methods, (TRIALS, METHODS, n_seeds), and their error; the last has more `noise`."""
    generator = np.random.default_rng(n_seeds)
    values = generator.normal(size=(TRIALS, METHODS, n_seeds))
    values[:, -1] *= noise
    values += 3 * generator.normal(size=(TRIALS, 1, n_seeds))
    return values, [pooled_error(trial) for trial in values]


def rejected(n_seeds: int, noise: float = 1.0, pair: int = 1, effect: float = 0.0) -> tuple[float, float]:
    """How often method 0, better by `effect`, differs from `pair`: pooled, and by a paired t test."""
    values, errors = simulated(n_seeds, noise)
    differences, n = values[:, 0] - values[:, pair] + effect, 0
    for own, error in zip(differences, errors, strict=True):
        tested = student_test(own, error if error and {0, pair} <= error.methods else None)
        assert (tested.p < 0.05) == (not tested.low <= 0 <= tested.high)
        n += tested.p < 0.05
    alone = stats.ttest_1samp(differences, 0, axis=1).pvalue < 0.05
    return n / TRIALS, float(alone.mean())


def tolerance(share: float) -> float:
    """Three standard errors of a share of `TRIALS`."""
    return 3 * float(np.sqrt(share * (1 - share) / TRIALS))


@pytest.mark.parametrize("n_seeds", [3, 6, 10])
def test_equal_methods_differ_significantly_once_in_twenty(n_seeds: int) -> None:
    """The coverage is the rest."""
    assert rejected(n_seeds)[0] == pytest.approx(0.05, abs=tolerance(0.05))


@pytest.mark.parametrize("n_seeds", [3, 6, 10])
def test_a_noisy_method_does_not_make_the_others_undecided(n_seeds: int) -> None:
    """One is five times noisier: two others keep the power that they have without it, and more."""
    assert rejected(n_seeds, noise=5)[0] <= 0.05 + tolerance(0.05)
    power, alone = rejected(n_seeds, noise=5, effect=EFFECT)
    assert power >= alone
    without = rejected(n_seeds, effect=EFFECT)[0]
    assert power > without - 0.1


@pytest.mark.parametrize(("n_seeds", "most"), [(3, 0.075), (6, 0.055), (10, 0.05)])
def test_a_noisy_method_itself_has_few_false_positives(n_seeds: int, most: float) -> None:
    """Of three seeds it cannot always be seen that its error is larger; `REACH` limits the harm."""
    assert rejected(n_seeds, noise=5, pair=METHODS - 1)[0] <= most + tolerance(most)


@pytest.mark.parametrize(("n_seeds", "gain"), [(3, 0.07), (6, 0.04), (10, 0.0)])
def test_it_has_more_power_than_pairs_alone(n_seeds: int, gain: float) -> None:
    power, alone = rejected(n_seeds, effect=EFFECT)
    assert power >= alone + gain


def test_two_methods_have_the_error_of_their_differences() -> None:
    values = np.random.default_rng(0).normal(size=(2, 5))
    assert pooled_error(values) is None
    expected = stats.ttest_rel(*values)
    low, high = expected.confidence_interval(0.95)
    assert student_test(values[0] - values[1]) == pytest.approx((low, high, expected.pvalue))


def test_the_pooled_error_is_that_of_the_analysis_of_variance() -> None:
    values = np.array([[1.0, 2.0, 4.0], [2.0, 2.5, 5.5], [3.0, 4.5, 6.0]])
    error = pooled_error(values)
    assert error is not None
    methods, seeds = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True)
    residual = ((values - methods - seeds + values.mean()) ** 2).sum()
    assert error == (pytest.approx(residual / 4), 4, frozenset({0, 1, 2}))


def test_values_without_error() -> None:
    assert student_test(np.zeros(3)) == (0, 0, 1)
    assert student_test(np.ones(3)) == (1, 1, 0)
    error = pooled_error(np.ones((3, 3)))
    assert error is not None
    assert student_test(np.ones(3), error) == (1, 1, 0)
    assert pooled_error(np.ones((3, 1))) is None
