"""OverLORD: what differs from LORD, by what reaches the generator, by values and by gradients."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from helpers import context
from mechanisms import batch, build, copied, fixed, learning, moved, rates, trained
from torch import Tensor, nn

from lordbench.config import registry
from lordbench.config.presets import load_preset
from lordbench.nn.losses import pyramid


def test_published_settings() -> None:
    config = registry.find("methods", "overlord").load().Config()
    assert (config.content_size, config.noise, config.decay) == (64, 0.1, 1e-4)
    assert (config.latent_rate, config.generator_rate, config.final_rate) == (1e-2, 1e-3, 1e-5)
    assert (config.encoder_rate, config.tuning_rate, config.adversary_rate) == (1e-4, 1e-4, 1e-4)
    assert (config.code_weight, config.adversary, config.gradient_penalty) == (10, 1, 0.5)
    assert load_preset("paper", {}).settings("overlord", type(config)) == {
        "class_size": 256, "content_size": 64, "width": 256, "reconstruction": "perceptual",
    }  # fmt: skip


def test_noise_has_deviation_a_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    method = build("overlord", content_size=2000)
    codes, _ = method.content_codes.regularized(batch())
    noise = codes - method.content_codes.table.weight[batch().index]
    assert noise.std().item() == pytest.approx(0.1, rel=0.05)


def test_decay_is_averaged_over_dimensions() -> None:
    method = build("overlord", decay=0.01)
    _, terms = method.content_codes.regularized(batch())
    clean = method.content_codes.table.weight[batch().index]
    assert terms["decay"].item() == pytest.approx(0.01 * clean.square().mean().item())


class TestStages:
    def test_encoders_learn_alone_for_as_long_as_codes_then_a_copy_of_the_generator_is_tuned(self) -> None:
        method = build("overlord")
        states, run = trained(method)
        assert list(states) == ["latent optimization", "encoders alone", "synthesis", "end"]
        first, alone, synthesis, end = states.values()
        assert moved(first, alone) == {"generator", "class_codes", "content_codes"}
        assert moved(alone, synthesis) == {"class_encoder", "content_encoder", "tuned_generator"}
        assert copied(alone, synthesis)
        tuned = {"class_encoder", "content_encoder", "tuned_generator", "discriminator"}
        assert moved(synthesis, end) == tuned
        assert method.steps(context(240, batch_size=8).budget) == (10, 10, 10)
        assert run.progress.images == 240

    def test_rates_of_synthesis_are_constant_and_the_discriminator_has_its_own(self) -> None:
        method, run = build("overlord", tuning_rate=2e-4, adversary_rate=3e-4), context(80, batch_size=8)
        phase = method.amortization(run, pyramid, 10)
        own, others = phase.updates
        assert rates(own.optimizers, method) == {"discriminator": 3e-4}
        networks = ("class_encoder", "content_encoder", "tuned_generator")
        assert rates(others.optimizers, method) == dict.fromkeys(networks, 2e-4)
        assert phase.final_rate is None
        assert {group["betas"] for own in phase.optimizers for group in own.param_groups} == {(0.5, 0.999)}
        alone = method.warm_up(run, 10)
        assert rates(alone.optimizers, method) == {"class_encoder": 1e-4, "content_encoder": 1e-4}
        assert alone.final_rate == 1e-5


class TestSynthesis:
    def test_terms_and_their_weights(self, monkeypatch: pytest.MonkeyPatch) -> None:
        method = build("overlord", adversary=0.3)
        fixed(method.discriminator, lambda images: torch.full((len(images), 1), 3.0), monkeypatch)
        terms = method.synthesize(batch(), pyramid)
        expected, output = method.amortization_terms(batch(), pyramid)
        assert set(terms) == {"reconstruction", "class code", "content code", "adversary"}
        assert all(terms[name].item() == pytest.approx(expected[name].item()) for name in expected)
        assert terms["reconstruction"].item() == pytest.approx(pyramid(output, batch().images).item())
        # Not saturating: images are to look real.
        assert terms["adversary"].item() == pytest.approx(0.3 * math.log(1 + math.exp(-3)), rel=1e-4)

    def test_the_adversary_reaches_encoders_and_the_copy_of_the_generator(self) -> None:
        method = build("overlord")
        parts = learning(method, method.synthesize(batch(), pyramid)["adversary"])
        assert parts == {"class_encoder", "content_encoder", "tuned_generator", "discriminator"}


class TestDiscriminator:
    def test_it_learns_alone(self) -> None:
        method = build("overlord")
        assert learning(method, method.discriminate(batch())) == {"discriminator"}

    def test_it_takes_images_for_real_and_the_methods_own_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        method = build("overlord")

        def right(images: Tensor) -> Tensor:
            real = torch.equal(images, batch().images)
            return (3.0 if real else -3.0) + 0 * images.flatten(1)[:, :1]

        fixed(method.discriminator, right, monkeypatch)
        value = method.discriminate(batch())["discriminator"].item()
        assert value == pytest.approx(2 * math.log(1 + math.exp(-3)), rel=1e-4)

    def test_the_methods_own_images_are_those_of_the_tuned_generator(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        method, seen = build("overlord"), []
        with torch.no_grad():
            for weight in method.tuned_generator.parameters():
                weight.mul_(1.5)
        fixed(
            method.discriminator, lambda images: seen.append(images) or images.flatten(1)[:, :1], monkeypatch
        )
        method.discriminate(batch())
        codes = method.encode(batch().images)
        assert torch.equal(seen[1], method.decode(codes))
        assert not torch.equal(seen[1], method.decode_learned(codes))

    def test_its_gradient_at_real_images_is_penalized(self) -> None:
        """Of a linear one the gradient is its weight, at all images."""
        method = build("overlord", gradient_penalty=0.7)
        method.discriminator = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 1))
        weight = method.discriminator[1].weight
        penalty = method.discriminate(batch())["gradient penalty"]
        assert penalty.item() == pytest.approx(0.7 * weight.square().sum().item(), rel=1e-4)
        (gradient,) = torch.autograd.grad(penalty, weight)
        assert torch.allclose(gradient, 1.4 * weight, rtol=1e-4)

    def test_the_penalty_is_averaged_over_real_images_only(self, monkeypatch: pytest.MonkeyPatch) -> None:
        method, real = build("overlord"), batch()
        squares: Any = lambda images: images.square().flatten(1).sum(1, keepdim=True)  # noqa: E731
        fixed(method.discriminator, squares, monkeypatch)
        penalty = method.discriminate(real)["gradient penalty"].item()
        expected = 0.5 * (2 * real.images).square().flatten(1).sum(1).mean().item()
        assert penalty == pytest.approx(expected, rel=1e-4)
