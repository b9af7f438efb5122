"""Evaluation in batches: as many images as fit, with the same values for any batch size."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch
from helpers import CPU, halves
from torch import nn

from lordbench.evaluation import inference
from lordbench.evaluation.scoring import Scoring
from lordbench.lord import Lord, LordConfig
from lordbench.training.method import DataSpec
from lordbench.utils import parallel, seeds
from lordbench.utils.parallel import batch_size


class TestSize:
    def test_images_four_times_as_large_go_in_batches_a_quarter_as_large(self) -> None:
        assert batch_size(64**2, CPU) == 4 * batch_size(128**2, CPU) == 64

    def test_at_least_one_image_goes_in(self) -> None:
        assert batch_size(4096**2, CPU) == 1

    @pytest.mark.parametrize(("free_gib", "expected"), [(80, 256), (1, 32), (0, 1)])
    def test_half_of_a_gpus_free_memory_is_enough(
        self, monkeypatch: pytest.MonkeyPatch, free_gib: int, expected: int
    ) -> None:
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free_gib << 30, 80 << 30))
        assert batch_size(64**2, torch.device("cuda")) == expected

    @pytest.mark.parametrize("n", [1, 4, 9])
    def test_every_image_is_in_one_batch(self, n: int) -> None:
        pixels = parallel.PIXELS["cpu"] // 4
        parts = parallel.in_batches(lambda batch: np.arange(n)[batch], n, pixels, CPU)
        assert [len(part) for part in parts] == [4] * (n // 4) + [n % 4] * (n % 4 > 0)
        assert np.concatenate(parts).tolist() == list(range(n))


class TestThreads:
    PIXELS = parallel.PIXELS["cpu"]
    """Of an image that fills a batch."""

    def compute(self, seen: dict[int, tuple[int, bool, bool]]) -> Callable[[slice], int]:
        met = threading.Barrier(2)

        def compute(batch: slice) -> int:
            met.wait(timeout=10)  # two at once, or it breaks
            seen[batch.start] = (
                torch.get_num_threads(),
                torch.is_grad_enabled(),
                torch.is_autocast_enabled("cpu"),
            )
            return batch.start

        return compute

    def test_batches_run_at_once_on_one_thread_each_without_gradients(
        self, threads: Callable[[int], None]
    ) -> None:
        threads(2)
        seen: dict[int, tuple[int, bool, bool]] = {}
        assert parallel.in_batches(self.compute(seen), 4, self.PIXELS, CPU, parallel=True) == [0, 1, 2, 3]
        assert set(seen.values()) == {(1, False, False)}
        assert torch.get_num_threads() == 2
        assert torch.is_grad_enabled()

    def test_an_error_comes_out_and_leaves_the_threads_as_they_were(
        self, threads: Callable[[int], None]
    ) -> None:
        threads(2)

        def fail(batch: slice) -> None:
            raise ValueError("this batch")

        with pytest.raises(ValueError, match="this batch"):
            parallel.in_batches(fail, 4, self.PIXELS, CPU, parallel=True)
        assert torch.get_num_threads() == 2

    def test_what_is_not_thread_safe_stays_in_its_own_thread(self) -> None:
        found = parallel.in_batches(lambda batch: threading.get_ident(), 4, self.PIXELS, CPU, parallel=False)
        assert set(found) == {threading.get_ident()}

    def test_features_are_the_same_bytes_on_any_number_of_threads(
        self, threads: Callable[[int], None], metric_class: Callable[[str], type], real_weights: object
    ) -> None:
        images = np.random.default_rng(0).integers(256, size=(70, 3, 64, 64)).astype(np.uint8)
        scoring = Scoring(CPU, {"fd_vgg16": metric_class("fd_vgg16")})
        found = []
        for n in (1, 2, 3):
            threads(n)
            features = scoring._features(scoring.metrics["fd_vgg16"], images, {})  # type: ignore[arg-type]
            found.append(np.stack(list(features.values())))
        np.testing.assert_array_equal(found[0], found[1])
        np.testing.assert_array_equal(found[0], found[2])


def test_features_do_not_depend_on_the_batch(
    metric_class: Callable[[str], type], real_weights: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.random.default_rng(0).integers(256, size=(7, 3, 64, 64)).astype(np.uint8)
    scoring = Scoring(CPU, {"fd_vgg16": metric_class("fd_vgg16")})
    found = []
    for size in (64, 3):
        monkeypatch.setitem(parallel.PIXELS, "cpu", size * 64**2)
        features = scoring._features(scoring.metrics["fd_vgg16"], images, {})  # type: ignore[arg-type]
        found.append(np.stack(list(features.values())))
    whole, parts = found
    np.testing.assert_allclose(parts, whole, rtol=1e-4, atol=1e-5)


def test_codes_and_images_do_not_depend_on_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    data = halves()
    with seeds.initialising(0, "init"):
        method = Lord(LordConfig(class_size=8, content_size=4, width=8), DataSpec.of(data)).eval()
    whole = inference.encode(method, data.images, CPU)
    images = inference.decode(method, whole)
    sizes: list[int] = []
    nn.Module.register_forward_hook(
        method.tuned_generator, lambda module, given, output: sizes.append(len(output))
    )
    monkeypatch.setitem(parallel.PIXELS, "cpu", 5 * 16**2)
    parts = inference.encode(method, data.images, CPU)
    torch.testing.assert_close(parts.class_code, whole.class_code, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(parts.content_code, whole.content_code, rtol=1e-5, atol=1e-6)
    assert np.abs(inference.decode(method, whole).astype(int) - images).max() <= 1  # a rounding to bytes
    assert set(sizes) == {5, len(data) % 5}
