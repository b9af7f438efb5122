"""Networks are the published ones, and fused layers equal the plain ones."""

from collections.abc import Callable
from itertools import pairwise, product

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lordbench.config import registry
from lordbench.lord import Lord, LordConfig
from lordbench.nn.layers import (
    NARROW,
    UpsampledConv2d,
    adain,
    normalised_anywhere,
    normalised_by_moments,
    normalised_in_one_pass,
    to_pixels,
)
from lordbench.nn.losses import pyramid
from lordbench.nn.networks import DcganDecoder, DcganEncoder, Encoder, Generator
from lordbench.training.method import DataSpec


def layers(module: nn.Module) -> list[tuple[str, tuple[int, ...]]]:
    return [
        (type(m).__name__, tuple(m.weight.shape))
        for m in module.modules()
        if isinstance(m, nn.Conv2d | nn.Linear | nn.Embedding)
    ]


def test_generator_has_the_published_layers() -> None:
    published = [
        *[("Linear", (512, 256))] * 4,
        ("Linear", (4 * 4 * 32, 128)),
        ("Linear", (4 * 4 * 64, 4 * 4 * 32)),
        ("Linear", (4 * 4 * 256, 4 * 4 * 64)),
        *[("UpsampledConv2d", (256, 256, 3, 3))] * 4,
        ("Conv2d", (64, 256, 5, 5)),
        ("Conv2d", (3, 64, 7, 7)),
    ]
    assert layers(Generator(3, 64, class_size=256, content_size=128)) == published


def test_encoder_has_the_published_layers() -> None:
    published = [
        ("Conv2d", (64, 3, 7, 7)),
        ("Conv2d", (128, 64, 4, 4)),
        ("Conv2d", (256, 128, 4, 4)),
        ("Conv2d", (256, 256, 4, 4)),
        ("Conv2d", (256, 256, 4, 4)),
        ("Linear", (256, 256 * 4 * 4)),
        ("Linear", (256, 256)),
        ("Linear", (128, 256)),
    ]
    assert layers(Encoder(3, 64, code_size=128)) == published


class TestEncoder:
    IMAGES = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))

    def test_the_slope_is_that_of_all_layers(self) -> None:
        """With a slope of one there is nothing but affine layers."""
        encoder, (a, b, c, _) = Encoder(3, 16, code_size=5, width=16, slope=1.0), self.IMAGES
        codes = encoder(torch.stack([a, b, c, a + b - c]))
        torch.testing.assert_close(codes[0] + codes[1] - codes[2], codes[3], atol=1e-5, rtol=0)

    def test_the_last_layer_is_linear(self) -> None:
        assert (Encoder(3, 16, code_size=50, width=16, slope=0.0)(self.IMAGES) < 0).any()

    def test_an_image_has_the_same_code_in_any_batch(self) -> None:
        """There is no normalization, also in training."""
        encoder = Encoder(3, 16, code_size=5, width=16).train()
        torch.testing.assert_close(encoder(self.IMAGES)[:1], encoder(self.IMAGES[:1]))


class TestDcgan:
    """DrNet's published networks at 64 pixels (Denton & Birodkar 2017)."""

    WIDTHS = (64, 128, 256, 512)

    def test_the_encoder_has_the_published_layers(self) -> None:
        before, expected = 3, list[nn.Module]()
        for width in self.WIDTHS:
            expected += [nn.Conv2d(before, width, 4, 2, 1), nn.BatchNorm2d(width), nn.LeakyReLU(0.2)]
            before = width
        expected += [nn.Conv2d(512, 10, 4), nn.BatchNorm2d(10), nn.Flatten(), nn.Tanh()]
        plain, images = nn.Sequential(*expected), torch.rand(4, 3, 64, 64)
        ours = DcganEncoder(3, 64, code_size=10)
        plain.load_state_dict(dict(zip(plain.state_dict(), ours.state_dict().values(), strict=True)))
        torch.testing.assert_close(ours(images), plain(images))

    def test_the_decoder_is_its_mirror_image(self) -> None:
        expected: list[nn.Module] = [nn.ConvTranspose2d(12, 512, 4)]
        for before, after in pairwise((*self.WIDTHS[::-1], 3)):
            expected += [
                nn.BatchNorm2d(before),
                nn.LeakyReLU(0.2),
                nn.ConvTranspose2d(before, after, 4, 2, 1),
            ]
        plain, codes = nn.Sequential(*expected, nn.Sigmoid()), torch.rand(4, 12)
        ours = DcganDecoder(3, 64, code_size=12)
        plain.load_state_dict(dict(zip(plain.state_dict(), ours.state_dict().values(), strict=True)))
        torch.testing.assert_close(ours(codes[:, :8], codes[:, 8:]), plain(codes[:, :, None, None]))


