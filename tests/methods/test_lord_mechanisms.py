"""LORD: each mechanism of the paper, by what reaches the generator, by values and by gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import StopAfter, context
from mechanisms import (
    CLASS,
    CONTENT,
    DATA,
    PRIOR,
    batch,
    build,
    copied,
    fixed,
    learning,
    moved,
    outputs,
    rates,
    trained,
)
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from lordbench.lord import LordConfig
from lordbench.nn import losses
from lordbench.nn.losses import pyramid
from lordbench.training import Batch, CheckpointStore, Codes, DataSpec
from lordbench.training.optimizers import RowAdam


def stage_1(method: Any, of: Batch) -> dict[str, Tensor]:
    loss = method.latent_loss(method.class_codes, method.content_codes, pyramid)
    terms: dict[str, Tensor] = loss(of)
    return terms


def generated(method: Any, monkeypatch: pytest.MonkeyPatch) -> list[Codes]:
    """Record the codes that reach the generator of stage 1."""
    calls: list[Codes] = []
    forward = method.generator.forward
    fixed(method.generator, lambda *codes: calls.append(Codes(*codes)) or forward(*codes), monkeypatch)
    return calls


def wide_codes(method: Any) -> Tensor:
    """Make content codes longer than noise, and return those of the batch."""
    with torch.no_grad():
        method.content_codes.table.weight.mul_(100)
    codes: Tensor = method.content_codes.table.weight.detach()[batch().index]
    return codes


class TestNoise:
    def test_it_has_the_fixed_deviation_of_the_settings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        method = build("lord", noise=0.7, content_size=2000)
        calls = generated(method, monkeypatch)
        stage_1(method, batch())
        clean = method.content_codes.table.weight[batch().index]
        noise = (calls[0].content_code - clean).detach()
        assert noise.std().item() == pytest.approx(0.7, rel=0.05)
        assert noise.mean().item() == pytest.approx(0, abs=0.05)
        # Neither scaled by the code nor shared by the images.
        assert noise.std(dim=1).numpy() == pytest.approx(0.7, rel=0.1)
        assert torch.corrcoef(noise)[0, 1].abs() < 0.1

    def test_no_gradient_can_shrink_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        method = build("lord", decay=0.0)
        calls = generated(method, monkeypatch)
        stage_1(method, batch())
        clean = method.content_codes.table.weight
        (gradient,) = torch.autograd.grad(calls[0].content_code.sum(), clean)
        assert torch.equal(gradient.to_dense()[batch().index], torch.ones(6, CONTENT))

    def test_class_codes_have_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        method = build("lord")
        calls = generated(method, monkeypatch)
        stage_1(method, batch())
        assert torch.equal(calls[0].class_code, method.class_codes.table.weight[batch().classes])

    def test_there_is_none_in_evaluation(self) -> None:
        method = build("lord")
        learned = method.train_codes()
        assert torch.equal(learned.content_code, method.content_codes.table.weight)
        codes = method.encode(batch().images)
        assert torch.equal(codes.content_code, method.content_encoder(batch().images))

    def test_it_differs_from_step_to_step(self, monkeypatch: pytest.MonkeyPatch) -> None:
        method = build("lord")
        calls = generated(method, monkeypatch)
        same = batch()
        stage_1(method, same)
        stage_1(method, same)
        assert not torch.equal(calls[0].content_code, calls[1].content_code)


class TestDecay:
    def test_it_is_the_squared_norm_of_the_clean_code_averaged_over_images(self) -> None:
        method = build("lord", decay=0.01, noise=3.0)
        clean = wide_codes(method)
        expected = 0.01 * clean.square().sum(1).mean().item()
        assert stage_1(method, batch())["decay"].item() == pytest.approx(expected)

    def test_it_shortens_content_codes(self) -> None:
        method = build("lord", decay=0.01)
        clean = wide_codes(method)
        assert learning(method, stage_1(method, batch())["decay"]) == {"content_codes"}
        gradient = method.content_codes.table.weight.grad.to_dense()[batch().index]
        assert torch.allclose(gradient, 2 * 0.01 * clean / len(clean))

    def test_nothing_else_regularizes_without_it(self) -> None:
        assert set(stage_1(build("lord"), batch())) == {"reconstruction", "decay"}
        assert set(stage_1(build("lord", regularizer="none"), batch())) == {"reconstruction"}


class TestLatentOptimization:
    def test_images_of_a_class_share_one_learned_code(self, monkeypatch: pytest.MonkeyPatch) -> None:
        method = build("lord")
        assert method.class_codes.table.weight.shape == (DATA.n_classes, CLASS)
        assert method.content_codes.table.weight.shape == (len(DATA), CONTENT)
        calls = generated(method, monkeypatch)
        stage_1(method, batch())
        codes = calls[0].class_code.view(3, 2, CLASS)
        assert torch.equal(codes[:, 0], codes[:, 1])
        assert len(codes[:, 0].unique(dim=0)) == 3

    def test_codes_and_generator_learn_from_the_reconstruction_and_encoders_do_not(self) -> None:
        method = build("lord")
        parts = learning(method, stage_1(method, batch())["reconstruction"])
        assert parts == {"class_codes", "content_codes", "generator"}
        for codes, rows in ((method.class_codes, batch().classes), (method.content_codes, batch().index)):
            gradient = codes.table.weight.grad.to_dense()
            assert gradient.any(dim=1).nonzero()[:, 0].tolist() == rows.unique().tolist()

    def test_the_reconstruction_is_of_the_image_itself(self, monkeypatch: pytest.MonkeyPatch) -> None:
        method = build("lord")
        made = outputs(method.generator)
        value = stage_1(method, batch())["reconstruction"]
        assert value.item() == pytest.approx(pyramid(made[0], batch().images).item())

    def test_rates_are_those_of_the_settings(self) -> None:
        method = build("lord", generator_rate=1e-3, latent_rate=2e-2, encoder_rate=3e-3, tuning_rate=4e-4)
        run = context(80, batch_size=8)
        phase = method.latent_optimization(run, pyramid, 5)
        latents = {"class_codes": 2e-2, "content_codes": 2e-2}
        assert rates(phase.optimizers, method) == {"generator": 1e-3, **latents}
        assert [type(optimizer) for optimizer in phase.optimizers] == [torch.optim.Adam, RowAdam]
        encoders = {"class_encoder": 3e-3, "content_encoder": 3e-3}
        assert rates(method.warm_up(run, 5).optimizers, method) == encoders
        together = method.amortization(run, pyramid, 5)
        assert rates(together.optimizers, method) == encoders | {"tuned_generator": 4e-4}
        for each in (phase, together):
            assert each.final_rate == method.config.final_rate
            assert all(group["betas"] == (0.5, 0.999) for o in each.optimizers for group in o.param_groups)

    def test_the_momentum_of_encoders_is_a_setting(self) -> None:
        method, run = build("lord", encoder_momentum=0.9), context(80, batch_size=8)
        for phase in (method.warm_up(run, 5), method.amortization(run, pyramid, 5)):
            betas = {
                parameter: group["betas"]
                for optimizer in phase.optimizers
                for group in optimizer.param_groups
                for parameter in group["params"]
            }
            assert {betas[p] for encoder in method.encoders for p in encoder.parameters()} == {(0.9, 0.999)}
            assert {betas.get(p, (0.5, 0.999)) for p in method.tuned_generator.parameters()} == {(0.5, 0.999)}

    def test_the_published_rate_of_tuning_is_a_third_of_stage_1s(self) -> None:
        assert LordConfig().tuning_rate == pytest.approx(LordConfig().generator_rate / 3)


class TestPerceptualLoss:
    def test_it_is_the_default(self) -> None:
        assert LordConfig().reconstruction == "perceptual"
        assert LordConfig().weights() == ("vgg16",)

    def test_stage_1_minimises_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        convolution = nn.Conv2d(3, 3, 1)
        nn.init.constant_(convolution.weight, 1 / 3)
        nn.init.constant_(convolution.bias, 0.5)
        layers: list[nn.Module] = [convolution, nn.ReLU()] * 15
        network = nn.Sequential(*layers, nn.MaxPool2d(2)).requires_grad_(False)
        monkeypatch.setattr(losses, "vgg16_features", lambda: network)
        method = build("lord", reconstruction="perceptual")
        made = outputs(method.generator)
        _, run = trained(method, images=8)
        index = method.batches(context(8, batch_size=8), "latent optimization").index(0)
        real = batch(*index.tolist()).images
        expected = losses.PerceptualLoss()(made[0], real)
        assert run.progress.history[0]["reconstruction"] == pytest.approx(expected.item(), rel=1e-4)
        assert expected > 1.5 * F.l1_loss(made[0], real)


class TestEncoders:
    def test_learned_codes_are_fixed_targets_without_noise(self, monkeypatch: pytest.MonkeyPatch) -> None:
        method = build("lord", code_weight=7.0)
        clean = wide_codes(method)
        codes = method.encode(batch().images)
        terms = method.code_terms(codes, batch())
        assert terms["content code"].item() == pytest.approx(7 * F.mse_loss(codes.content_code, clean).item())
        classes = method.class_codes.table.weight[batch().classes]
        assert terms["class code"].item() == pytest.approx(7 * F.mse_loss(codes.class_code, classes).item())
        assert learning(method, terms) == {"class_encoder", "content_encoder"}

    def test_they_learn_with_the_copy_of_the_generator_only(self) -> None:
        method = build("lord")
        terms, output = method.amortization_terms(batch(), pyramid)
        assert set(terms) == {"reconstruction", "class code", "content code"}
        assert terms["reconstruction"].item() == pytest.approx(pyramid(output, batch().images).item())
        networks = {"class_encoder", "content_encoder", "tuned_generator"}
        assert learning(method, terms["reconstruction"]) == networks

    def test_a_code_that_stage_1_amortized_has_no_target(self) -> None:
        method = build("lord", class_code="amortized")
        assert set(method.code_terms(method.encode(batch().images), batch())) == {"content code"}

    @pytest.mark.parametrize(("regularizer", "term"), [("noise", "decay"), ("kl", "kl"), ("none", "")])
    def test_a_content_code_that_stage_1_amortized_stays_regularized(
        self, regularizer: str, term: str
    ) -> None:
        method = build("lord", content_code="amortized", regularizer=regularizer, noise=5.0)
        used = outputs(method.content_encoder)
        terms, output = method.amortization_terms(batch(), pyramid)
        assert set(terms) == {"reconstruction", "class code", term} - {""}
        with torch.no_grad():
            clean = method.decode(method.encode(batch().images))
        assert torch.equal(output, clean) == (regularizer == "none")
        assert len(used) == 2
        states, _ = trained(method)
        _, _, together, end = states.values()
        assert ("content_codes" in moved(together, end)) == (regularizer == "kl")


class TestSeam:
    """The beginning of stage 2."""

    def test_encoders_learn_alone_first_then_with_a_copy_of_the_generator(self) -> None:
        method = build("lord")
        states, _ = trained(method)
        assert list(states) == ["latent optimization", "encoders alone", "amortization", "end"]
        first, alone, together, end = states.values()
        assert moved(first, alone) == {"generator", "class_codes", "content_codes"}
        assert moved(alone, together) == {"class_encoder", "content_encoder", "tuned_generator"}
        # Not trained: copied.
        assert copied(alone, together)
        assert moved(together, end) == {"class_encoder", "content_encoder", "tuned_generator"}

    def test_learned_codes_are_decoded_by_stage_1s_generator_and_encoded_ones_by_the_copy(self) -> None:
        method = build("lord")
        trained(method)
        codes = method.train_codes()
        with torch.no_grad():
            learned, encoded = method.decode_learned(codes), method.decode(codes)
            assert torch.equal(learned, method.generator(codes.class_code, codes.content_code))
            assert torch.equal(encoded, method.tuned_generator(codes.class_code, codes.content_code))
        assert not torch.equal(learned, encoded)

    def test_learned_codes_are_those_of_each_image_and_of_its_class(self) -> None:
        method = build("lord")
        trained(method)
        codes = method.train_codes()
        assert torch.equal(codes.class_code, method.class_codes.table.weight[torch.from_numpy(DATA.classes)])
        assert torch.equal(codes.content_code, method.content_codes.table.weight)

    def test_optimized_codes_are_fitted_to_stage_1s_generator(self) -> None:
        method = build("lord")
        made, unused = outputs(method.generator), outputs(method.tuned_generator)
        method.optimize_codes(DATA, context(16, batch_size=8))
        assert len(made) == 2
        assert not unused

    def test_rates_fall_at_test_time_as_in_stage_1(self, monkeypatch: pytest.MonkeyPatch) -> None:
        method, run, phases = build("lord", final_rate=3e-4), context(16, batch_size=8), []
        monkeypatch.setattr(run, "run", lambda module, images, given: phases.extend(given))
        method.optimize_codes(DATA, run)
        (phase,) = phases
        assert phase.final_rate == 3e-4
        assert [group["lr"] for group in phase.optimizers[0].param_groups] == [method.config.latent_rate]
        assert [group["betas"] for group in phase.optimizers[0].param_groups] == [(0.5, 0.999)]

    @pytest.mark.parametrize("settings", [{}, {"class_code": "amortized"}])
    def test_the_three_parts_share_the_budget(self, settings: dict[str, str]) -> None:
        _, run = trained(build("lord", **settings), images=160)
        assert run.progress.images == 160

    def test_with_both_codes_amortized_there_is_nothing_to_warm_up(self) -> None:
        states, run = trained(build("lord", class_code="amortized", content_code="amortized"))
        assert list(states) == ["latent optimization", "amortization", "end"]
        assert run.progress.images == 240

    @pytest.mark.parametrize("stop", [9, 10, 11, 12, 15])
    def test_a_training_killed_in_stage_2_keeps_the_copy_it_had(
        self, stop: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Steps 9 and 10 are the warm-up; there is a checkpoint after every second step."""
        monkeypatch.setattr("lordbench.training.loop.LOG_STEPS", 2)
        checkpoints = CheckpointStore(tmp_path / "c.safetensors", every=0)
        killed, resumed, whole = build("lord"), build("lord"), build("lord")
        run = context(128, 8, checkpoints)
        run.reporter = StopAfter(stop)
        with pytest.raises(KeyboardInterrupt):
            killed.fit(DATA, run)
        resumed.fit(DATA, context(128, 8, checkpoints))
        trained(whole, images=128)
        assert not moved(whole.state_dict(), resumed.state_dict())


