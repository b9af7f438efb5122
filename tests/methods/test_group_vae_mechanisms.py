"""ML-VAE, GVAE and Ada-GVAE: each mechanism, by what reaches the decoder, by values and by gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers import context
from mechanisms import (
    CLASS,
    CONTENT,
    DATA,
    PRIOR,
    batch,
    build,
    decoded,
    learning,
    loss,
    module,
    outputs,
    rates,
)
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from lordbench.nn.losses import negative_log_likelihood, pyramid
from lordbench.training import Batch

TWO_GROUPS = (0, 1, 2, 4, 5, 6)
"""Three images of each of two classes."""


def product(means: Tensor, log_variances: Tensor) -> tuple[Tensor, Tensor]:
    """Of the Gaussians of each group, (groups, members, D)."""
    precisions = (-log_variances).exp()
    return (precisions * means).sum(1) / precisions.sum(1), -precisions.sum(1).log()


def average(means: Tensor, log_variances: Tensor) -> tuple[Tensor, Tensor]:
    return means.mean(1), log_variances.exp().mean(1).log()


def varied(name: str, **settings: Any) -> Any:
    """A method whose posteriors differ from image to image."""
    method = build(name, **settings)
    for encoder in (method.class_encoder, method.content_encoder):
        torch.nn.init.normal_(encoder.head[-1].weight, std=5.0, generator=torch.Generator().manual_seed(0))
    return method


def kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Of all Gaussians, summed."""
    return kl_divergence(Normal(mean, (0.5 * log_variance).exp()), PRIOR).sum()


def posteriors(method: Any, name: str, of: Batch) -> tuple[Tensor, Tensor]:
    mean, log_variance = getattr(method, f"{name}_encoder")(of.images).chunk(2, dim=1)
    return mean, log_variance


def drawn_from(
    mean: Tensor, log_variance: Tensor, draws: list[tuple[Tensor, Tensor, Tensor]]
) -> list[Tensor]:
    """The draws from these posteriors."""
    return [
        result
        for *posterior, result in draws
        if posterior[0].shape == mean.shape
        and torch.allclose(posterior[0], mean, atol=1e-5)
        and torch.allclose(posterior[1], log_variance, atol=1e-5)
    ]


def groups(codes: Tensor) -> Tensor:
    return codes.view(2, 3, -1)


