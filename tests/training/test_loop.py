"""The training loop: same seed, same bytes, also after a resume; NaN is detected."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from helpers import CPU, StopAfter, context, halves
from torch import Tensor

from lordbench.config import registry
from lordbench.data.images import ImageSet
from lordbench.lord import Lord, LordConfig
from lordbench.nn.features import imagenet_normalise, vgg16_activations
from lordbench.nn.losses import LAYERS, PerceptualLoss
from lordbench.training.batches import Batch, DeviceImages, ShuffledBatches, divided
from lordbench.training.checkpoints import CheckpointStore
from lordbench.training.loop import Budget, Phase, Update, cosine
from lordbench.training.method import DataSpec
from lordbench.training.optimizers import adam
from lordbench.training.precision import Precision
from lordbench.utils import seeds
from lordbench.utils.errors import TrainingDivergedError

TINY: dict[str, Any] = {"class_size": 8, "content_size": 4, "width": 8, "reconstruction": "pyramid"}


def build() -> Lord:
    with seeds.initialising(0, "init"):
        return Lord(LordConfig(**TINY), DataSpec.of(halves()))


def equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def test_same_seed_same_bytes() -> None:
    states = []
    for _ in range(2):
        model = build()
        model.fit(halves(), context(640))
        states.append(model.state_dict())
    assert equal(*states)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_set_too_large_for_the_device_gives_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, accumulate: int
) -> None:
    states, kept = [], []
    for limit in (None, 0):

        def images(train: ImageSet, device: torch.device, limit: int | None = limit) -> DeviceImages:
            loaded = DeviceImages(train, device, limit)
            kept.append(loaded.resident is not None)
            return loaded

        monkeypatch.setattr("lordbench.training.loop.DeviceImages", images)
        model, run = build(), context(640)
        run.budget = replace(run.budget, accumulate=accumulate)
        model.fit(halves(), run)
        states.append(model.state_dict())
    assert kept == [True, False]
    assert equal(*states)


@pytest.mark.parametrize("stop", [3, 30, 60, 85])
def test_resumed_training_gives_the_bytes_of_an_uninterrupted_one(tmp_path: Path, stop: int) -> None:
    uninterrupted = build()
    whole = context(3200)
    uninterrupted.fit(halves(), whole)
    interrupted = build()
    attempt = context(3200, checkpoints=CheckpointStore(tmp_path / "c.safetensors", every=0))
    attempt.reporter = StopAfter(stop)
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(halves(), attempt)
    resumed = build()
    with seeds.initialising(1, "other"):
        for parameter in resumed.parameters():  # the state before must not matter
            torch.nn.init.normal_(parameter) if stop > 25 else None
    again = context(3200, checkpoints=CheckpointStore(tmp_path / "c.safetensors", every=0))
    resumed.fit(halves(), again)
    assert equal(uninterrupted.state_dict(), resumed.state_dict())
    assert [r | {} for r in again.progress.history] == whole.progress.history
    assert again.progress.images == whole.progress.images


def test_resumed_training_gives_the_same_bytes_with_channels_last(tmp_path: Path) -> None:
    """As in runs. The moments of a fused optimizer must have the same layout."""
    whole, interrupted, resumed = (build().to(memory_format=torch.channels_last) for _ in range(3))
    whole.fit(halves(), context(3200))
    attempt = context(3200, checkpoints=CheckpointStore(tmp_path / "c.safetensors", every=0))
    attempt.reporter = StopAfter(30)
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(halves(), attempt)
    resumed.fit(halves(), context(3200, checkpoints=attempt.checkpoints))
    assert equal(whole.state_dict(), resumed.state_dict())


def test_a_damaged_checkpoint_has_no_progress(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    path.write_bytes(b"\x10\0\0\0\0\0\0\0 not safetensors")
    assert CheckpointStore(path).progress() is None


def test_nan_is_named_and_never_checkpointed(tmp_path: Path) -> None:
    model = torch.nn.Linear(1, 1)
    data = halves()

    def loss(batch: Batch) -> dict[str, Tensor]:
        return {"bad term": model(torch.ones(1, 1)).sum() * float("nan")}

    run = context(3200, checkpoints=CheckpointStore(tmp_path / "c.safetensors", every=0))
    phase = Phase(
        "p", 60, ShuffledBatches(len(data), 32, 0), [Update([adam([(model, 1e-3)], (0.9, 0.99))], loss)]
    )
    with pytest.raises(TrainingDivergedError, match="bad term"):
        run.run(model, data, [phase])
    assert not (tmp_path / "c.safetensors").exists()


def test_every_image_is_seen_once_per_epoch() -> None:
    batches = ShuffledBatches(n_images=48, batch_size=16, seed=3)
    epochs = [np.concatenate([batches.index(3 * e + i) for i in range(3)]) for e in range(2)]
    for epoch in epochs:
        assert sorted(epoch) == list(range(48))
    assert not np.array_equal(*epochs)
    assert np.array_equal(batches.index(1), ShuffledBatches(48, 16, 3).index(1))


def test_learning_rate_follows_the_cosine() -> None:
    assert cosine(1.0, 0.1, 0.0) == 1.0
    assert cosine(1.0, 0.1, 1.0) == pytest.approx(0.1)
    assert cosine(1.0, 0.1, 0.5) == pytest.approx(0.55)


class TestSchedule:
    """Six steps of a phase: the learning rate and the first random number of each."""

    def steps(
        self, final_rate: float | None, name: str = "p", seed: int = 0
    ) -> tuple[list[float], list[float]]:
        model, run, rates, noise = torch.nn.Linear(1, 1), context(6 * 32), list[float](), list[float]()
        run.seed, optimizer = seed, adam([(model, 1e-2)], (0.9, 0.99))

        def loss(batch: Batch) -> dict[str, Tensor]:
            rates.append(optimizer.param_groups[0]["lr"])
            noise.append(torch.rand(1, generator=batch.generator).item())
            return {"loss": model(torch.ones(1, 1)).sum()}

        batches = ShuffledBatches(len(halves()), 32, 0)
        run.run(model, halves(), [Phase(name, 6, batches, [Update([optimizer], loss)], final_rate)])
        return rates, noise

    def test_rates_follow_the_cosine_of_the_phase_or_stay_constant(self) -> None:
        assert self.steps(1e-4)[0] == pytest.approx([cosine(1e-2, 1e-4, i / 6) for i in range(6)])
        assert self.steps(None)[0] == [1e-2] * 6

    def test_noise_differs_between_steps_phases_and_seeds(self) -> None:
        drawn = [self.steps(None, name, seed)[1] for name, seed in (("p", 0), ("q", 0), ("p", 1))]
        assert len({value for noise in drawn for value in noise}) == 3 * 6
        assert self.steps(None)[1] == drawn[0]


def test_initialising_leaves_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    with seeds.initialising(5, "x"):
        first = torch.nn.Linear(3, 3).weight
    with seeds.initialising(5, "x"):
        assert torch.equal(first, torch.nn.Linear(3, 3).weight)
    assert torch.equal(before, torch.random.get_rng_state())
    assert CPU.type == "cpu"


class TestAccumulation:
    def test_parts_keep_groups_together(self) -> None:
        index = np.arange(24)
        for group, parts in ((1, 5), (4, 4), (8, 7), (3, 1)):
            divisions = divided(index, group, parts)
            assert np.concatenate(divisions).tolist() == index.tolist()
            assert len(divisions) == min(parts, 24 // group)
            assert all(len(part) % group == 0 for part in divisions)

    @pytest.mark.parametrize("parts", [2, 3, 32])
    def test_parts_give_the_gradients_of_the_whole_batch(self, parts: int) -> None:
        data = halves()
        weights = []
        for accumulate in (1, parts):
            torch.manual_seed(0)
            model = torch.nn.Linear(3 * 16 * 16, 1)

            def loss(batch: Batch, model: torch.nn.Linear = model) -> dict[str, Tensor]:
                values = model(batch.images.flatten(1))[:, 0]
                return {"x": (values - batch.classes).square().mean()}

            run = context(320)
            run.budget = Budget(320, 32, accumulate)
            update = Update([torch.optim.SGD(model.parameters(), 1e-3)], loss)
            run.run(model, data, [Phase("p", 10, ShuffledBatches(len(data), 32, 0), [update])])
            weights.append(model.weight.detach())
        assert torch.allclose(*weights, atol=1e-6)

    @pytest.mark.parametrize("name", ["lord", "drnet", "mlvae"])
    def test_every_method_trains_in_parts(self, name: str) -> None:
        kind = registry.find("methods", name).load()
        model = kind(kind.Config(**TINY), DataSpec.of(halves()))
        run = context(64)
        run.budget = Budget(64, 16, 4)
        model.fit(halves(), run)
        assert run.progress.images == 64


class TestUpdates:
    def test_each_steps_on_the_gradient_of_its_own_loss(self) -> None:
        """A discriminator's step does not contain what others' losses say about it."""
        one, other = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
        before = [model.bias.item() for model in (one, other)]
        updates = [
            Update([torch.optim.SGD(one.parameters(), 0.1)], lambda batch: {"a": one.bias.sum()}),
            Update(
                [torch.optim.SGD(other.parameters(), 0.1)],
                lambda batch: {"b": 2 * other.bias.sum() + 50 * one.bias.sum()},
            ),
        ]
        phase = Phase("p", 3, ShuffledBatches(len(halves()), 32, 0), updates)
        context(96).run(torch.nn.ModuleList([one, other]), halves(), [phase])
        assert one.bias.item() == pytest.approx(before[0] - 3 * 0.1)
        assert other.bias.item() == pytest.approx(before[1] - 3 * 0.2)

    def test_all_optimizers_of_one_step(self) -> None:
        models = torch.nn.ModuleList([torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)])
        before = [model.bias.item() for model in models]
        optimizers = [torch.optim.SGD(model.parameters(), 0.1) for model in models]
        update = Update(optimizers, lambda batch: {"x": models[0].bias.sum() + models[1].bias.sum()})
        phase = Phase("p", 1, ShuffledBatches(len(halves()), 32, 0), [update])
        context(32).run(models, halves(), [phase])
        assert [model.bias.item() for model in models] == pytest.approx([bias - 0.1 for bias in before])

    def test_losses_see_a_module_in_training_mode_which_ends_in_evaluation_mode(self) -> None:
        model, modes = torch.nn.Linear(1, 1).eval(), list[bool]()

        def loss(batch: Batch) -> dict[str, Tensor]:
            modes.append(model.training)
            return {"x": model.bias.sum()}

        update = Update([torch.optim.SGD(model.parameters(), 0.1)], loss)
        context(32).run(model, halves(), [Phase("p", 1, ShuffledBatches(len(halves()), 32, 0), [update])])
        assert modes == [True]
        assert not model.training


class TestPrecision:
    @pytest.mark.parametrize("name", ["float32", "tf32", "bfloat16"])
    def test_only_tf32_lets_a_gpu_round_float32_products(
        self, name: Literal["float32", "tf32", "bfloat16"]
    ) -> None:
        before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
        with Precision(name, "cuda").matrix_products():
            during = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
        assert during == (name == "tf32",) * 2
        assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == before

    def test_frozen_weights_are_rounded_as_autocast_would(self, real_weights: dict[str, Path]) -> None:
        generator = torch.Generator().manual_seed(0)
        output, target = (torch.rand(2, 3, 32, 32, generator=generator) for _ in range(2))
        loss = PerceptualLoss()
        exact = loss(output, target)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            ours = loss(output, target)
            images = imagenet_normalise(output)
            expected = vgg16_activations(loss.network, images, LAYERS)
            activations = loss._activations(output)
        assert all(torch.equal(x, y) for x, y in zip(activations, expected, strict=True))
        assert float(ours) == pytest.approx(float(exact), rel=0.02)
        # A copy is rounded.
        assert torch.equal(loss(output, target), exact)


class TestMisuse:
    def test_an_optimizer_outside_a_list_is_refused(self) -> None:
        with pytest.raises(TypeError, match="list of optimizers"):
            Update(adam([(torch.nn.Linear(2, 2), 1e-3)], (0.9, 0.99)), lambda batch: {})  # type: ignore[arg-type]

    def test_an_optimizer_in_two_phases_is_refused(self) -> None:
        update = Update([adam([(torch.nn.Linear(2, 2), 1e-3)], (0.9, 0.99))], lambda batch: {})
        phases = [Phase(name, 1, ShuffledBatches(8, 4, 0), [update]) for name in ("a", "b")]
        with pytest.raises(ValueError, match="two"):
            context(32).run(torch.nn.Linear(2, 2), halves(), phases)
