"""The other baselines: what they learn on a tiny set, and the parts of their objectives."""

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from helpers import CPU, assert_restored_and_deterministic, cars, context, halves
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from lordbench.config import registry
from lordbench.config.component import module_files
from lordbench.config.presets import load_preset
from lordbench.config.selectors import parse
from lordbench.data.images import ImageSet
from lordbench.evaluation import inference
from lordbench.nn import losses
from lordbench.runner import plan
from lordbench.training.batches import Batch
from lordbench.training.loop import Budget
from lordbench.training.method import Codes, DataSpec, Method
from lordbench.utils import seeds

SMALL: dict[str, Any] = {"class_size": 16, "content_size": 8, "width": 16, "reconstruction": "pyramid"}
VAE = {"learning_rate": 1e-3, "final_rate": 1e-5}
LORD = {"generator_rate": 2e-3, "latent_rate": 2e-2, "encoder_rate": 2e-3}
SETTINGS: dict[str, dict[str, Any]] = {
    "gvae": VAE | {"kl_weight": 1e-4, "per_class": 4},
    "cyclevae": VAE | {"kl_weight": 1e-3, "cycle_rate": 1e-3},
    "adagvae": VAE | {"kl_weight": 1e-4},
    "mathieu": VAE | {"kl_weight": 1e-3, "adversary_rate": 1e-3},
    "overlord": LORD | {"tuning_rate": 2e-4, "adversary_rate": 2e-4},
    "dcodr": {"learning_rate": 1e-3, "latent_rate": 1e-2, "per_class": 4},
    "pdc": LORD | {"tuning_rate": 7e-4},
    "gzsnet": {"learning_rate": 1e-3},
    "szabo": {"learning_rate": 1e-3},
}
N = 8
DATA = halves(n_classes=N, n_contents=N)
"""For formulas and single steps; learning is tested on toy cars."""
VIEWS = 16


def module(name: str) -> ModuleType:
    return sys.modules[registry.find("methods", name).load().__module__]


def build(name: str, data: ImageSet = DATA, **settings: Any) -> Method:
    kind: type[Method] = registry.find("methods", name).load()
    with seeds.initialising(0, "init"):
        return kind(kind.Config(**(SMALL | SETTINGS[name] | settings)), DataSpec.of(data))


def a_batch(n_classes: int = 4, per_class: int = 2) -> Batch:
    """The first images of the first classes, those of a class one after the other."""
    index = torch.arange(len(DATA)).view(N, N)[:n_classes, :per_class].reshape(-1)
    images, classes = torch.from_numpy(DATA.images)[index], torch.from_numpy(DATA.classes)[index]
    return Batch(index, images.float() / 255, classes, torch.Generator().manual_seed(0))


def decoded(method: Method, monkeypatch: pytest.MonkeyPatch) -> list[Codes]:
    """Record the codes of every later call of `decode`."""
    calls: list[Codes] = []
    decode = method.decode

    def recording(codes: Codes) -> Tensor:
        calls.append(codes)
        return decode(codes)

    monkeypatch.setattr(method, "decode", recording)
    return calls


@pytest.mark.parametrize(
    ("name", "images_seen", "share"),
    [
        ("gvae", 25_000, 0.85),
        ("cyclevae", 12_000, 0.85),
        ("adagvae", 16_000, 0.88),
        ("mathieu", 12_000, 0.8),
        ("overlord", 16_000, 0.75),
    ],
)
@pytest.mark.slow
def test_transfer_beats_the_floor(name: str, images_seen: int, share: float) -> None:
    data = cars()
    content = np.arange(len(data))
    other = np.roll(content, 3 * VIEWS + 5)  # image of another car, from another side
    truth = data.images[data.classes[other] * VIEWS + content % VIEWS] / 255
    method, run = build(name, data, width=32), context(images_seen, batch_size=32)
    method.fit(data, run)
    codes = inference.encode(method.eval(), data.images, CPU)
    mixed = Codes(codes.select(other).class_code, codes.select(content).content_code)
    error = np.abs(inference.decode(method, mixed) / 255 - truth).mean()
    assert error < share * np.abs(data.images[other] / 255 - truth).mean()