@pytest.fixture
def draws(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Mean, log variance and result of every draw of the three methods."""
    calls: list[tuple[Tensor, Tensor, Tensor]] = []
    for name in ("mlvae", "gvae", "adagvae"):
        real = module(name).draw

        def draw(mean: Tensor, log_variance: Tensor, generator: torch.Generator, real: Any = real) -> Tensor:
            result: Tensor = real(mean, log_variance, generator)
            calls.append((mean, log_variance, result))
            return result

        monkeypatch.setattr(module(name), "draw", draw)
    return calls


@pytest.mark.parametrize(("name", "pooled"), [("mlvae", product), ("gvae", average)])
class TestGroups:
    def test_one_draw_from_the_groups_posterior_reaches_the_decoder(
        self, name: str, pooled: Any, draws: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        method, of = varied(name, per_class=3), batch(*TWO_GROUPS)
        calls = decoded(method, monkeypatch)
        loss(method, of)
        mean, log_variance = pooled(*map(groups, posteriors(method, "class", of)))
        (drawn,) = drawn_from(mean, log_variance, draws)
        assert torch.equal(calls[0].class_code, drawn.repeat_interleave(3, dim=0))
        assert not torch.allclose(drawn, mean, atol=0.01)

    def test_every_image_has_its_own_content_drawn_from_its_posterior(
        self, name: str, pooled: Any, draws: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        method, of = varied(name, per_class=3), batch(*TWO_GROUPS)
        calls = decoded(method, monkeypatch)
        loss(method, of)
        mean, log_variance = posteriors(method, "content", of)
        (drawn,) = drawn_from(mean, log_variance, draws)
        assert torch.equal(calls[0].content_code, drawn)
        assert len(drawn.unique(dim=0)) == 6

    def test_the_bound_has_one_class_a_group_and_one_content_an_image(self, name: str, pooled: Any) -> None:
        """Divided by groups (ML-VAE), or by images (GVAE)."""
        method, of = varied(name, per_class=3, kl_weight=0.5), batch(*TWO_GROUPS)
        made = outputs(method.generator)
        terms = loss(method, of)
        count = {"mlvae": 2, "gvae": 6}[name]
        of_class = kl(*pooled(*map(groups, posteriors(method, "class", of))))
        assert terms["class KL"].item() == pytest.approx(0.5 * of_class.item() / count, rel=1e-4)
        of_content = kl(*posteriors(method, "content", of))
        assert terms["content KL"].item() == pytest.approx(0.5 * of_content.item() / count, rel=1e-4)
        total = 6 * pyramid(made[0], of.images)
        assert terms["reconstruction"].item() == pytest.approx(total.item() / count, rel=1e-5)

    def test_gradients_reach_mean_and_variance_of_every_image(self, name: str, pooled: Any) -> None:
        """Also through the pooled evidence."""
        method, of = varied(name, per_class=3), batch(*TWO_GROUPS)
        codes = outputs(method.class_encoder)
        terms = loss(method, of)
        for term in ("reconstruction", "class KL"):
            (gradient,) = torch.autograd.grad(terms[term], codes[0], retain_graph=True)
            assert (gradient.view(6, 2, CLASS).abs().sum(2) > 0).all()
        assert learning(method, terms) == {"class_encoder", "content_encoder", "generator"}

    def test_kl_terms_pull_posteriors_to_the_prior(self, name: str, pooled: Any) -> None:
        method, of = build(name, per_class=3), batch(*TWO_GROUPS)
        for which in ("class", "content"):
            encoder = getattr(method, f"{which}_encoder")
            codes = outputs(encoder)
            with torch.no_grad():
                encoder.head[-1].bias.fill_(2.0)  # means above 0, variances above 1
            (gradient,) = torch.autograd.grad(loss(method, of)[f"{which} KL"], codes[0])
            assert (gradient.sum(0) > 0).all()

    def test_groups_are_formed_in_the_batch(
        self, name: str, pooled: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        method, seen = build(name, per_class=4), []
        real = method.loss
        monkeypatch.setattr(method, "loss", lambda of, *rest: seen.append(of.classes) or real(of, *rest))
        method.fit(DATA, context(80, batch_size=8))
        for classes in seen:
            assert classes.view(2, 4).unique(dim=1).shape == (2, 1)

    def test_codes_are_means_and_those_of_a_class_are_pooled(self, name: str, pooled: Any) -> None:
        method, of = varied(name), batch(0, 1, 2)
        codes = method.encode(of.images)
        mean, log_variance = posteriors(method, "class", of)
        assert torch.equal(codes.class_code, mean)
        assert torch.equal(codes.content_code, posteriors(method, "content", of)[0])
        assert torch.allclose(
            method.encode_class(of.images), pooled(mean[None], log_variance[None])[0][0], atol=1e-6
        )

    def test_the_published_likelihood_is_of_a_whole_image(self, name: str, pooled: Any) -> None:
        assert type(build(name)).published_loss is negative_log_likelihood
        assert type(build(name)).Config().kl_weight == 1


class TestAdaGVae:
    def test_shared_dimensions_are_averaged_and_others_kept(self, draws: list[Any]) -> None:
        method, of = build("adagvae", kl_weight=0.5), batch()
        terms = loss(method, of)
        means, spreads = method.encoder(of.images).view(3, 2, 2, CLASS + CONTENT).unbind(dim=2)
        shared = module("adagvae").shared_dimensions(means, spreads)
        assert shared.any()
        assert not shared.all()
        mean, spread, _ = draws[0]
        both = average(means, spreads)
        for got, own, averaged in ((mean, means, both[0]), (spread, spreads, both[1])):
            expected = torch.where(shared[:, None], averaged[:, None], own).flatten(0, 1)
            assert torch.allclose(got, expected, atol=1e-6)
        assert terms["KL"].item() == pytest.approx(0.5 * kl(mean, spread).item() / 6, rel=1e-4)

    def test_a_draw_reaches_the_generator_as_both_codes(self, draws: list[Any]) -> None:
        method = build("adagvae")
        given: list[tuple[Tensor, ...]] = []
        method.generator.register_forward_hook(lambda own, inputs, output: given.append(inputs))
        made = outputs(method.generator)
        terms = loss(method, batch())
        assert torch.equal(given[0][0], draws[0][2])
        assert torch.equal(given[0][1], draws[0][2])
        assert terms["reconstruction"].item() == pytest.approx(pyramid(made[0], batch().images).item())

    def test_gradients_reach_both_images_of_a_pair(self) -> None:
        method = build("adagvae")
        codes = outputs(method.encoder)
        terms = loss(method, batch())
        for term in terms.values():
            (gradient,) = torch.autograd.grad(term, codes[0], retain_graph=True)
            assert (gradient.abs().sum(1) > 0).all()
        assert learning(method, terms) == {"encoder", "generator"}

    def test_the_share_of_pairs_that_share_a_dimension_is_remembered(self) -> None:
        method = build("adagvae")
        means, spreads = method.encoder(batch().images).view(3, 2, 2, CLASS + CONTENT).unbind(dim=2)
        shared = module("adagvae").shared_dimensions(means, spreads).float().mean(0)
        loss(method, batch())
        assert torch.allclose(method.shared, 1 + 0.01 * (shared - 1))

    def test_the_settings_divide_means_and_deviations_alike(self) -> None:
        method = build("adagvae", division=0.8)
        method.shared.copy_(torch.linspace(0, 1, CLASS + CONTENT))
        of_class = torch.linspace(0, 1, CLASS + CONTENT) >= 0.8
        mean, log_variance = method.encoder(batch().images).chunk(2, dim=1)
        for codes, whole in (
            (method.encode(batch().images), mean),
            (method.deviations(batch().images), (0.5 * log_variance).exp()),
        ):
            assert torch.allclose(codes.class_code, torch.where(of_class, whole, 0))
            assert torch.allclose(codes.content_code, torch.where(of_class, 0, whole))

    def test_the_decoder_is_given_the_whole_latent_twice(self) -> None:
        method = build("adagvae")
        method.shared.copy_(torch.linspace(0, 1, CLASS + CONTENT))
        mean = method.encoder(batch().images).chunk(2, dim=1)[0]
        assert torch.equal(method.decode(method.encode(batch().images)), method.generator(mean, mean))

    def test_the_division_is_saved_with_the_networks(self) -> None:
        method, restored = build("adagvae"), build("adagvae")
        method.shared.copy_(torch.linspace(0, 1, CLASS + CONTENT))
        restored.load_state_dict(method.state_dict())
        codes = [own.encode(batch().images).class_code for own in (method, restored)]
        assert torch.equal(*codes)

    def test_only_the_networks_have_rates(self) -> None:
        method = build("adagvae", learning_rate=5e-4)
        (update,) = method.updates(pyramid)
        assert rates(update.optimizers, method) == {"encoder": 5e-4, "generator": 5e-4}