class TestVariants:
    def test_kl_is_that_of_the_images_own_gaussian_and_its_draws_are_decoded(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        method = build("lord", regularizer="kl", kl_weight=0.5)
        calls = generated(method, monkeypatch)
        terms = stage_1(method, batch())
        codes = method.content_codes
        mean, log_variance = codes.table(batch().index), codes.log_variance(batch().index)
        expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), PRIOR).sum(1).mean()
        assert terms["kl"].item() == pytest.approx(0.5 * expected.item(), rel=1e-4)
        drawn = losses.draw(mean, log_variance, torch.Generator().manual_seed(0))
        assert torch.equal(calls[0].content_code, drawn)

    @pytest.mark.parametrize("code", ["class", "content"])
    def test_an_amortized_code_is_an_encoders_from_the_start(self, code: str) -> None:
        method = build("lord", **{f"{code}_code": "amortized"})
        parts = learning(method, stage_1(method, batch()))
        assert f"{code}_encoder" in parts
        assert f"{code}_codes" not in parts


class TestPublishedWeights:
    @pytest.mark.parametrize("slope", [0.01, 0.3])
    def test_they_map_onto_the_generator_of_the_paper_preset_in_order(self, slope: float) -> None:
        """The published layers in plain torch, with our state loaded in order, give our images."""
        from lordbench.config.presets import load_preset

        config = LordConfig(**load_preset("paper", {}).settings("lord", LordConfig), slope=slope)
        torch.manual_seed(0)
        ours = config.generator(DataSpec(channels=3, size=64, n_classes=2, n_images=4)).eval()
        published = PublishedGenerator(slope)
        state = ours.state_dict()
        assert [value.shape for value in state.values()] == [p.shape for p in published.state_dict().values()]
        published.load_state_dict(dict(zip(published.state_dict(), state.values(), strict=True)))
        class_code, content_code = torch.randn(2, 256), torch.randn(2, 128)
        with torch.no_grad():
            difference = (ours(class_code, content_code) - published(class_code, content_code)).abs().max()
        assert difference < 1e-5


