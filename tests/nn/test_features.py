"""VGG16 as feature network: torchvision's weights and activations, frozen."""

from __future__ import annotations

from pathlib import Path

import torch
from torchvision import models

from lordbench.nn import features, losses, weights


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


def test_the_perceptual_loss_has_the_published_layers() -> None:
    """conv1_2, conv2_2, conv3_2 and conv4_3, and the last pooling."""
    kinds = [type(layer).__name__ for layer in models.vgg16(weights=None).features]
    convolutions = [i for i, kind in enumerate(kinds) if kind == "Conv2d"]
    assert list(losses.LAYERS[:4]) == [convolutions[i] for i in (1, 3, 5, 9)]
    assert kinds[losses.LAYERS[4] :] == ["MaxPool2d"]


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
