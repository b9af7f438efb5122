"""DCoDR: what is contrasted with what, what learns from it, and the augmentations."""

from __future__ import annotations

import math

import pytest
import torch
from helpers import context
from mechanisms import CLASS, DATA, batch, build, decoded, learning, loss, module, outputs, rates
from torch import Tensor
from torch.nn import functional as F

from lordbench.nn import losses
from lordbench.nn.losses import pyramid

FOURS = (0, 1, 2, 3, 4, 5, 6, 7)
"""Four images of each of two classes."""


def unit(*rows: tuple[float, float]) -> Tensor:
    return F.normalize(torch.tensor(rows, dtype=torch.float32))


def contrasted(own: Tensor, positive: Tensor, temperature: float) -> Tensor:
    """The contrast of `FOURS`, from an encoder's outputs for the images and for their other views."""
    own, positive = F.normalize(own), F.normalize(positive)
    values = []
    for i in range(8):
        rest = [j for j in range(8) if j // 4 == i // 4 and j != i]
        similar = torch.stack([own[i] @ positive[i], *(own[i] @ own[j] for j in rest)]) / temperature
        values.append(similar.logsumexp(0) - similar[0])
    return torch.stack(values).mean()


class TestContrast:
    def test_it_is_the_cross_entropy_of_the_positive_among_the_negatives(self) -> None:
        codes, positives = unit((1, 0), (0, 1), (1, 1)), unit((1, 1), (0, 1), (1, 0))
        negatives = torch.tensor([[0, 1, 1], [1, 0, 0], [0, 0, 0]]).bool()
        half = math.sqrt(0.5)
        # Positives at cosines of half, 1 and half; negatives at 0 and half, at 0, and none.
        first = math.log(math.exp(half / 0.2) + 1 + math.exp(half / 0.2)) - half / 0.2
        second = math.log(math.exp(1 / 0.2) + 1) - 1 / 0.2
        value = module("dcodr").info_nce(codes, positives, negatives, 0.2)
        assert value.item() == pytest.approx((first + second + 0) / 3)

    def test_an_image_is_contrasted_with_its_augmentation_against_its_class(self) -> None:
        method, of = build("dcodr", temperature=0.5), batch(*FOURS)
        codes = outputs(method.content_encoder)
        value = loss(method, of)["contrast"].item()
        assert value == pytest.approx(contrasted(*codes, 0.5).item(), rel=1e-4)

    def test_codes_learn_as_images_as_other_views_and_as_negatives(self) -> None:
        method = build("dcodr", temperature=0.5)
        codes = outputs(method.content_encoder)
        value = loss(method, batch(*FOURS))["contrast"]
        own, positive = (code.detach().requires_grad_() for code in codes)
        contrasted(own, positive, 0.5).backward()
        for gradient, expected in zip(
            torch.autograd.grad(value, codes), (own.grad, positive.grad), strict=True
        ):
            assert torch.allclose(gradient, expected, rtol=1e-3, atol=1e-6)
            assert expected.any(dim=1).all()

    def test_the_positive_is_the_augmented_image(self) -> None:
        method, seen = build("dcodr"), []
        method.content_encoder.register_forward_hook(lambda own, given, output: seen.append(given[0]))
        loss(method, batch())
        assert torch.equal(seen[0], batch().images)
        expected = module("dcodr").augmented(batch().images, torch.Generator().manual_seed(0))
        assert torch.equal(seen[1], expected)

    def test_other_classes_are_no_negatives(self) -> None:
        """The gradient of an image's code does not depend on images of other classes."""
        method, codes = build("dcodr"), []
        method.content_encoder.register_forward_hook(
            lambda own, given, output: output.retain_grad() or codes.append(output)
        )
        for rest in ((4, 5), (8, 9)):
            loss(method, batch(0, 1, *rest))["contrast"].backward()
        assert torch.equal(codes[0].grad[:2], codes[2].grad[:2])
        assert codes[0].grad[:2].any()

    def test_an_image_is_not_its_own_negative(self) -> None:
        """A class smaller than its group repeats its images."""
        terms = loss(build("dcodr"), batch(0, 0, 0, 0))
        assert terms["contrast"].item() == pytest.approx(0, abs=1e-6)
        assert loss(build("dcodr"), batch(0, 1, 0, 1))["contrast"].item() > 0.1

    def test_codes_have_unit_length(self) -> None:
        codes = build("dcodr").encode(batch().images)
        assert torch.allclose(codes.content_code.norm(dim=1), torch.ones(6))
        assert not torch.allclose(codes.class_code.norm(dim=1), torch.ones(6))

    def test_published_settings(self) -> None:
        config = module("dcodr").DcodrConfig()
        assert (config.per_class, config.temperature, config.reconstruction_weight) == (32, 0.2, 0.3)
        assert config.weights() == ("vgg16",)
        assert config.model_copy(update={"reconstruction": "published"}).weights() == ("vgg16",)
        assert build("dcodr").betas == (0.5, 0.999)

    def test_the_published_reconstruction_is_perceptual(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(losses, "PerceptualLoss", torch.nn.L1Loss)
        method = build("dcodr").published_loss
        loss = losses.reconstruction_loss("published", method, torch.device("cpu"))
        assert isinstance(loss, torch.nn.L1Loss)


class TestGenerator:
    def test_it_is_given_the_classs_latent_code_and_the_images_content(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        method = build("dcodr", reconstruction_weight=0.7)
        calls, made = decoded(method, monkeypatch), outputs(method.generator)
        terms = loss(method, batch())
        assert torch.equal(calls[0].class_code, method.class_codes.weight[batch().classes])
        assert torch.equal(calls[0].content_code, method.encode(batch().images).content_code)
        expected = 0.7 * pyramid(made[0], batch().images).item()
        assert terms["reconstruction"].item() == pytest.approx(expected)

    def test_class_codes_start_as_small_as_lords(self) -> None:
        start = build("dcodr", class_size=200).class_codes.weight
        assert 0.04 < start.abs().max() <= 0.05

    def test_codes_learn_from_the_reconstruction_unless_the_variant_is_without(self) -> None:
        joint, apart = build("dcodr"), build("dcodr", joint=False)
        both = {"class_codes", "generator"}
        assert learning(joint, loss(joint, batch())["reconstruction"]) == both | {"content_encoder"}
        assert learning(apart, loss(apart, batch())["reconstruction"]) == both
        assert learning(apart, loss(apart, batch())["contrast"]) == {"content_encoder"}


class TestClassEncoder:
    def test_it_learns_the_latent_class_codes_which_are_fixed_targets(self) -> None:
        method = build("dcodr")
        terms = method.class_loss(batch())
        codes, targets = method.encode(batch().images).class_code, method.class_codes(batch().classes)
        assert terms["class code"].item() == pytest.approx(F.mse_loss(codes, targets).item())
        assert learning(method, terms) == {"class_encoder"}

    def test_it_has_a_step_apart_and_class_codes_a_rate_apart(self) -> None:
        method = build("dcodr", learning_rate=1e-3, latent_rate=2e-2)
        first, second = method.updates(pyramid)
        assert rates(first.optimizers, method) == {
            "content_encoder": 1e-3, "generator": 1e-3, "class_codes": 2e-2,
        }  # fmt: skip
        assert rates(second.optimizers, method) == {"class_encoder": 1e-3}

    def test_encoded_class_codes_come_close_to_the_latent_ones(self) -> None:
        method = build("dcodr", per_class=4, learning_rate=2e-3, latent_rate=1e-2)
        method.fit(DATA, context(8000, batch_size=16))
        with torch.no_grad():
            codes = method.encode(batch(*range(16)).images).class_code
        latent = method.class_codes.weight.detach()
        nearest = torch.cdist(codes, latent).argmin(dim=1)
        assert nearest.tolist() == DATA.classes.tolist()
        assert latent.shape == (4, CLASS)


class TestAugmentations:
    IMAGES = torch.rand(400, 3, 16, 16, generator=torch.Generator().manual_seed(1))

    def augmented(self, images: Tensor = IMAGES, seed: int = 0) -> Tensor:
        views: Tensor = module("dcodr").augmented(images, torch.Generator().manual_seed(seed))
        return views

    def test_one_of_four_is_drawn_for_each_image(self) -> None:
        views = self.augmented()
        grey = (views - views.mean(dim=1, keepdim=True)).abs().amax(dim=(1, 2, 3)) < 1e-6
        assert 60 < grey.sum() < 140
        assert not torch.equal(views[:8], self.augmented(seed=1)[:8])
        assert torch.equal(views, self.augmented())

    def test_grey_is_as_bright_as_the_eye_sees_colours(self) -> None:
        views = self.augmented()
        grey = (views - views.mean(dim=1, keepdim=True)).abs().amax(dim=(1, 2, 3)) < 1e-6
        red, green, blue = self.IMAGES[grey].unbind(dim=1)
        assert torch.allclose(views[grey][:, 0], 0.299 * red + 0.587 * green + 0.114 * blue, atol=1e-5)

    def test_views_stay_within_the_range_of_images(self) -> None:
        views = self.augmented()
        assert views.shape == self.IMAGES.shape
        assert views.dtype == torch.float32
        assert views.min() >= 0
        assert views.max() <= 1 + 1e-6

    def test_a_flat_grey_image_changes_in_brightness_alone(self) -> None:
        """Blur, crop and grey keep it, up to its edges, and colour scales it."""
        views = self.augmented(torch.full((200, 3, 16, 16), 0.5))
        levels = views.mean(dim=(1, 2, 3))
        assert torch.allclose(views, levels[:, None, None, None].expand_as(views), atol=1e-5)
        changed = (levels - 0.5).abs() > 1e-4
        assert 25 < changed.sum() < 75
        assert ((levels >= 0.3 - 1e-4) & (levels <= 0.7 + 1e-4)).all()

    def test_saturation_changes_colours_and_not_the_step_in_brightness(self) -> None:
        """Brightness and contrast scale both alike, blur and crop keep them far from the edge."""
        image = torch.full((3, 64, 64), 0.2)
        image[0] += 0.1
        image[:, :, 32:] += 0.1
        views = self.augmented(image.expand(200, 3, 64, 64))
        colours = views[:, 0, 32, 0] - views[:, 1, 32, 0]
        ratios = colours / (views[:, 1, 32, -1] - views[:, 1, 32, 0])
        changed = ((ratios - 1).abs() > 0.01) & (ratios > 0.01)
        assert 25 < changed.sum() < 75
        assert ((ratios[changed] > 0.59) & (ratios[changed] < 1.41)).all()

    def test_contrast_changes_apart_from_brightness(self) -> None:
        """Blur, crop and grey keep the levels far from an edge."""
        edge = torch.where(torch.arange(64) < 32, 0.3, 0.5).expand(200, 3, 64, 64)
        views = self.augmented(edge)
        low, high = views.amin(dim=(1, 2, 3)), views.amax(dim=(1, 2, 3))
        contrasts = (high - low) / (high + low) / 0.25
        changed = (contrasts - 1).abs() > 0.01
        assert 25 < changed.sum() < 75
        assert ((contrasts[changed] > 0.59) & (contrasts[changed] < 1.41)).all()
        brightness = (high + low)[changed] / 0.8
        assert torch.corrcoef(torch.stack([contrasts[changed], brightness]))[0, 1].abs() < 0.5

    def test_no_view_is_stretched_or_shows_what_is_outside_the_image(self) -> None:
        """Twice as steep downwards as across stays so, and is nowhere flat."""
        places = torch.arange(64) / 1000
        views = self.augmented((places + 2 * places[:, None] + 0.3).expand(200, 1, 64, 64))[:, 0]
        across, down = views.diff(dim=2), views.diff(dim=1)
        assert torch.allclose(down[:, 32, 32] / across[:, 32, 32], torch.tensor(2.0), atol=0.02)
        assert (across > 0).all()
        assert (down > 0).all()

    @pytest.mark.parametrize("lying", [False, True])
    def test_crops_move_an_edge_and_blurs_widen_it(self, lying: bool) -> None:
        edge = (torch.arange(64) >= 32).float().expand(200, 1, 64, 64)
        views = self.augmented(edge.mT).mT if lying else self.augmented(edge)
        rows = views[:, 0, 32]
        low, high = rows.amin(1, keepdim=True), rows.amax(1, keepdim=True)
        heights = (rows - low) / (high - low)
        moved = (heights < 0.5).sum(dim=1) != 32
        widths = ((heights > 0.05) & (heights < 0.95)).sum(dim=1)
        wide = widths > 2
        assert 25 < moved.sum() < 75
        assert 25 < wide.sum() < 75
        assert not (moved & wide).any()
        # A Gaussian of deviation 2 takes 6.6 pixels from 5 to 95 %.
        assert 5 <= widths.max() <= 8

    def test_grey_images_are_taken(self) -> None:
        assert self.augmented(self.IMAGES[:8, :1]).shape == (8, 1, 16, 16)
