"""GZS-Net and Szabó et al.: which parts of which codes are mixed, by the decoder's input and by gradients."""

from __future__ import annotations

import math

import pytest
import torch
from mechanisms import CLASS, CONTENT, batch, build, decoded, fixed, learning, loss, outputs, rates
from torch import Tensor
from torch.nn import functional as F

from lordbench.nn.losses import pyramid

COUPLES = (0, 1, 4, 5, 8, 9, 12, 13)
"""Pairs of four classes: two couples."""
PARTNERS = [1, 0, 3, 2, 5, 4, 7, 6]
ACROSS = [2, 3, 0, 1, 6, 7, 4, 5]


@pytest.mark.parametrize("name", ["drnet", "mathieu", "szabo"])
def test_adversaries_and_their_opponents_have_little_momentum(name: str) -> None:
    optimizers = [own for update in build(name).updates(pyramid) for own in update.optimizers]
    assert len(optimizers) == 2
    assert {group["betas"] for own in optimizers for group in own.param_groups} == {(0.5, 0.999)}


@pytest.mark.parametrize("name", ["gzsnet", "cyclevae", "gvae", "adagvae", "mlvae"])
def test_methods_without_an_adversary_have_adams_usual_momentum(name: str) -> None:
    optimizers = [own for update in build(name).updates(pyramid) for own in update.optimizers]
    assert {group["betas"] for own in optimizers for group in own.param_groups} == {(0.9, 0.999)}