class TestEveryMethod:
    @pytest.mark.parametrize("name", sorted(SETTINGS))
    def test_state_is_restored_and_coding_is_deterministic(self, name: str) -> None:
        assert_restored_and_deterministic(lambda: build(name))

    @pytest.mark.parametrize("name", sorted(SETTINGS))
    def test_every_parameter_learns_with_accumulation(self, name: str) -> None:
        method = build(name)
        before = {key: value.clone() for key, value in method.named_parameters()}
        run = context(256)
        run.budget = Budget(256, 16, accumulate=2)
        method.fit(DATA, run)
        still = [key for key, value in method.named_parameters() if torch.equal(value, before[key])]
        assert still == []
        assert run.progress.images == 256

    @pytest.mark.parametrize("name", ["adagvae", "cyclevae", "gvae", "mathieu"])
    def test_the_published_likelihood_rises(self, name: str) -> None:
        kind = registry.find("methods", name).load()
        published = {"reconstruction": "published", "kl_weight": kind.Config().kl_weight}
        run = context(800, batch_size=16)
        build(name, **published).fit(DATA, run)
        terms = [record["reconstruction"] for record in run.progress.history]
        assert terms[-1] < terms[0]

    def test_a_change_in_a_built_on_module_changes_the_source_hash(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def source(name: str) -> Any:
            return plan._method(parse(name), load_preset("smoke", {}), {}).fields["method_source"]

        assert [path.name for path in module_files("lordbench.lord")] == ["lord.py"]
        with_parts = source("overlord")
        monkeypatch.setattr(registry.find("methods", "overlord").load(), "built_on", ())
        assert source("overlord") != with_parts


class TestGaussians:
    def test_divergence_and_likelihood_equal_torchs(self) -> None:
        generator = torch.Generator().manual_seed(0)
        mean, log_variance = torch.randn(2, 6, 4, generator=generator)
        expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(1)
        assert torch.allclose(losses.divergence(mean, log_variance), expected, atol=1e-5)
        output, target = torch.rand(2, 3, 1, 4, 4, generator=generator)
        likelihood = Normal(output, 1).log_prob(target).sum((1, 2, 3)).mean()
        assert torch.allclose(losses.negative_log_likelihood(output, target), -likelihood, atol=1e-4)

    def test_draws_have_mean_and_variance(self) -> None:
        mean, log_variance = torch.tensor([[-1.0, 2.0]]), torch.tensor([[0.0, 9.0]]).log()
        many = 40_000
        drawn = losses.draw(
            mean.expand(many, -1), log_variance.expand(many, -1), torch.Generator().manual_seed(0)
        )
        assert torch.allclose(drawn[:, 1].mean(), mean[0, 1], atol=0.06)
        assert torch.equal(drawn[:, 0].var().isfinite(), torch.tensor(True))
        assert drawn[:, 1].var().item() == pytest.approx(9.0, rel=0.03)

    def test_averages_are_of_means_and_of_variances(self) -> None:
        mean, log_variance = losses.average(
            torch.tensor([[[1.0], [3.0]]]), torch.tensor([[[1.0], [3.0]]]).log()
        )
        assert mean.item() == pytest.approx(2.0)
        assert log_variance.exp().item() == pytest.approx(2.0)
        # Variances outside the range of float32.
        extreme = losses.average(torch.zeros(1, 2, 1), torch.tensor([[[200.0], [-200.0]]]))[1]
        assert extreme.item() == pytest.approx(200.0 - np.log(2))

    def test_products_add_precisions(self) -> None:
        generator = torch.Generator().manual_seed(0)
        means, log_variances = torch.randn(2, 3, 5, 4, generator=generator, dtype=torch.float64)
        precision = (-log_variances).exp()
        mean, log_variance = losses.product(means, log_variances)
        assert torch.allclose(log_variance, -precision.sum(1).log())
        assert torch.allclose(mean, (precision * means).sum(1) / precision.sum(1))
        # The product is at least as certain as its most certain member.
        assert (log_variance <= log_variances.min(1).values).all()

    def test_products_of_extreme_evidence_do_not_overflow(self) -> None:
        mean, log_variance = losses.product(
            torch.tensor([[[1.0], [2.0]]]), torch.tensor([[[-200.0], [200.0]]])
        )
        assert mean.item() == pytest.approx(1.0)
        assert log_variance.item() == pytest.approx(-200.0)


class TestAdaGVae:
    def test_dimensions_closer_than_midway_are_shared(self) -> None:
        means = torch.tensor([[[0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 2.0, 3.0]]])
        # Divergences of 0, 0.5, 2 and 4.5 nats; midway is 2.25.
        shared = module("adagvae").shared_dimensions(means, torch.zeros(1, 2, 4))
        assert shared.tolist() == [[True, True, True, False]]

    def test_the_divergence_is_that_of_the_first_posterior_from_the_second(self) -> None:
        generator = torch.Generator().manual_seed(0)
        means, log_variances = torch.randn(2, 50, 2, 6, generator=generator)
        posteriors = [Normal(means[:, i], (0.5 * log_variances[:, i]).exp()) for i in (0, 1)]
        apart = kl_divergence(*posteriors)
        middle = (apart.amin(1, keepdim=True) + apart.amax(1, keepdim=True)) / 2
        assert torch.equal(module("adagvae").shared_dimensions(means, log_variances), apart < middle)

    def test_codes_divide_the_posteriors_mean(self) -> None:
        method, batch = build("adagvae").eval(), a_batch()
        method.shared.copy_(torch.arange(24) / 23)  # type: ignore[union-attr, operator]
        with torch.no_grad():
            codes = method.encode(batch.images)
            mean = method.encoder(batch.images).chunk(2, dim=1)[0]  # type: ignore[operator]
        assert torch.equal(codes.class_code + codes.content_code, mean)
        of_class = torch.arange(24) / 23 >= 0.5
        assert (codes.class_code[:, ~of_class] == 0).all()
        assert (codes.content_code[:, of_class] == 0).all()


class TestOverLord:
    def test_but_for_noise_and_decay_the_first_stage_is_lords(self) -> None:
        same: dict[str, Any] = {"noise": 0.5, "decay": 0.0, "stage1_share": 0.5}
        kind: type[Method] = registry.find("methods", "lord").load()
        with seeds.initialising(0, "init"):
            lord = kind(kind.Config(**SMALL, **LORD, **same), DataSpec.of(DATA))
        overlord = build("overlord", **same)
        learned = []
        for method in (lord, overlord):
            method.fit(DATA, context(640, batch_size=16))
            learned.append(method.train_codes())
        assert learned[0] is not None
        assert learned[1] is not None
        assert torch.equal(learned[0].class_code, learned[1].class_code)
        assert torch.equal(learned[0].content_code, learned[1].content_code)
