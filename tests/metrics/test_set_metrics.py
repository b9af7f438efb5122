"""Set metrics: distances equal reference implementations; features do not depend on the batch."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from sklearn.metrics.pairwise import polynomial_kernel
from torch import Tensor

from lordbench.evaluation import distances
from lordbench.evaluation.metric import SetMetric
from lordbench.evaluation.vgg16 import POOLED_LAYER, PooledVgg16
from lordbench.nn import features, weights
from lordbench.nn.weights import store
from lordbench.utils.errors import MissingWeightsError, UserError

CPU = torch.device("cpu")
Load = Callable[[str], type[SetMetric]]


def samples(n: int, dimensions: int, seed: int, shift: float = 0.0) -> np.ndarray:
    """Correlated features, (n, dimensions)."""
    generator = np.random.default_rng(seed)
    mixing = np.random.default_rng(1000 + seed % 2).normal(size=(dimensions, dimensions)) / np.sqrt(
        dimensions
    )
    return generator.normal(size=(n, dimensions)) @ mixing + shift


def by_definition(x: np.ndarray, y: np.ndarray) -> float:
    """Squared distance of Gaussians as in pytorch-fid: with the root of the covariances' product."""
    a, b = np.cov(x.T), np.cov(y.T)
    difference = x.mean(0) - y.mean(0)
    return float(difference @ difference + np.trace(a + b) - 2 * np.trace(sqrtm(a @ b)).real)


def images(n: int, seed: int = 0, channels: int = 3, size: int = 64) -> Tensor:
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(seed))


class TestFrechet:
    def test_it_is_the_definition_on_many_samples(self) -> None:
        x, y = samples(500, 32, 0), samples(400, 32, 1, shift=0.3)
        assert distances.frechet(x, y) == pytest.approx(by_definition(x, y), rel=1e-9)

    def test_it_is_the_definition_on_fewer_samples_than_dimensions(self) -> None:
        x, y = samples(20, 64, 0), samples(30, 64, 1, shift=0.3)
        # The root of a singular product has an error of about 1e-6.
        assert distances.frechet(x, y) == pytest.approx(by_definition(x, y), rel=1e-4)

    def test_axis_aligned_gaussians_have_a_closed_form(self) -> None:
        # sum of (difference of means)^2 + (difference of deviations)^2, exact as the covariances are diagonal
        corners = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) * np.sqrt(3 / 4)
        x, y = corners * [1.0, 2.0], corners * [3.0, 2.5] + [1.0, 0.0]
        assert distances.frechet(x, y) == pytest.approx(1 + 4 + 0.25, rel=1e-12)

    @pytest.mark.parametrize("n", [2, 20, 300])
    def test_equal_sets_have_distance_zero(self, n: int) -> None:
        x = samples(n, 64, 0) * 1e3
        assert 0 <= distances.frechet(x, x[::-1]) < 1e-4

    def test_it_is_symmetric(self) -> None:
        x, y = samples(20, 64, 0), samples(90, 64, 1)
        assert distances.frechet(x, y) == pytest.approx(distances.frechet(y, x), rel=1e-12)


class TestKernel:
    def test_it_is_the_unbiased_estimator_written_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(distances, "BLOCK", 7)
        x, y = samples(30, 16, 0), samples(25, 16, 1, shift=0.2)
        xx, yy, xy = (
            polynomial_kernel(a, b, degree=3, gamma=1 / 16, coef0=1) for a, b in ((x, x), (y, y), (x, y))
        )
        off_x, off_y = ~np.eye(30, dtype=bool), ~np.eye(25, dtype=bool)
        expected = xx[off_x].mean() + yy[off_y].mean() - 2 * xy.mean()
        assert distances.kernel(x, y) == pytest.approx(expected, rel=1e-9)

    def test_equal_distributions_give_zero_on_average(self) -> None:
        values = [distances.kernel(samples(30, 16, 2 * i), samples(30, 16, 2 * i + 1000)) for i in range(200)]
        assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(200)
        assert min(values) < 0


@pytest.mark.parametrize("distance", [distances.frechet, distances.kernel])
def test_a_single_sample_is_refused(distance: Callable) -> None:
    with pytest.raises(UserError, match="two samples"):
        distance(samples(1, 4, 0), samples(5, 4, 1))


