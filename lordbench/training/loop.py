"""The training loop of all methods."""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from lordbench.data.images import ImageSet
from lordbench.training.batches import Batch, Batches, DeviceImages, divided
from lordbench.training.checkpoints import CheckpointStore, Progress, load_module
from lordbench.training.optimizers import RowAdam
from lordbench.training.precision import Precision
from lordbench.utils import seeds
from lordbench.utils.errors import TrainingDivergedError

LOG_STEPS = 25
"""Steps between two records of the training curve, and between two checks for NaN."""

Loss = Callable[[Batch], dict[str, Tensor]]
"""Computes named loss terms, scalars with weights applied; their sum is minimised."""


@dataclass(frozen=True)
class Update:
    """A part of a step: its loss is computed and differentiated, and its optimizers step on the gradients.

    Attributes:
        optimizers: stepped in order; each serves one update of one phase.
        loss: gives named terms for a batch; their sum is minimised.
    """

    optimizers: Sequence[torch.optim.Optimizer]
    loss: Loss

    def __post_init__(self) -> None:
        if isinstance(self.optimizers, torch.optim.Optimizer):
            raise TypeError("Update takes a list of optimizers: Update([optimizer], loss)")


@dataclass(frozen=True)
class Phase:
    """A part of training with its own losses and schedule.

    Attributes:
        name: unique within a method; shown in the progress bar and the training curve.
        steps: number of steps; see `Budget.steps`.
        batches: which images each step sees.
        updates: run in this order in each step, on the same batch.
        final_rate: learning rates fall to this over the phase, along a cosine, step by step; None keeps them
            constant.
        begin: called before the first step, and not when the phase resumes: what it changes must be part of
            the module's state.
    """

    name: str
    steps: int
    batches: Batches
    updates: Sequence[Update]
    final_rate: float | None = None
    begin: Callable[[], None] | None = None

    @property
    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Optimizers of all updates, in order."""
        return [optimizer for update in self.updates for optimizer in update.optimizers]


@dataclass(frozen=True)
class Budget:
    """How long a method may train; every method sees the same number of images.

    Attributes:
        images: images seen in training, over all phases.
        batch_size: images per step.
        accumulate: parts that a batch is computed in, one after the other, if memory is short.
    """

    images: int
    batch_size: int
    accumulate: int = 1

    def steps(self, batch_size: int, share: float = 1.0) -> int:
        """Steps of `batch_size` images that fit into a share of the budget; at least one."""
        return max(1, round(self.images * share / batch_size))


class Reporter(Protocol):
    """Receives the progress of training, for example for progress bars."""

    def phase(self, name: str, steps: int, done: int, epoch_steps: float) -> None:
        """A phase starts, or resumes after `done` steps; an epoch has `epoch_steps` steps."""
        return None

    def step(self, done: int, images: int, loss: float | None) -> None:
        """A step of `images` images has ended; `loss` is given at logged steps only."""
        return None


class Silent(Reporter):
    """A reporter that ignores everything."""


@dataclass
class Context:
    """Device, budget, seed and services that the harness passes to `Method.fit`.

    Attributes:
        device: of the training; the module is already there.
        precision: arithmetic of forward and backward passes.
        seed: of this training; derive all randomness from it by name, with `lordbench.utils.seeds`.
        budget: of this training, over all phases.
        reporter: is told about phases and steps.
        checkpoints: saves unfinished trainings.
        progress: of this training; updated by `run`.
    """

    device: torch.device
    precision: Precision
    seed: int
    budget: Budget
    reporter: Reporter = field(default_factory=Silent)
    checkpoints: CheckpointStore = field(default_factory=lambda: CheckpointStore(None))
    progress: Progress = field(default_factory=Progress)

    def run(self, module: nn.Module, train: ImageSet, phases: Sequence[Phase]) -> None:
        """Train `module` through `phases`, resuming from the last checkpoint if there is one.

        Raises:
            TrainingDivergedError: a loss is NaN or infinite.
            ValueError: phases share an optimizer, whose moments a resume would lose.
        """
        optimizers = [optimizer for phase in phases for optimizer in phase.optimizers]
        if len(set(optimizers)) < len(optimizers):
            raise ValueError("two updates or phases share an optimizer: make one for each")
        if (saved := self.checkpoints.progress()) and self.checkpoints.path:
            self.progress = saved
            load_module(self.checkpoints.path, module)
        data = DeviceImages(train, self.device)
        module.train()
        for phase in phases:
            if phase.name in self.progress.finished:
                continue
            if self.progress.phase == phase.name:
                self.checkpoints.restore_optimizers(phase.optimizers)
            elif phase.begin is not None:
                phase.begin()
            with self.precision.matrix_products():
                self._run_phase(module, data, phase)
            for optimizer in phase.optimizers:
                if isinstance(optimizer, RowAdam):
                    optimizer.finish()
            self.progress.finished.append(phase.name)
            self.progress.phase, self.progress.step = "", 0
            self.checkpoints.save(self.progress, module, [])
        module.eval()

    def _run_phase(self, module: nn.Module, data: DeviceImages, phase: Phase) -> None:
        progress, size, optimizers = self.progress, phase.batches.batch_size, phase.optimizers
        progress.phase = phase.name
        self.reporter.phase(phase.name, phase.steps, progress.step, len(data.host) / size)
        generator = torch.Generator(self.device)
        rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
        # Loss terms since the last record; on the device, so that no step waits for a copy.
        window = defaultdict[str, list[Tensor]](list)
        began = saved_at = time.monotonic()
        before = progress.seconds

        def request(step: int) -> list[Callable[[torch.Generator], Batch]]:
            parts = divided(phase.batches.index(step), phase.batches.group, self.budget.accumulate)
            return [data.request(part) for part in parts]

        upcoming = request(progress.step)
        for step in range(progress.step, phase.steps):
            for optimizer, initial in zip(optimizers, rates, strict=True):
                for group, rate in zip(optimizer.param_groups, initial, strict=True):
                    final = rate if phase.final_rate is None else phase.final_rate
                    group["lr"] = cosine(rate, final, step / phase.steps)
            generator.manual_seed(seeds.derive(self.seed, phase.name, step))
            parts = [wait(generator) for wait in upcoming]
            if step + 1 < phase.steps:
                upcoming = request(step + 1)
            for update in phase.updates:
                for name, value in self._update(update, parts).items():
                    window[name].append(value)
            progress.step, progress.images = step + 1, progress.images + size
            loss = None
            if (step + 1) % LOG_STEPS == 0 or step + 1 == phase.steps:
                record = {name: float(sum(values)) / len(values) for name, values in window.items()}
                window.clear()
                progress.seconds = before + time.monotonic() - began
                _require_finite(record, phase.name, step + 1)
                progress.history.append({"phase": phase.name, "step": step + 1, **record})
                loss = sum(record.values())
                # Only at a logged step: losses are known to be finite, and no window of the curve is split.
                if time.monotonic() - saved_at > self.checkpoints.every and step + 1 < phase.steps:
                    self.checkpoints.save(progress, module, optimizers)
                    saved_at = time.monotonic()
            self.reporter.step(step + 1, size, loss)

    def _update(self, update: Update, parts: Sequence[Batch]) -> dict[str, Tensor]:
        for optimizer in update.optimizers:
            optimizer.zero_grad(set_to_none=True)
        means: dict[str, Tensor] = {}
        n_images = sum(len(part.images) for part in parts)
        for part in parts:
            share = len(part.images) / n_images
            with self.precision.autocast():
                terms = update.loss(part)
            loss = share * torch.stack(list(terms.values())).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            for name, value in terms.items():
                means[name] = means.get(name, 0) + share * value.detach()
        for optimizer in update.optimizers:
            optimizer.step()
        return means


def cosine(start: float, final: float, done: float) -> float:
    """Learning rate at share `done` in [0, 1] of a phase, on a half cosine from `start` to `final`."""
    return final + (start - final) * 0.5 * (1 + math.cos(math.pi * done))


def _require_finite(record: dict[str, float], phase: str, step: int) -> None:
    for name, value in record.items():
        if not math.isfinite(value):
            raise TrainingDivergedError(
                f"the loss term {name!r} became {value} in phase {phase!r} by step {step}"
            )
