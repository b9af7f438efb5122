"""Intervals of paired differences contain the truth about 95 % of the time, and are far narrower."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from synthetic import cell, measured

from lordbench.evaluation.measurement import Samples
from lordbench.evaluation.statistics import mean_interval
from lordbench.results.differences import TIE, Differences
from lordbench.results.loading import SampleFiles
from lordbench.results.run_folder import Store

TRIALS, N = 400, 300
TRUE = 0.2
"""By how much the second method's values are higher."""
METHODS = ("drnet", "lord")
Values = npt.NDArray[np.float64]
Pairs = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


def draw(groups: Pairs, spread: float, generator: np.random.Generator) -> Values:
    """Transfers of many trials, (TRIALS, N): effects of the class, of the image and of the pair."""
    effects = (spread * generator.normal(size=(TRIALS, int(g.max()) + 1))[:, g] for g in groups)
    return sum(effects, start=0.5 * spread * generator.normal(size=(TRIALS, N)))


def two_methods(groups: Pairs, generator: np.random.Generator) -> tuple[Values, Values]:
    """Methods with common effects, and own effects of a quarter of their size."""
    common = draw(groups, 1.0, generator)
    return common + draw(groups, 0.25, generator), common + draw(groups, 0.25, generator) + TRUE


def compared(folder: Path, cells: list[tuple[str, int, Values]], groups: Pairs) -> pd.DataFrame:
    """Differences between cells whose metrics are the trials."""
    rows = []
    for method, seed, values in cells:
        found = [
            measured(float(its.mean()), None, metric=f"trial{i}", n=N).of_samples(Samples.of(its, groups))
            for i, its in enumerate(values)
        ]
        name = f"{method}{seed}"
        Store(folder).cell(name).write_measurements("content-transfer", found)
        rows.append(cell(*found, method=method, seed=seed, cell=name))
    lines = Differences(pd.concat(rows, ignore_index=True), SampleFiles([folder])).table
    assert len(lines) == TRIALS
    return lines


def coverage(lines: pd.DataFrame) -> float:
    return float(((lines["ci_low"] <= -TRUE) & (lines["ci_high"] >= -TRUE)).mean())


def half_width(values: Values, groups: Pairs) -> float:
    found = [mean_interval(its, groups, np.random.default_rng(0), resamples=400) for its in values[:10]]
    return float(np.mean([(each.high or 0) - (each.low or 0) for each in found])) / 2


@pytest.mark.parametrize(("n_classes", "n_images"), [(8, 100), (20, 100), (40, 20)])
def test_one_seed(tmp_path: Path, n_classes: int, n_images: int) -> None:
    generator = np.random.default_rng(n_classes + n_images)
    groups = generator.integers(n_classes, size=N), generator.integers(n_images, size=N)
    a, b = two_methods(groups, generator)
    lines = compared(tmp_path, [("drnet", 0, a), ("lord", 0, b)], groups)
    assert 0.93 <= coverage(lines) <= 0.99

    paired = float((lines["ci_high"] - lines["ci_low"]).mean()) / 2
    assert paired < 0.5 * np.hypot(half_width(a, groups), half_width(b, groups))

    # Pairing alone is not enough: taking samples as independent makes the interval too narrow.
    error = 1.96 * (a - b).std(axis=1, ddof=1) / np.sqrt(N)
    assert np.mean(np.abs((a - b).mean(axis=1) + TRUE) <= error) < 0.75


def test_three_seeds(tmp_path: Path) -> None:
    """What the methods of a seed share cancels; trainings differ by chance."""
    generator = np.random.default_rng(0)
    groups = generator.integers(20, size=N), generator.integers(100, size=N)
    cells = []
    for seed in range(3):
        for method, values in zip(METHODS, two_methods(groups, generator), strict=True):
            cells.append((method, seed, values + 0.1 * generator.normal(size=(TRIALS, 1))))
    lines = compared(tmp_path, cells, groups)
    assert set(lines["n_seeds"]) == {3}
    # Within three standard errors of a share of 400 trials: sqrt(.95 * .05 / 400) = 0.011.
    assert abs(coverage(lines) - 0.95) < 0.033


def test_equal_methods_are_significantly_different_once_in_twenty(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    groups = generator.integers(20, size=N), generator.integers(100, size=N)
    a, b = two_methods(groups, generator)
    lines = compared(tmp_path, [("drnet", 0, a), ("lord", 0, b - TRUE)], groups)
    assert 0.015 <= (lines["verdict"] != TIE).mean() <= 0.08
