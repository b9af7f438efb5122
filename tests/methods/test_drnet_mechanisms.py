"""DrNet: each mechanism of the paper, by what reaches the decoder, by values and by gradients."""

from __future__ import annotations

import math

import pytest
import torch
from helpers import context
from mechanisms import CLASS, CONTENT, DATA, batch, build, decoded, fixed, learning, loss, outputs, rates
from torch import nn
from torch.nn import functional as F

from lordbench.nn.losses import pyramid
from lordbench.nn.methods import swap_pairs

PARTNERS = [1, 0, 3, 2, 5, 4]


def constant_logits(method: nn.Module, value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed(method.discriminator, lambda pairs: torch.full((len(pairs), 1), value), monkeypatch)


def test_published_settings() -> None:
    config = type(build("drnet")).Config()
    assert (config.class_size, config.content_size, config.hidden) == (128, 10, 100)
    assert (config.adversary, config.similarity) == (1e-4, 1)
    assert (config.learning_rate, config.adversary_rate) == (2e-3, 2e-3)


class TestReconstruction:
    def test_an_image_is_decoded_from_its_content_and_its_partners_class(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        method = build("drnet")
        classes, contents = outputs(method.class_encoder), outputs(method.content_encoder)
        calls = decoded(method, monkeypatch)
        loss(method, batch())
        assert torch.equal(calls[0].class_code, classes[0][PARTNERS])
        assert torch.equal(calls[0].content_code, contents[0])

    def test_it_is_compared_with_the_image_that_gave_the_content(self) -> None:
        method = build("drnet")
        made = outputs(method.decoder)
        value = loss(method, batch())["reconstruction"]
        assert value.item() == pytest.approx(pyramid(made[0], batch().images).item())
        assert value.item() != pytest.approx(pyramid(made[0], batch().images[PARTNERS]).item())

    def test_encoders_and_decoder_learn_from_it(self) -> None:
        method = build("drnet")
        parts = learning(method, loss(method, batch())["reconstruction"])
        assert parts == {"class_encoder", "content_encoder", "decoder"}


class TestSimilarity:
    def test_it_is_the_squared_distance_of_class_codes_to_a_fixed_target(self) -> None:
        method = build("drnet", similarity=3.0)
        classes = outputs(method.class_encoder)
        term = loss(method, batch())["similarity"]
        codes = classes[0]
        assert term.item() == pytest.approx(3 * F.mse_loss(codes, swap_pairs(codes)).item())
        # The partner is a target: a gradient through both would be twice this one.
        (gradient,) = torch.autograd.grad(term, codes, retain_graph=True)
        assert torch.allclose(gradient, 3 * 2 * (codes - swap_pairs(codes)) / codes.numel())
        assert learning(method, term) == {"class_encoder"}


class TestAdversary:
    def test_its_target_is_a_half(self, monkeypatch: pytest.MonkeyPatch) -> None:
        method = build("drnet", adversary=2.0)
        values = {}
        for logit in (-1.0, 0.0, 1.0):
            constant_logits(method, logit, monkeypatch)
            values[logit] = loss(method, batch())["adversary"].item()
        assert values[0.0] == pytest.approx(2 * math.log(2))
        assert values[1.0] == pytest.approx(values[-1.0])
        assert values[1.0] > values[0.0]

    @pytest.mark.parametrize(("of", "reached"), [(0, set()), (1, {"content_encoder"})])
    def test_one_of_the_two_content_codes_is_fixed(self, of: int, reached: set[str]) -> None:
        """With a discriminator that sees only the partner's code, nothing learns."""
        method = build("drnet")
        weight = torch.zeros(1, 2 * CONTENT)
        weight[:, of * CONTENT : (of + 1) * CONTENT] = 1
        method.discriminator = nn.Linear(2 * CONTENT, 1)
        method.discriminator.weight.data.copy_(weight)
        assert learning(method, loss(method, batch())["adversary"]) - {"discriminator"} == reached

    def test_it_sees_two_images_of_one_class(self) -> None:
        method = build("drnet")
        contents, pairs = outputs(method.content_encoder), []
        method.discriminator.register_forward_hook(lambda own, given, output: pairs.append(given[0]))
        loss(method, batch())
        assert torch.equal(pairs[0], torch.cat([swap_pairs(contents[0]), contents[0]], dim=1))


class TestDiscriminator:
    def test_it_has_its_own_step_first(self) -> None:
        method = build("drnet", learning_rate=1e-3, adversary_rate=2e-3)
        own, others = method.updates(pyramid)
        assert rates(own.optimizers, method) == {"discriminator": 2e-3}
        networks = {"class_encoder": 1e-3, "content_encoder": 1e-3, "decoder": 1e-3}
        assert rates(others.optimizers, method) == networks
        assert set(own.loss(batch())) == {"discriminator"}
        assert learning(method, own.loss(batch())) == {"discriminator"}

    def test_it_calls_pairs_of_one_class_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        method = build("drnet")
        # Right and certain, then wrong and certain.
        for sign, expected in ((1, math.log(1 + math.exp(-4))), (-1, math.log(1 + math.exp(4)))):
            logits = 4.0 * sign * torch.tensor([1.0, 1, 1, -1, -1, -1])[:, None]
            fixed(method.discriminator, lambda pairs, logits=logits: logits, monkeypatch)
            assert method.discriminate(batch())["discriminator"].item() == pytest.approx(expected, rel=1e-4)

    def test_half_of_its_pairs_are_of_one_class(self, monkeypatch: pytest.MonkeyPatch) -> None:
        method, seen = build("drnet"), []
        method.discriminator.register_forward_hook(lambda own, given, output: seen.append(given[0]))
        classes = batch().classes.float()[:, None].expand(-1, CONTENT)
        fixed(method.content_encoder, lambda images: classes, monkeypatch)
        method.discriminate(batch())
        first, second = seen[0][:, 0], seen[0][:, CONTENT]
        assert (first == second).tolist() == [True] * 3 + [False] * 3

    def test_where_there_is_no_other_class_a_pair_is_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        method = build("drnet")
        constant_logits(method, 3.0, monkeypatch)
        assert method.discriminate(batch(0, 1, 2, 3))["discriminator"].item() == 0
        assert method.discriminate(batch(0, 1, 2, 3, 4, 5))["discriminator"].item() > 0


def test_codes_are_plain_ones_without_noise() -> None:
    method = build("drnet")
    codes = method.encode(batch().images)
    assert torch.equal(codes.class_code, method.class_encoder(batch().images))
    assert torch.equal(codes.content_code, method.content_encoder(batch().images))
    assert codes.class_code.shape == (6, CLASS)


def test_it_trains_on_couples_of_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    method, seen = build("drnet"), []
    real = method.discriminate
    monkeypatch.setattr(method, "discriminate", lambda of: seen.append(of.classes) or real(of))
    method.fit(DATA, context(64, batch_size=8))
    for classes in seen:
        pairs = classes.view(-1, 2, 2)
        assert (pairs[:, :, 0] == pairs[:, :, 1]).all()
