"""Scoring: what does not depend on the method is computed once, without a change of values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from commandline import STAMPS, TINY, Run, results
from torch import Tensor

from lordbench.evaluation import distances, experiment, transfers
from lordbench.evaluation.measurement import MeasurementKey
from lordbench.evaluation.metric import Metric, PairMetric, SetMetric
from lordbench.evaluation.scoring import Scoring
from lordbench.experiments import content_transfer
from lordbench.utils import parallel
from lordbench.utils.cache import LruCache

CPU = torch.device("cpu")
SHORT = [*TINY, "--set", "budget.images=64", "--methods"]


class Plain(PairMetric):
    """A plug-in that only defines `__call__`."""

    higher_is_better: ClassVar[bool] = False
    source: ClassVar[str] = "none"

    def __init__(self, device: torch.device) -> None: ...

    def __call__(self, fake: Tensor, real: Tensor) -> Tensor:
        return (fake - real).square().mean(dim=(1, 2, 3))

    def policy(self) -> str:
        return "plain"


class Counting(SetMetric):
    """Counts the images that its network sees."""

    higher_is_better: ClassVar[bool] = False
    source: ClassVar[str] = "none"
    features_of: ClassVar[str] = "means"

    def __init__(self, device: torch.device) -> None:
        self.seen = 0

    def features(self, images: Tensor) -> Tensor:
        self.seen += len(images)
        return images.mean(dim=(2, 3))

    def distance(self, fake: np.ndarray, real: np.ndarray) -> float:
        return distances.frechet(fake, real)

    def policy(self) -> str:
        return "counting"


def drawn(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(256, size=(n, 3, 64, 64)).astype(np.uint8)


class TestPairs:
    @pytest.fixture
    def kinds(
        self, metric_class: Callable[[str], type], real_weights: dict[str, Path]
    ) -> dict[str, type[Metric]]:
        return {name: metric_class(name) for name in ("l1", "psnr", "ssim", "lpips")} | {"plain": Plain}

    def test_several_subjects_at_once_get_the_rows_of_each_alone(self, kinds: dict[str, type]) -> None:
        scoring, real, groups = Scoring(CPU, kinds), drawn(7, 0), np.arange(7)
        fakes = {MeasurementKey("e", name, ""): drawn(7, seed) for seed, name in enumerate("ab", start=1)}
        alone = [row for key, fake in fakes.items() for row in scoring.pairs({key: fake}, real, groups, 0)]
        assert list(scoring.pairs(fakes, real, groups, 0)) == alone
        assert [(row.subject, row.metric) for row in alone] == [(s, m) for s in "ab" for m in kinds]

    def test_batches_change_no_more_than_rounding(
        self, kinds: dict[str, type], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scoring, key = Scoring(CPU, kinds), MeasurementKey("e", "a", "")
        arguments = {key: drawn(7, 1)}, drawn(7, 0), np.arange(7), 0
        whole = [row.value for row in scoring.pairs(*arguments)]
        monkeypatch.setitem(parallel.PIXELS, "cpu", 3 * 64**2)
        np.testing.assert_allclose([row.value for row in scoring.pairs(*arguments)], whole, rtol=1e-5)


class TestSets:
    def test_real_images_pass_the_network_once(self) -> None:
        scoring, real, key = Scoring(CPU, {"counting": Counting}), drawn(9, 0), MeasurementKey("e", "a", "")
        first = list(scoring.sets({key: drawn(5, 1)}, real, "key"))
        assert list(scoring.sets({key: drawn(5, 1)}, real, "key")) == first
        assert scoring.metrics["counting"].seen == 5 + 5 + 9  # type: ignore[attr-defined]

    def test_another_key_is_another_set(self) -> None:
        scoring, key = Scoring(CPU, {"counting": Counting}), MeasurementKey("e", "a", "")
        near, far = (
            next(scoring.sets({key: drawn(5, 1)}, real, real_key)).value
            for real_key, real in (("near", drawn(5, 1)), ("far", drawn(5, 1) // 2))
        )
        assert near == pytest.approx(0, abs=1e-9)
        assert far is not None
        assert far > 0.1

    @pytest.mark.parametrize(("n_fake", "n_real", "few"), [(4, 9, True), (9, 4, True), (5, 5, False)])
    def test_a_note_says_which_sets_are_too_small(self, n_fake: int, n_real: int, few: bool) -> None:
        class Needs5(Counting):
            enough: ClassVar[int] = 5

        key = MeasurementKey("e", "a", "")
        (row,) = Scoring(CPU, {"counting": Needs5}).sets({key: drawn(n_fake, 1)}, drawn(n_real, 0), "key")
        assert ("fewer than 5 images" in row.note) == few

    @pytest.mark.parametrize(("n_fake", "n_real"), [(1, 9), (9, 1)])
    def test_a_single_image_has_no_distance_but_a_reason(self, n_fake: int, n_real: int) -> None:
        key = MeasurementKey("e", "a", "")
        (row,) = Scoring(CPU, {"counting": Counting}).sets({key: drawn(n_fake, 1)}, drawn(n_real, 0), "key")
        assert row.value is None
        assert row.note == f"needs 2 images of each set; there are {n_fake} and {n_real}"


class TestDiversity:
    def test_it_is_the_mean_difference_of_two_different_outputs(
        self, metric_class: Callable[[str], type]
    ) -> None:
        shades = np.array([[0, 51, 255], [10, 10, 10]], np.uint8)
        outputs = np.broadcast_to(shades[:, :, None, None, None], (2, 3, 3, 16, 16))
        scoring = Scoring(CPU, {"l1": metric_class("l1")})
        row = scoring.diversity(MeasurementKey("e", "a", ""), outputs, np.arange(2), 0, "l1")
        assert row.samples is not None
        # Of the first input the pairs differ by 0.2, 1 and 0.8 of the range.
        assert row.samples.values == pytest.approx([2 / 3, 0], abs=1e-6)
        assert row.higher_is_better


class TestCache:
    def test_a_result_is_computed_once(self) -> None:
        cache, made = LruCache(2), []
        for key in "aabab":
            assert cache.get(key, lambda key=key: made.append(key) or key) == key
        assert made == ["a", "b"]

    def test_the_least_recently_used_is_dropped(self) -> None:
        cache, made = LruCache(2), []
        for key in "abacab":  # c replaces b, since a was used later
            cache.get(key, lambda key=key: made.append(key))
        assert made == ["a", "b", "c", "b"]


class TestCellsOfOneProcess:
    @pytest.mark.slow
    def test_they_share_judge_and_floors(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        made: list[str] = []

        def count(module: ModuleType, name: str) -> None:
            make = getattr(module, name)
            monkeypatch.setattr(module, name, lambda *arguments: made.append(name) or make(*arguments))

        count(experiment, "Judge")
        count(content_transfer, "floors")
        count(transfers, "floors")
        assert run(*SHORT, "drnet,mlvae", "--seeds", "0,1") == 0
        # For each of two seeds, the judges of class and content, and floors for pairs and for sets of images.
        assert Counter(made) == {"Judge": 4, "floors": 4}

    @pytest.mark.slow
    def test_their_rows_are_those_of_a_cell_alone(self, run: Run) -> None:
        run(*SHORT, "drnet,mlvae", "--seeds", "0,1", "--out", "together")
        run(*SHORT, "mlvae", "--seeds", "1", "--out", "alone")
        together = results("together").query("method == 'mlvae' and seed == 1").reset_index(drop=True)
        pd.testing.assert_frame_equal(
            together.drop(columns=STAMPS), results("alone").drop(columns=STAMPS), check_exact=True
        )