class TestGzsNet:
    def test_one_encoder_gives_both_parts(self) -> None:
        method = build("gzsnet")
        code, codes = method.encoder(batch().images), method.encode(batch().images)
        assert torch.equal(torch.cat([codes.class_code, codes.content_code], dim=1), code)
        assert (codes.class_code.shape[1], codes.content_code.shape[1]) == (CLASS, CONTENT)

    def test_codes_are_swapped_within_a_class_across_classes_and_back(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        method, of = build("gzsnet"), batch(*COUPLES)
        codes = method.encode(of.images)
        calls, made, encoded = (
            decoded(method, monkeypatch),
            outputs(method.generator),
            outputs(method.encoder),
        )
        loss(method, of)
        mixed, own, within, back = calls
        assert torch.equal(own.class_code, codes.class_code)
        assert torch.equal(within.class_code, codes.class_code[PARTNERS])
        assert torch.equal(mixed.class_code, codes.class_code[ACROSS])
        for call in (mixed, own, within):
            assert torch.equal(call.content_code, codes.content_code)
        # The class part returns from the image that it was lent to, the content part from its own mix.
        assert torch.equal(encoded[1], method.encoder(made[0]))
        assert torch.equal(back.class_code, encoded[1][ACROSS, :CLASS])
        assert torch.equal(back.content_code, encoded[1][:, CLASS:])

    def test_all_three_must_give_the_image_itself(self) -> None:
        method, of = build("gzsnet", swap=2.0, cycle=3.0), batch(*COUPLES)
        made = outputs(method.generator)
        terms = loss(method, of)
        for term, output, weight in (
            ("reconstruction", made[1], 1),
            ("swap", made[2], 2),
            ("cycle", made[3], 3),
        ):
            assert terms[term].item() == pytest.approx(weight * pyramid(output, of.images).item())
            assert learning(method, loss(method, of)[term]) == {"encoder", "generator"}

    def test_both_parts_of_every_code_learn_from_all_three(self) -> None:
        """From the cycle also through the images in between."""
        method = build("gzsnet")
        codes = outputs(method.encoder)
        for term in loss(method, batch(*COUPLES)).values():
            (gradient,) = torch.autograd.grad(term, codes[0], retain_graph=True)
            for own in gradient.split([CLASS, CONTENT], dim=1):
                assert (own.abs().sum(dim=1) > 0).all()

    def test_published_loss_is_l1(self) -> None:
        assert build("gzsnet").published_loss is F.l1_loss


class TestSzabo:
    def test_an_image_is_decoded_from_its_content_and_its_partners_class(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        method = build("szabo")
        codes = method.encode(batch(*COUPLES).images)
        calls, made = decoded(method, monkeypatch), outputs(method.generator)
        terms = loss(method, batch(*COUPLES))
        assert torch.equal(calls[0].class_code, codes.class_code[PARTNERS])
        assert torch.equal(calls[0].content_code, codes.content_code)
        expected = pyramid(made[0], batch(*COUPLES).images).item()
        assert terms["reconstruction"].item() == pytest.approx(expected)
        assert method.published_loss is F.mse_loss
        networks = {"class_encoder", "content_encoder", "generator"}
        assert learning(method, terms["reconstruction"]) == networks

    def test_a_mix_has_the_images_class_and_a_content_of_another_class(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        method, of = build("szabo"), batch(*COUPLES)
        calls = decoded(method, monkeypatch)
        loss(method, of)
        codes = method.encode(of.images)
        assert torch.equal(calls[1].class_code, codes.class_code)
        donors = (calls[1].content_code[:, None] == codes.content_code).all(dim=2).int().argmax(dim=1)
        assert torch.equal(calls[1].content_code, codes.content_code[donors])
        assert (of.classes[donors] != of.classes).all()

    def test_the_discriminator_sees_an_image_beside_its_partner_and_beside_the_mix(self) -> None:
        method, of = build("szabo"), batch(*COUPLES)
        seen: list[Tensor] = []
        method.discriminator.register_forward_hook(lambda own, given, output: seen.append(given[0]))
        made = outputs(method.generator)
        method.discriminate(of)
        loss(method, of)
        real, fake, again = seen
        for pair in seen:
            assert torch.equal(pair[:, : of.images.shape[1]], of.images)
        assert torch.equal(real[:, of.images.shape[1] :], of.images[PARTNERS])
        assert torch.equal(fake[:, of.images.shape[1] :], made[0])
        assert torch.equal(again[:, of.images.shape[1] :], made[2])

    def test_the_discriminator_takes_true_pairs_for_real_and_mixes_not(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        method, scores = build("szabo"), iter([3.0, -3.0])
        fixed(method.discriminator, lambda pairs: torch.full((len(pairs), 1), next(scores)), monkeypatch)
        value = method.discriminate(batch(*COUPLES))["discriminator"].item()
        assert value == pytest.approx(2 * math.log(1 + math.exp(-3)), rel=1e-4)

    def test_the_adversary_asks_for_mixes_that_pass(self, monkeypatch: pytest.MonkeyPatch) -> None:
        method, of = build("szabo", adversary=2.0), batch(*COUPLES)
        fixed(method.discriminator, lambda pairs: torch.full((len(pairs), 1), 3.0), monkeypatch)
        assert loss(method, of)["adversary"].item() == pytest.approx(2 * math.log(1 + math.exp(-3)), rel=1e-4)
        monkeypatch.undo()
        parts = learning(method, loss(method, of)["adversary"])
        assert parts == {"class_encoder", "content_encoder", "generator", "discriminator"}
        assert set(loss(build("szabo", adversary=0.0), of)) == {"reconstruction"}

    def test_the_discriminator_has_its_own_step_first(self) -> None:
        method = build("szabo", adversary_rate=2e-3, learning_rate=1e-3)
        own, others = method.updates(pyramid)
        assert rates(own.optimizers, method) == {"discriminator": 2e-3}
        assert set(rates(others.optimizers, method)) == {"class_encoder", "content_encoder", "generator"}
        assert learning(method, own.loss(batch())) == {"discriminator"}

    def test_without_another_class_there_is_no_mix(self) -> None:
        method, one_class = build("szabo"), batch(0, 1, 2, 3)
        assert loss(method, one_class)["adversary"].item() == 0
        assert method.discriminate(one_class)["discriminator"].item() == 0