def test_kernels_and_channels_at_full_resolution_are_settings_of_all_methods() -> None:
    spec = DataSpec(channels=3, size=32, n_classes=3, n_images=500)
    for component in registry.available("methods").values():
        config = component.load().Config
        if "kernels" in config.model_fields:
            method = component.load()(config(kernels=[3, 9], taper=True, width=16), spec)
            sizes = {m.kernel_size[0] for m in method.modules() if isinstance(m, nn.Conv2d)}
            assert {3, 4, 9} <= sizes
            assert not {5, 7} & sizes
            channels = [m.out_channels for m in method.modules() if isinstance(m, UpsampledConv2d)]
            assert channels[:3] == [16, 16, 8]
    with pytest.raises(ValueError, match="Input should be"):
        LordConfig(kernels=(4, 7))


def test_paper_defaults_of_lord() -> None:
    config = LordConfig()
    assert (config.class_size, config.content_size, config.width, config.slope) == (256, 128, 256, 0.01)
    assert (config.noise, config.decay, config.generator_rate, config.latent_rate) == (1.0, 1e-4, 3e-4, 3e-3)
    model = Lord(config, DataSpec(channels=1, size=64, n_classes=3, n_images=500))
    for table in (model.class_codes.table, model.content_codes.table):
        assert table is not None
        assert 0.04 < table.weight.abs().max() <= 0.05


@pytest.mark.parametrize("size", [16, 24, 32, 50, 128])
def test_encoder_takes_any_size(size: int) -> None:
    encoder = Encoder(1, size, code_size=5, width=16)
    assert encoder(torch.rand(2, 1, size, size)).shape == (2, 5)


@pytest.mark.parametrize("size", [8, 16, 32, 64])
def test_generator_makes_images_in_range(size: int) -> None:
    images = Generator(3, size, 7, 5, width=16)(torch.randn(2, 7), torch.randn(2, 5))
    assert images.shape == (2, 3, size, size)
    assert images.min() >= 0
    assert images.max() <= 1


def test_adain_equals_instance_norm_with_exact_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    x, offset, scale = (
        torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)
        for shape in ((2, 3, 4, 5), (2, 3, 1, 1), (2, 3, 1, 1))
    )
    assert torch.allclose(adain(x, offset, scale), F.instance_norm(x) * scale + offset, atol=1e-12)
    assert torch.autograd.gradcheck(adain, (x, offset, scale))


def test_adain_in_bfloat16_stays_near_float32() -> None:
    generator = torch.Generator().manual_seed(0)
    # A mean far above the spread breaks a variance computed as mean square minus squared mean.
    x = torch.randn(2, 8, 16, 16, generator=generator) + 20
    offset, scale = torch.zeros(2, 8, 1, 1), torch.ones(2, 8, 1, 1)
    rounded = x.bfloat16()
    exact = adain(rounded.float(), offset, scale)
    # Half a step of bfloat16 at 20 is 0.06: the mean itself is rounded by that much.
    assert (adain(rounded, offset, scale).float() - exact).abs().max() < 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_adain_keeps_the_memory_format(dtype: torch.dtype, memory_format: torch.memory_format) -> None:
    x = torch.randn(2, 8, 4, 4).to(dtype).contiguous(memory_format=memory_format).requires_grad_()
    offset, scale = torch.zeros(2, 8, 1, 1), torch.ones(2, 8, 1, 1)
    y = adain(x, offset, scale)
    assert y.dtype == dtype
    assert y.is_contiguous(memory_format=memory_format)
    y.backward(torch.randn_like(y))
    assert x.grad is not None
    assert x.grad.is_contiguous(memory_format=memory_format)


