"""Checks of how a method trains: to its end, within its budget, the same again, and on from where it was."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import numpy as np
import torch

from lordbench.checkpoints import CheckpointStore
from lordbench.conformance.check import FailedCheck, SkippedCheck, require
from lordbench.conformance.describing import require_settings, require_text
from lordbench.conformance.trial import BATCH, COLOURS, SHORT, Trial, state_bytes
from lordbench.method import Method, MethodConfig
from lordbench.training import LOG_STEPS, Silent

OVERSHOOT = 1.1
"""Share of its budget that a method may see: steps are whole, and so are phases."""
STOPS = (LOG_STEPS + 2, SHORT - 15)
"""Steps at which a training is interrupted: a little after a checkpoint, and late."""


def declares(trial: Trial) -> str:
    """It says in a line what it does and where it comes from, and every setting has a default."""
    require_text(trial.kind, "summary", "source")
    require_settings(trial.kind, MethodConfig)
    return f"{len(trial.kind.Config.model_fields)} settings"


def builds(trial: Trial) -> str:
    """Its networks are made in `__init__`, the same from the same seed, which the harness sets."""
    parameters = 0
    for colour in COLOURS:
        data = trial.data(colour)
        first, second = trial.build(data), trial.build(data)
        require(
            state_bytes(first) == state_bytes(second),
            f"{colour} images: built twice under one seed, the weights differ",
            "Initialise with torch's own generator only: numpy's and Python's are not seeded.",
        )
        parameters = sum(parameter.numel() for parameter in first.parameters())
    return f"{parameters:,} parameters at {trial.size} px"


def fits(trial: Trial) -> str:
    """`fit` ends on grey and on colour images, within the budget of images that all methods get alike."""
    for colour in COLOURS:
        budget = SHORT * BATCH
        method, context = trial.train(trial.data(colour), budget)
        seen = context.progress.images
        require(
            seen <= OVERSHOOT * budget,
            f"{colour} images: fit saw {seen} images; its budget is {budget}",
            "Number of steps: context.budget.steps(batch_size), or a share of it in each phase.",
        )
        for name, value in method.state_dict().items():
            finite = not value.is_floating_point() or bool(torch.isfinite(value).all())
            require(finite, f"{colour} images: after fit, {name} holds NaN or infinite values")
        trial.trained[colour] = method
    return f"{SHORT} steps of {BATCH} images, twice"


def same_training(trial: Trial) -> str:
    """The same seed gives the same weights, whatever the global generators hold: results are repeatable."""
    # Another state of the global generators than the first training met: who draws from them is found out.
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            again, _ = trial.train(trial.data())
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
    _require_equal(
        trial.trained["colour"], again, "the second training under the same seed ends with others in"
    )
    return "equal to the last bit"


def resumes(trial: Trial) -> str:
    """A training that is interrupted and goes on from its checkpoint ends with the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = CheckpointStore(Path(folder) / "checkpoint.safetensors", every=-1.0)
        for stop in STOPS:
            try:
                _, context = trial.train(trial.data(), reporter=_Interrupter(stop), checkpoints=checkpoints)
            except _InterruptedError:
                continue
            if context.progress.images == 0:
                raise SkippedCheck(
                    "it does not train through context.run, so it starts over when interrupted"
                )
        resumed, _ = trial.train(trial.data(), checkpoints=checkpoints)
    _require_equal(
        trial.trained["colour"], resumed, "resumed after interruptions, training ends with others in"
    )
    return f"interrupted after {' and '.join(map(str, STOPS))} of {SHORT} steps"


def _require_equal(one: Method, other: Method, what: str) -> None:
    first, second = state_bytes(one), state_bytes(other)
    differing = [name for name in first if first[name] != second.get(name)]
    if differing:
        raise FailedCheck(
            f"{what} {len(differing)} of {len(first)} tensors, such as {differing[0]}",
            "Draw from batch.generator in the loss, elsewhere under seeds.derive(context.seed, NAME); "
            "keep nothing from step to step but parameters and buffers.",
        )


class _InterruptedError(BaseException):
    """No Exception: a method that catches those must not catch this one."""


class _Interrupter(Silent):
    """Ends training after so many steps over all phases, as a power cut would."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.begun = 0

    def phase(self, name: str, steps: int, done: int, epoch_steps: float) -> None:
        """Count on from the steps that a checkpoint has kept."""
        self.begun += done

    def step(self, done: int, images: int, loss: float | None) -> None:
        """Interrupt at the step."""
        self.begun += 1
        if self.begun >= self.steps:
            raise _InterruptedError