class PublishedGenerator(nn.Module):
    """The generator of the authors' releases at 64 pixels."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = slope
        self.modulation = nn.ModuleList(nn.Linear(256, 2 * 256) for _ in range(4))
        sizes = (128, 4 * 4 * 32, 4 * 4 * 64, 4 * 4 * 256)
        self.linear = nn.ModuleList(map(nn.Linear, sizes[:-1], sizes[1:]))
        self.blocks = nn.ModuleList(nn.Conv2d(256, 256, 3, padding=1) for _ in range(4))
        self.last = nn.ModuleList([nn.Conv2d(256, 64, 5, padding=2), nn.Conv2d(64, 3, 7, padding=3)])

    def forward(self, class_code: Tensor, content_code: Tensor) -> Tensor:
        x = content_code
        for layer in self.linear:
            x = F.leaky_relu(layer(x), self.slope)
        x = x.view(-1, 256, 4, 4)
        for modulation, convolution in zip(self.modulation, self.blocks, strict=True):
            x = F.leaky_relu(convolution(F.interpolate(x, scale_factor=2, mode="nearest")), self.slope)
            offset, scale = modulation(class_code).view(-1, 2, 256, 1, 1).unbind(dim=1)
            x = F.instance_norm(x) * scale + offset
        first, second = self.last
        return torch.sigmoid(second(F.leaky_relu(first(x), self.slope)))
