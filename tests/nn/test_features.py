"""VGG16 as feature network: torchvision's weights and activations, frozen."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchvision import models

from lordbench.evaluation.vgg16 import POOLED_LAYER, PooledVgg16
from lordbench.evaluation.winograd import RectifiedConv2d, WinogradConv2d
from lordbench.nn import features, weights
from lordbench.utils import seeds


class TestWeightsAreTorchvisions:
    def test_vgg16(self, real_weights: dict[str, Path]) -> None:
        # as printed from torchvision's file in public notebooks
        kernel = torch.tensor(
            [[-0.5537, 0.1427, 0.5290], [-0.5831, 0.3566, 0.7657], [-0.6902, -0.0480, 0.4841]]
        )
        torch.testing.assert_close(
            weights.load("vgg16")["features.0.weight"][0, 0], kernel, atol=5e-5, rtol=0
        )

    def test_alexnet(self, real_weights: dict[str, Path]) -> None:
        row = torch.tensor([0.11864, 0.094069, 0.095435])
        torch.testing.assert_close(
            weights.load("alexnet")["features.0.weight"][0, 0, 0, :3], row, atol=5e-6, rtol=0
        )


class TestFeatureNetworks:
    def test_activations_are_torchvisions(self, real_weights: dict[str, Path]) -> None:
        # torchvision's own layers in order; its ReLUs overwrite a convolution's output in place
        reference = models.vgg16(weights=None).features
        state = {key.removeprefix("features."): value for key, value in weights.load("vgg16").items()}
        reference.load_state_dict(state, assign=True)
        images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        layers, collected, x = [2, 7, 12, 21, 30], [], images
        with torch.no_grad():
            for index, layer in enumerate(reference):
                x = layer(x)
                collected += [x] if index in layers else []
            ours = features.vgg16_activations(features.vgg16_features(), images, layers)
        for a, b in zip(ours, collected, strict=True):
            torch.testing.assert_close(a, b)

    def test_convolutions_without_their_relu(self, real_weights: dict[str, Path]) -> None:
        network = features.vgg16_features()
        images = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        (raw,) = features.vgg16_activations(network, images, [2], relu=False)
        (after,) = features.vgg16_activations(network, images, [2])
        assert raw.min() < 0
        torch.testing.assert_close(raw.relu(), after)

    def test_networks_are_frozen_but_let_gradients_through(self, real_weights: dict[str, Path]) -> None:
        network = features.vgg16_features()
        assert not network.training
        assert not any(p.requires_grad for p in network.parameters())
        images = torch.rand(1, 3, 64, 64, requires_grad=True)
        network(features.imagenet_normalise(images)).sum().backward()
        assert images.grad is not None
        assert images.grad.abs().sum() > 0

    def test_building_one_keeps_the_global_generator(self, real_weights: dict[str, Path]) -> None:
        before = torch.get_rng_state()
        features.vgg16_features()
        assert torch.equal(torch.get_rng_state(), before)


class TestWinograd:
    @pytest.mark.parametrize("onednn", [True, False])
    @pytest.mark.parametrize(
        ("channels", "filters", "size"), [(3, 8, 4), (512, 64, 16), (16, 8, 32), (4, 8, 64), (128, 4, 12)]
    )
    def test_it_equals_the_convolution(
        self, channels: int, filters: int, size: int, onednn: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if not onednn:  # as PyTorch is built for some processors
            monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
        with seeds.initialising(0, "winograd"):
            convolution = torch.nn.Conv2d(channels, filters, 3, padding=1)
        images = torch.rand(17, channels, size, size, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            ours = WinogradConv2d(convolution, size)(images)
            expected = convolution.double()(images.double()).relu()
        assert ours.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(ours.double(), expected, atol=2e-5, rtol=0)

    def test_pooled_features_are_vgg16s(self, real_weights: dict[str, Path]) -> None:
        images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        pooled = PooledVgg16(torch.device("cpu"))
        with torch.no_grad():
            plain = features.vgg16_features()[: POOLED_LAYER + 1].double()
            expected = plain(features.imagenet_normalise(images).double()).mean(dim=(2, 3))
        kinds = [type(layer) for layer in pooled.network]
        assert (kinds.count(RectifiedConv2d), kinds.count(WinogradConv2d)) == (2, 11)
        torch.testing.assert_close(pooled(images).double(), expected, atol=1e-4, rtol=1e-4)
        assert "Winograd" in pooled.policy()


def test_perceptual_loss_is_pixel_l1_plus_l1_of_vgg16(real_weights: dict[str, Path]) -> None:
    from lordbench.nn.losses import LAYERS, PerceptualLoss

    generator = torch.Generator().manual_seed(0)
    fake, real = torch.rand(2, 2, 1, 64, 64, generator=generator)
    fake.requires_grad_(True)
    loss = PerceptualLoss()
    value = loss(fake, real)
    value.backward()
    assert fake.grad is not None
    assert (fake.grad != 0).any()
    assert all(parameter.grad is None for parameter in loss.parameters())
    assert loss(real, real) == 0
    network = features.vgg16_features()
    mean, std = torch.tensor(features.IMAGENET_MEAN), torch.tensor(features.IMAGENET_STD)
    expected = (fake - real).abs().mean()
    x, y = ((image.repeat(1, 3, 1, 1) - mean[:, None, None]) / std[:, None, None] for image in (fake, real))
    for index, layer in enumerate(network):
        x, y = layer(x), layer(y)
        if index in {i if i == 30 else i + 1 for i in LAYERS}:
            expected = expected + (x - y).abs().mean()
    assert torch.allclose(value, expected, rtol=1e-4)
