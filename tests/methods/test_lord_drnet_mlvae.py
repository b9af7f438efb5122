"""LORD, DrNet and ML-VAE: what they learn on a tiny set, and the error-prone parts of their objectives."""

from typing import Any

import numpy as np
import pytest
import torch
from helpers import CPU, assert_restored_and_deterministic, cars, class_leak, context, halves

from lordbench.config import registry
from lordbench.data.images import ImageSet
from lordbench.evaluation import CodeKind, inference
from lordbench.nn.methods import swap_pairs
from lordbench.training.loop import Context
from lordbench.training.method import Codes, DataSpec, Method
from lordbench.utils import seeds

SMALL: dict[str, Any] = {
    "class_size": 16,
    "content_size": 8,
    "width": 32,
    "reconstruction": "pyramid",
}
SETTINGS: dict[str, dict[str, Any]] = {
    "lord": {
        "generator_rate": 2e-3,
        "latent_rate": 2e-2,
        "encoder_rate": 2e-3,
        "tuning_rate": 7e-4,
        "decay": 1e-3,
    },
    "drnet": {"learning_rate": 1e-3, "final_rate": 1e-5, "adversary": 1e-3},
    "mlvae": {"learning_rate": 1e-3, "final_rate": 1e-5, "kl_weight": 1e-4, "per_class": 4},
}
DATA = cars()
VIEWS = 16
CONTENT = np.arange(len(DATA))
CLASS = np.roll(CONTENT, 3 * VIEWS + 5)  # image of another car, from another side
TRUTH = DATA.classes[CLASS] * VIEWS + CONTENT % VIEWS


def build(name: str, data: ImageSet = DATA, **settings: Any) -> Method:
    kind: type[Method] = registry.find("methods", name).load()
    with seeds.initialising(0, "init"):
        return kind(kind.Config(**(SMALL | SETTINGS[name] | settings)), DataSpec.of(data))


def train(name: str, data: ImageSet = DATA, images: int = 25_000, **settings: Any) -> tuple[Method, Context]:
    method, run = build(name, data, **settings), context(images, batch_size=32)
    method.fit(data, run)
    return method.eval(), run


def transfer_error(method: Method, codes: Codes, kind: CodeKind = "encoded") -> float:
    """Mean L1 of transfers against the true images."""
    mixed = Codes(codes.select(CLASS).class_code, codes.select(CONTENT).content_code)
    outputs = inference.decode(method, mixed, kind)
    return float(np.abs(outputs / 255 - DATA.images[TRUTH] / 255).mean())


COPY_FLOOR = float(np.abs(DATA.images[CLASS] / 255 - DATA.images[TRUTH] / 255).mean())
"""Error of image B itself: the right class with the wrong content."""


@pytest.mark.parametrize(("name", "share"), [("lord", 0.65), ("drnet", 0.8), ("mlvae", 0.85)])
@pytest.mark.slow
def test_transfer_by_encoders_beats_the_floor(name: str, share: float) -> None:
    method, _ = train(name)
    assert transfer_error(method, inference.encode(method, DATA.images, CPU)) < share * COPY_FLOOR
    learned = method.train_codes()
    assert (learned is not None) == (name == "lord")
    if learned is not None:
        assert transfer_error(method, learned, "learned") < share * COPY_FLOOR
        one_class = learned.class_code[DATA.classes == 3]
        assert torch.equal(one_class, one_class[:1].expand_as(one_class))


@pytest.mark.slow
def test_lord_keeps_the_class_out_of_content_codes_and_an_autoencoder_does_not() -> None:
    data = halves(n_classes=8, n_contents=8)
    autoencoder = {"class_code": "amortized", "content_code": "amortized", "regularizer": "none"}
    leaks = {}
    for label, settings in (("lord", {}), ("autoencoder", autoencoder)):
        # What a single autoencoder leaks is chance: 0.14 to 0.71 in these three.
        methods = [train("lord", data, images=images, **settings)[0] for images in (12_000, 16_000, 20_000)]
        codes = [inference.encode(method, data.images, CPU).content_code for method in methods]
        leaks[label] = np.mean([class_leak(data, code) for code in codes])
    assert leaks["lord"] < 0.15
    assert leaks["autoencoder"] > 0.3


@pytest.mark.parametrize(
    "variant",
    [
        {"class_code": "amortized"},
        {"content_code": "amortized"},
        {"class_code": "amortized", "content_code": "amortized", "regularizer": "kl"},
        {"regularizer": "kl"},
        {"regularizer": "none"},
    ],
)
def test_variants_of_lord_train_and_return_the_codes_they_learned(variant: dict[str, str]) -> None:
    method = build("lord", **variant)
    before = [parameter.detach().clone() for parameter in method.parameters()]
    method.fit(DATA, context(1280))
    changed = [not torch.equal(a, b) for a, b in zip(before, method.parameters(), strict=True)]
    assert all(changed), "a parameter never had a gradient"
    latent = "amortized" not in variant.values()
    assert (method.train_codes() is not None) == latent


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_state_is_restored_and_coding_is_deterministic(name: str) -> None:
    assert_restored_and_deterministic(lambda: build(name))


@pytest.mark.parametrize("settings", [{"architecture": "published"}, {"reconstruction": "published"}])
def test_drnet_as_published(settings: dict[str, str]) -> None:
    method = build("drnet", **settings)
    run = context(1600)
    method.fit(DATA, run)
    terms = [record["reconstruction"] for record in run.progress.history]
    assert terms[-1] < terms[0]


@pytest.mark.slow
def test_drnets_encoder_learns_to_mislead_the_discriminator() -> None:
    """With the adversarial term the discriminator separates classes less well than without it."""
    data = halves(n_classes=8, n_contents=8)
    losses = {}
    for weight in (0.0, 0.3):
        _, run = train("drnet", data, images=16_000, adversary=weight, content_size=16)
        losses[weight] = np.mean([record["discriminator"] for record in run.progress.history[-5:]])
    assert losses[0.0] < losses[0.3] - 0.1


def test_pairs_are_swapped() -> None:
    codes = torch.arange(8.0).view(4, 2)
    assert swap_pairs(codes).tolist() == [[2, 3], [0, 1], [6, 7], [4, 5]]


class TestOptimizedCodes:
    """Test-time optimization: LORD's first stage on unseen images, with the generator fixed."""

    def test_they_fit_better_than_initial_codes_and_leave_the_networks_unchanged(self) -> None:
        method, _ = train("lord", images=10_000)
        before = {name: value.clone() for name, value in method.state_dict().items()}
        unseen = DATA.subset(np.arange(0, 2 * VIEWS)).keep_classes(np.arange(2))
        errors = []
        for n_images in (32, 6_400):
            codes = method.optimize_codes(unseen, context(n_images))
            assert codes is not None
            assert torch.equal(codes.class_code[0].expand(VIEWS, -1), codes.class_code[:VIEWS])
            outputs = inference.decode(method, codes, "optimized")
            errors.append(float(np.abs(outputs / 255 - unseen.images / 255).mean()))
        assert errors[1] < 0.85 * errors[0]
        assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())
        assert all(parameter.requires_grad for parameter in method.parameters())

    def test_only_where_both_codes_are_latent(self) -> None:
        assert build("lord", class_code="amortized").optimize_codes(DATA, context(32)) is None
        assert build("drnet").optimize_codes(DATA, context(32)) is None
