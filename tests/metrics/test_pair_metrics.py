"""Pair metrics: equal to independent implementations, whatever the batch and the number of channels."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import lpips
import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor
from torch.nn import functional as F

from lordbench.evaluation.metric import PairMetric
from lordbench.nn import weights
from lordbench.utils.errors import MissingWeightsError, UserError

CPU = torch.device("cpu")
Load = Callable[[str], type[PairMetric]]


def pairs(n: int = 6, channels: int = 3, size: int = 64) -> tuple[Tensor, Tensor]:
    """Smooth images with noise that grows from pair to pair, and without it: (n, channels, size, size)."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(n, channels, 8, 8, generator=generator)
    real = F.interpolate(coarse, (size, size), mode="bilinear")
    noise = torch.randn(real.shape, generator=generator) * torch.linspace(0.01, 0.4, n).view(-1, 1, 1, 1)
    return (real + noise).clamp(0, 1), real


@pytest.fixture(params=["l1", "psnr", "ssim", "lpips"])
def metric(request: pytest.FixtureRequest, metric_class: Load) -> PairMetric:
    if request.param == "lpips":
        request.getfixturevalue("real_weights")
    return metric_class(request.param)(CPU)


class TestContract:
    def test_one_value_per_pair_worse_with_more_noise(self, metric: PairMetric) -> None:
        values = metric(*pairs())
        assert values.shape == (6,)
        assert torch.equal(values.sort(descending=metric.higher_is_better).values, values)

    def test_equal_images_get_the_best_value_and_it_is_finite(self, metric: PairMetric) -> None:
        _, real = pairs()
        best = {"L1": 0.0, "Psnr": 100.0, "Ssim": 1.0, "Lpips": 0.0}[type(metric).__name__]
        np.testing.assert_allclose(metric(real, real), best, atol=1e-6)

    def test_values_do_not_depend_on_the_batch(self, metric: PairMetric) -> None:
        fake, real = pairs()
        alone = torch.cat([metric(fake[i : i + 1], real[i : i + 1]) for i in range(len(fake))])
        torch.testing.assert_close(metric(fake, real), alone, rtol=1e-5, atol=1e-6)

    def test_grey_is_colour_with_equal_channels(self, metric: PairMetric) -> None:
        fake, real = pairs(channels=1)
        tiled = metric(fake.expand(-1, 3, -1, -1), real.expand(-1, 3, -1, -1))
        torch.testing.assert_close(metric(fake, real), tiled)

    def test_channels_last_and_gradients_change_nothing(self, metric: PairMetric) -> None:
        fake, real = pairs()
        values = metric(fake.to(memory_format=torch.channels_last).requires_grad_(), real)
        assert not values.requires_grad
        torch.testing.assert_close(values, metric(fake, real), rtol=1e-5, atol=1e-6)

    def test_targets_serve_several_outputs(self, metric: PairMetric) -> None:
        fake, real = pairs()
        compare = metric.against(real)
        for output in (fake, fake.flip(0), real):
            assert torch.equal(compare(output), metric(output, real))

    def test_policy_and_source_are_set(self, metric: PairMetric) -> None:
        assert metric.policy()
        assert metric.source


class TestAgainstOthers:
    @pytest.mark.parametrize(("channels", "size"), [(1, 64), (3, 64), (3, 11), (3, 97)])
    def test_ssim_is_scikit_images(self, metric_class: Load, channels: int, size: int) -> None:
        fake, real = pairs(channels=channels, size=size)
        expected = [
            structural_similarity(
                a.double().numpy(),
                b.double().numpy(),
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
                data_range=1,
                channel_axis=0,
            )
            for a, b in zip(fake, real, strict=True)
        ]
        np.testing.assert_allclose(metric_class("ssim")(CPU)(fake, real), expected, rtol=1e-9)

    def test_psnr_is_scikit_images(self, metric_class: Load) -> None:
        fake, real = pairs()
        expected = [
            peak_signal_noise_ratio(b.numpy(), a.numpy(), data_range=1)
            for a, b in zip(fake, real, strict=True)
        ]
        np.testing.assert_allclose(metric_class("psnr")(CPU)(fake, real), expected, rtol=1e-5)

    def test_l1_of_a_known_difference(self, metric_class: Load) -> None:
        value = metric_class("l1")(CPU)(torch.full((2, 3, 4, 4), 0.75), torch.full((2, 3, 4, 4), 0.5))
        np.testing.assert_allclose(value, 0.25)


class TestLpips:
    @pytest.fixture
    def by_hand(self, real_weights: dict[str, Path]) -> torch.nn.Module:
        """The package as its authors load it, trunk layer by trunk layer."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
        trunk = weights.load("alexnet")
        for part in network.net.children():
            for index, layer in part.named_children():
                if isinstance(layer, torch.nn.Conv2d):
                    layer.weight.data.copy_(trunk[f"features.{index}.weight"])
                    layer.bias.data.copy_(trunk[f"features.{index}.bias"])
        return network

    @pytest.mark.parametrize("size", [64, 96])
    def test_it_is_the_package_fed_minus_one_to_one(
        self, metric_class: Load, by_hand: torch.nn.Module, size: int
    ) -> None:
        fake, real = pairs(size=size)
        ours = metric_class("lpips")(CPU)(fake, real)
        with torch.no_grad():
            right = by_hand(fake * 2 - 1, real * 2 - 1).flatten()
            wrong = by_hand(fake, real).flatten()
        torch.testing.assert_close(ours, right, rtol=1e-5, atol=1e-6)
        assert (ours - wrong).abs().max() > 0.02  # the classic mistake would show

    def test_small_images_are_enlarged_first(self, metric_class: Load, by_hand: torch.nn.Module) -> None:
        fake, real = pairs(size=32)
        large = [
            F.interpolate(x, (64, 64), mode="bilinear", align_corners=False) * 2 - 1 for x in (fake, real)
        ]
        with torch.no_grad():
            expected = by_hand(*large).flatten()
        torch.testing.assert_close(metric_class("lpips")(CPU)(fake, real), expected, rtol=1e-4, atol=1e-6)

    def test_missing_weights_are_named(self, metric_class: Load, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.setenv("LORDBENCH_HOME", str(tmp_path))
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        monkeypatch.delenv("LORDBENCH_WEIGHTS", raising=False)
        with pytest.raises(MissingWeightsError, match="alexnet weights are not on this machine"):
            metric_class("lpips")(CPU)

    def test_the_policy_names_the_weights(self, metric_class: Load, real_weights: dict[str, Path]) -> None:
        assert weights.checksum("alexnet") in metric_class("lpips")(CPU).policy()


def test_ssim_refuses_images_smaller_than_its_window(metric_class: Load) -> None:
    with pytest.raises(UserError, match="11 px or more"):
        metric_class("ssim")(CPU)(*pairs(size=10))
