"""Tiny methods and hand-made batches, for tests of single mechanisms."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

import pytest
import torch
from helpers import context, halves
from torch import Tensor, nn
from torch.distributions import Normal

from lordbench.config import registry
from lordbench.data.images import ImageSet
from lordbench.nn.losses import pyramid
from lordbench.training.batches import Batch
from lordbench.training.loop import Context, Silent
from lordbench.training.method import Codes, DataSpec
from lordbench.utils import seeds

CLASS, CONTENT = 6, 4
"""Lengths of the codes."""
DATA = halves(n_classes=4, n_contents=4, size=8)
PRIOR = Normal(0.0, 1.0)
TINY = {"class_size": CLASS, "content_size": CONTENT, "width": 8, "reconstruction": "pyramid", "slope": 0.2}


def build(name: str, data: ImageSet = DATA, **settings: Any) -> Any:
    """A method with tiny networks, in training mode."""
    kind = registry.find("methods", name).load()
    values = {key: value for key, value in TINY.items() if key in kind.Config.model_fields}
    with seeds.initialising(0, "init"):
        return kind(kind.Config(**values | settings), DataSpec.of(data)).train()


def module(name: str) -> ModuleType:
    """The module of a method's file."""
    return sys.modules[registry.find("methods", name).load().__module__]


def batch(*index: int, data: ImageSet = DATA) -> Batch:
    """These images; by default two of each of the first three classes."""
    where = torch.tensor(index or (0, 1, 4, 5, 8, 9))
    images = torch.from_numpy(data.images)[where].float() / 255
    classes = torch.from_numpy(data.classes)[where]
    return Batch(where, images, classes, torch.Generator().manual_seed(0))


def decoded(method: Any, monkeypatch: pytest.MonkeyPatch) -> list[Codes]:
    """Record the codes of every later call of `decode`."""
    calls: list[Codes] = []
    decode = method.decode
    monkeypatch.setattr(method, "decode", lambda codes: calls.append(codes) or decode(codes))
    return calls


def outputs(network: nn.Module) -> list[Tensor]:
    """Record what a network returns from now on."""
    calls: list[Tensor] = []
    network.register_forward_hook(lambda own, given, output: calls.append(output))
    return calls


def fixed(network: nn.Module, output: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace what a network returns."""
    monkeypatch.setattr(network, "forward", output)


def learning(method: nn.Module, terms: dict[str, Tensor] | Tensor) -> set[str]:
    """The parts of a method, by the names of its attributes, that a loss has a gradient for."""
    method.zero_grad(set_to_none=True)
    total = terms if isinstance(terms, Tensor) else torch.stack(list(terms.values())).sum()
    total.backward()
    return {
        name.split(".")[0]
        for name, parameter in method.named_parameters()
        if parameter.grad is not None and bool((parameter.grad.to_dense() != 0).any())
    }


def loss(method: Any, of: Batch) -> dict[str, Tensor]:
    """The terms of a method trained on groups."""
    terms: dict[str, Tensor] = method.loss(of, pyramid)
    return terms


def rates(optimizers: Iterable[torch.optim.Optimizer], method: nn.Module) -> dict[str, float]:
    """Learning rates by the attributes of a method."""
    names = {parameter: name.split(".")[0] for name, parameter in method.named_parameters()}
    return {
        names[parameter]: group["lr"]
        for optimizer in optimizers
        for group in optimizer.param_groups
        for parameter in group["params"]
    }


class States(Silent):
    """Keeps a method's state at the beginning of each phase, by the phase's name."""

    def __init__(self, method: nn.Module) -> None:
        self.method, self.states = method, {}

    def phase(self, name: str, steps: int, done: int, epoch_steps: float) -> None:
        self.states[name] = {key: value.clone() for key, value in self.method.state_dict().items()}


def trained(method: Any, images: int = 240, data: ImageSet = DATA) -> tuple[dict[str, Any], Context]:
    """Train on batches of 8 images; return the states at the beginning of each phase, and at the `end`."""
    run, recorder = context(images, batch_size=8), States(method)
    run.reporter = recorder
    method.fit(data, run)
    recorder.phase("end", 0, 0, 0)
    return recorder.states, run


def moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    """The parts of a method that differ between two states."""
    return {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}


def part(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """The state of one part of a method."""
    return {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}


def copied(before: dict[str, Tensor], after: dict[str, Tensor]) -> bool:
    """Whether the tuned generator of a later state is the generator of an earlier one."""
    own = part(after, "tuned_generator")
    return all(torch.equal(own[key], value) for key, value in part(before, "generator").items())