class TestVgg16:
    @pytest.fixture(params=["fd_vgg16", "kd_vgg16"])
    def metric(
        self, request: pytest.FixtureRequest, metric_class: Load, real_weights: dict[str, Path]
    ) -> SetMetric:
        return metric_class(request.param)(CPU)

    def test_features_do_not_depend_on_the_batch(self, metric: SetMetric) -> None:
        batch = images(5)
        alone = torch.cat([metric.features(batch[i : i + 1]) for i in range(5)])
        together = metric.features(batch)
        assert together.shape == (5, 512)
        assert not together.requires_grad
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)

    def test_features_are_vgg16s_last_activations_averaged(self, real_weights: dict[str, Path]) -> None:
        batch = images(3)
        with torch.no_grad():
            network = features.vgg16_features()[: POOLED_LAYER + 1].double()
            expected = network(features.imagenet_normalise(batch).double()).mean(dim=(2, 3))
        torch.testing.assert_close(PooledVgg16(CPU)(batch).double(), expected, atol=1e-4, rtol=1e-4)

    def test_grey_images_and_other_sizes_are_converted(self, metric: SetMetric) -> None:
        assert metric.features(images(2, channels=1, size=32)).shape == (2, 512)
        assert metric.features(images(2, size=128)).shape == (2, 512)

    def test_a_changed_set_is_farther_than_another_half(self, metric: SetMetric) -> None:
        real = metric.features(images(24) ** 2).double().numpy()
        near = metric.features(images(24, seed=1) ** 2).double().numpy()
        far = metric.features(images(24, seed=1) * 0.3).double().numpy()
        assert metric.distance(near, real) < metric.distance(far, real)

    def test_the_policy_names_network_and_weights(self, metric: SetMetric) -> None:
        assert "VGG16" in metric.policy()
        assert weights.checksum("vgg16") in metric.policy()

    def test_both_share_their_features(self, metric: SetMetric) -> None:
        assert metric.features_of == "vgg16"


class TestFid:
    @pytest.fixture
    def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LORDBENCH_HOME", str(tmp_path))
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        monkeypatch.delenv("LORDBENCH_WEIGHTS", raising=False)

    def test_missing_weights_are_named(self, home: None, metric_class: Load) -> None:
        with pytest.raises(MissingWeightsError, match="inception weights are not on this machine"):
            metric_class("fid")(CPU)

    def test_with_weights_it_is_the_packages_network(self, home: None, metric_class: Load) -> None:
        # Random weights with the published names and shapes: this tests the path, not the values.
        from pytorch_fid import inception

        kind = metric_class("fid")
        bare = inception._inception_v3(num_classes=1008, aux_logits=False, weights=None)
        for name, width in {"5b": 32, "5c": 64, "5d": 64}.items():
            before = {"5b": 192, "5c": 256, "5d": 288}[name]
            setattr(bare, f"Mixed_{name}", inception.FIDInceptionA(before, width))
        for name, width in {"6b": 128, "6c": 160, "6d": 160, "6e": 192}.items():
            setattr(bare, f"Mixed_{name}", inception.FIDInceptionC(768, width))
        bare.Mixed_7b, bare.Mixed_7c = inception.FIDInceptionE_1(1280), inception.FIDInceptionE_2(2048)
        for layer in bare.modules():
            if isinstance(layer, torch.nn.Conv2d):  # Else an image would hardly change the features.
                torch.nn.init.kaiming_normal_(layer.weight, generator=torch.Generator().manual_seed(0))
        store.keep("inception", {key: value.numpy() for key, value in bare.state_dict().items()}, "random")

        before = torch.get_rng_state()
        metric = kind(CPU)
        assert torch.equal(torch.get_rng_state(), before)
        batch = images(2, size=80)
        together = metric.features(batch)
        assert together.shape == (2, 2048)
        alone = torch.cat([metric.features(batch[i : i + 1]) for i in range(2)])
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
        reference = sys.modules[kind.__module__].network(bare.state_dict())
        right, wrong = (reference(its)[0].flatten(1) for its in (batch, 2 * batch - 1))
        torch.testing.assert_close(together, right, rtol=1e-4, atol=1e-5)
        # The network scales [0, 1] to [-1, 1] itself: to do so twice would show.
        assert (right - wrong).abs().max() > 0.01 * right.abs().max()
        assert weights.checksum("inception") in metric.policy()
        assert metric.features(images(1, channels=1)).shape == (1, 2048)
