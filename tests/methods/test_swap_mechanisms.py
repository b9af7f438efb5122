"""Cycle-consistent VAE and Mathieu et al.: each mechanism, by the decoder's input, values and gradients."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from mechanisms import CLASS, CONTENT, PRIOR, batch, build, decoded, fixed, learning, loss, outputs, rates
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from lordbench.nn.losses import draw, pyramid

PARTNERS = [1, 0, 3, 2, 5, 4]


def posterior(method: Any) -> tuple[Tensor, Tensor]:
    mean, log_variance = method.content_encoder(batch().images).chunk(2, dim=1)
    return mean, log_variance


def kl_per_image(method: Any) -> float:
    mean, log_variance = posterior(method)
    return float(kl_divergence(Normal(mean, (0.5 * log_variance).exp()), PRIOR).sum(1).mean().item())


@pytest.mark.parametrize("name", ["cyclevae", "mathieu"])
class TestContents:
    def test_they_are_drawn_from_the_images_posterior(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        method = build(name)
        calls = decoded(method, monkeypatch)
        loss(method, batch())
        drawn = draw(*posterior(method), torch.Generator().manual_seed(0))
        assert torch.equal(calls[0].content_code, drawn)

    def test_their_kl_is_from_the_prior_in_nats_per_image(self, name: str) -> None:
        method = build(name, kl_weight=0.5)
        assert loss(method, batch())["content KL"].item() == pytest.approx(
            0.5 * kl_per_image(method), rel=1e-4
        )
        assert learning(method, loss(method, batch())["content KL"]) == {"content_encoder"}

    def test_class_codes_are_plain_and_codes_are_means(self, name: str) -> None:
        method = build(name)
        codes = method.encode(batch().images)
        assert torch.equal(codes.class_code, method.class_encoder(batch().images))
        assert torch.equal(codes.content_code, posterior(method)[0])
        assert codes.class_code.shape == (6, CLASS)


class TestForwardCycle:
    def test_an_image_is_decoded_from_its_content_and_its_partners_class(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        method = build("cyclevae")
        classes, made, calls = (
            outputs(method.class_encoder),
            outputs(method.generator),
            decoded(method, monkeypatch),
        )
        terms = loss(method, batch())
        assert torch.equal(calls[0].class_code, classes[0][PARTNERS])
        assert terms["reconstruction"].item() == pytest.approx(pyramid(made[0], batch().images).item())
        networks = {"class_encoder", "content_encoder", "generator"}
        assert learning(method, terms["reconstruction"]) == networks


class TestReverseCycle:
    def test_one_content_drawn_from_the_prior_meets_two_classes(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        method, of = build("cyclevae"), batch()
        classes, calls = outputs(method.class_encoder), decoded(method, monkeypatch)
        method.reverse_cycle(of)
        first, second = calls[0][:3], calls[0][3:]
        prior = torch.randn(3, CONTENT, generator=torch.Generator().manual_seed(0))
        assert torch.equal(first.content_code, prior)
        assert torch.equal(second.content_code, prior)
        assert torch.equal(first.class_code, classes[0])
        assert torch.equal(second.class_code, classes[0][[2, 0, 1]])

    def test_it_is_the_l1_between_the_content_codes_of_the_two_images(self) -> None:
        method = build("cyclevae")
        codes = outputs(method.content_encoder)
        value = method.reverse_cycle(batch())["reverse cycle"].item()
        first, second = codes[0][:, :CONTENT].chunk(2)
        assert value == pytest.approx((first - second).abs().mean().item())
        assert value > 0

    def test_only_the_content_encoder_learns_in_a_step_of_its_own(self) -> None:
        method = build("cyclevae", learning_rate=1e-3, cycle_rate=2e-3)
        forward, reverse = method.updates(pyramid)
        assert rates(reverse.optimizers, method) == {"content_encoder": 2e-3}
        assert set(rates(forward.optimizers, method)) == {"class_encoder", "content_encoder", "generator"}
        assert learning(method, reverse.loss(batch())) == {"content_encoder"}
        assert len(build("cyclevae", cycle_rate=None).updates(pyramid)) == 1

    def test_the_codes_of_both_images_learn(self) -> None:
        method = build("cyclevae")
        codes = outputs(method.content_encoder)
        (gradient,) = torch.autograd.grad(method.reverse_cycle(batch())["reverse cycle"], codes[0])
        first, second = gradient[:, :CONTENT].chunk(2)
        assert torch.equal(first, -second)
        assert first.abs().sum(dim=1).all()

    def test_published_settings(self) -> None:
        config = type(build("cyclevae")).Config()
        assert (config.kl_weight, config.learning_rate, config.cycle_rate) == (0.75, 1e-4, 1e-4)

    def test_one_class_alone_says_nothing(self) -> None:
        assert build("cyclevae").reverse_cycle(batch(0, 1, 2, 3))["reverse cycle"].item() == 0


class TestMathieu:
    def test_an_image_is_decoded_with_its_own_and_with_its_partners_class(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        method = build("mathieu")
        classes, made, calls = (
            outputs(method.class_encoder),
            outputs(method.generator),
            decoded(method, monkeypatch),
        )
        terms = loss(method, batch())
        assert torch.equal(calls[0].class_code, classes[0])
        assert torch.equal(calls[1].class_code, classes[0][PARTNERS])
        assert torch.equal(calls[0].content_code, calls[1].content_code)
        for term, output in (("reconstruction", made[0]), ("swapped", made[1])):
            assert terms[term].item() == pytest.approx(pyramid(output, batch().images).item())
            assert learning(method, loss(method, batch())[term]) == {
                "class_encoder",
                "content_encoder",
                "generator",
            }

    def test_the_adversary_asks_for_images_that_look_real(self, monkeypatch: pytest.MonkeyPatch) -> None:
        method = build("mathieu", adversary=2.0)
        fixed(method.discriminator, lambda images, classes: torch.full((len(images),), 3.0), monkeypatch)
        assert loss(method, batch())["adversary"].item() == pytest.approx(
            2 * math.log(1 + math.exp(-3)), rel=1e-4
        )
        monkeypatch.undo()
        parts = learning(method, loss(method, batch())["adversary"])
        assert parts == {"class_encoder", "content_encoder", "generator", "discriminator"}

    def test_the_discriminator_has_its_own_step_first(self) -> None:
        method = build("mathieu", adversary_rate=2e-3, learning_rate=1e-3)
        own, others = method.updates(pyramid)
        assert rates(own.optimizers, method) == {"discriminator": 2e-3}
        assert "discriminator" not in rates(others.optimizers, method)
        assert learning(method, own.loss(batch())) == {"discriminator"}

    def test_it_takes_images_for_real_and_mixed_ones_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        method = build("mathieu")

        def right(images: Tensor, classes: Tensor) -> Tensor:
            return torch.full((len(images),), 3.0 if torch.equal(images, batch().images) else -3.0)

        fixed(method.discriminator, right, monkeypatch)
        value = method.discriminate(batch())["discriminator"].item()
        assert value == pytest.approx(2 * math.log(1 + math.exp(-3)), rel=1e-4)

    def test_it_knows_the_class_of_both(self, monkeypatch: pytest.MonkeyPatch) -> None:
        method, seen = build("mathieu"), []
        method.discriminator.register_forward_hook(lambda own, given, output: seen.append(given[1]))
        method.discriminate(batch())
        loss(method, batch())
        own = batch().classes
        assert [classes.tolist() for classes in seen] == [
            own.tolist(),
            own.repeat(2).tolist(),
            own.repeat(2).tolist(),
        ]
        scores = [method.discriminator(batch().images, torch.full((6,), c)) for c in range(3)]
        assert not torch.equal(scores[0], scores[1])

    def test_mixed_images_have_contents_of_other_classes_and_of_the_prior(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        method, of = build("mathieu"), batch()
        calls = decoded(method, monkeypatch)
        contents = of.classes[:, None].expand(-1, CONTENT).float()
        _, exist = method.mixed(torch.zeros(6, CLASS), contents, of)
        others, prior = calls[0].content_code.chunk(2)
        assert (others[:, 0] != contents[:, 0]).all()
        assert torch.equal(prior, torch.randn(6, CONTENT, generator=torch.Generator().manual_seed(0)))
        assert exist.all()

    def test_both_losses_mix_the_images_classes_with_drawn_contents_of_others(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        method = build("mathieu")
        classes = method.class_encoder(batch().images)
        drawn = draw(*posterior(method), torch.Generator().manual_seed(0))
        calls = decoded(method, monkeypatch)
        method.discriminate(batch())
        loss(method, batch())
        for mix in (calls[0], calls[-1]):
            assert torch.equal(mix.class_code, classes.repeat(2, 1))
            given = (mix.content_code[:6, None] == drawn).all(dim=2)
            assert given.any(dim=1).all()
            assert (batch().classes[given.int().argmax(dim=1)] != batch().classes).all()

    def test_a_mix_with_the_same_class_is_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where a batch has one class only, mixes with contents of the prior are left."""
        method, one_class = build("mathieu", adversary=1.0), batch(0, 1, 2, 3)
        _, exist = method.mixed(torch.zeros(4, CLASS), torch.zeros(4, CONTENT), one_class)
        assert exist.tolist() == [False] * 4 + [True] * 4
        # The first four are left out of both losses.
        scores = torch.tensor([9.0] * 4 + [1.0] * 4)
        fixed(method.discriminator, lambda images, classes: scores[-len(images) :], monkeypatch)
        assert loss(method, one_class)["adversary"].item() == pytest.approx(
            math.log(1 + math.exp(-1)), rel=1e-4
        )
        expected = math.log(1 + math.exp(-1)) + math.log(1 + math.exp(1))
        assert method.discriminate(one_class)["discriminator"].item() == pytest.approx(expected, rel=1e-4)