@pytest.mark.parametrize(
    ("normalise", "mean"),
    [
        *product((normalised_anywhere, normalised_by_moments), (0, 20, -300)),
        # It squares before it subtracts, so digits cancel where the mean is large.
        *product((normalised_in_one_pass,), (0, 20)),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_maps_are_normalised_whichever_way_is_faster(
    normalise: Callable[[Tensor, float], tuple[Tensor, Tensor]], mean: int, dtype: torch.dtype
) -> None:
    x = (torch.randn(2, 8, 6, 6) * 3 + mean).to(dtype).contiguous(memory_format=torch.channels_last)
    ours, inverse = normalise(x, 1e-5)
    variance, center = torch.var_mean(x.double(), dim=(2, 3), correction=0, keepdim=True)
    assert ours.dtype == dtype
    assert ours.is_contiguous(memory_format=torch.channels_last)
    exact = (x.double() - center) / (variance + 1e-5).sqrt()
    tolerance = {torch.float64: 1e-9, torch.float32: 1e-4, torch.bfloat16: 0.03}[dtype]
    assert torch.allclose(ours.double(), exact, atol=tolerance)
    assert torch.allclose(inverse.double(), (variance + 1e-5).rsqrt(), rtol=0.01)
    assert normalise is normalised_in_one_pass or inverse.dtype in (torch.float32, torch.float64)


def test_pyramid_is_the_sum_of_l1_at_three_scales() -> None:
    generator = torch.Generator().manual_seed(0)
    fake, real = torch.rand(2, 4, 3, 16, 16, generator=generator)
    expected = sum(F.l1_loss(F.avg_pool2d(fake, k), F.avg_pool2d(real, k)) for k in (1, 2, 4))
    assert torch.allclose(pyramid(fake, real), torch.as_tensor(expected))


@pytest.mark.parametrize("size", [(4, 4), (1, 1), (5, 3)])
def test_upsampled_convolution_equals_its_two_steps_with_exact_gradients(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer = UpsampledConv2d(3, 2).double()
    x = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    expected = F.conv2d(F.interpolate(x, scale_factor=2.0), layer.weight, layer.bias, padding=1)
    assert torch.allclose(layer(x), expected, atol=1e-12)
    weights = torch.randn_like(expected)
    inputs = (x, layer.weight, layer.bias)
    ours, theirs = (torch.autograd.grad((y * weights).sum(), inputs) for y in (layer(x), expected))
    for gradient, expected in zip(ours, theirs, strict=True):
        assert torch.allclose(gradient, expected, atol=1e-12)


@pytest.mark.parametrize("channels", [8, NARROW])
def test_upsampled_convolution_in_bfloat16_is_as_accurate_as_its_two_steps(channels: int) -> None:
    torch.manual_seed(0)
    layer = UpsampledConv2d(channels, channels)
    x = torch.randn(2, channels, 6, 6)
    large = F.interpolate(x, scale_factor=2.0)
    exact = F.conv2d(large, layer.weight, layer.bias, padding=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours, steps = layer(x), F.conv2d(large, layer.weight, layer.bias, padding=1)
    assert ours.dtype == torch.bfloat16
    error, usual = ((y.float() - exact).norm() for y in (ours, steps))
    assert error < 1.5 * usual


class TestPixels:
    def test_they_are_a_sigmoid(self) -> None:
        logits = torch.linspace(-30, 30, 61, requires_grad=True)
        pixels = to_pixels(logits)
        torch.testing.assert_close(pixels, torch.sigmoid(logits), rtol=0, atol=0)
        pixels.sum().backward()
        assert logits.grad is not None
        within = logits.detach().abs() < 6
        s = torch.sigmoid(logits.detach())
        torch.testing.assert_close(logits.grad[within], (s * (1 - s))[within])

    def test_a_saturated_pixel_still_learns(self) -> None:
        logits = torch.tensor([-200.0, 200.0], requires_grad=True)
        (to_pixels(logits) - 0.5).abs().sum().backward()
        assert logits.grad is not None
        assert logits.grad[0] < -1e-3
        assert logits.grad[1] > 1e-3

    def test_a_saturated_pixel_is_not_driven_further(self) -> None:
        logits = torch.tensor([-12.0, 12.0], requires_grad=True)
        (to_pixels(logits) - torch.tensor([-1.0, 2.0])).abs().sum().backward()
        assert logits.grad is not None
        s = torch.sigmoid(logits.detach())
        torch.testing.assert_close(logits.grad, torch.tensor([1.0, -1.0]) * s * (1 - s))
