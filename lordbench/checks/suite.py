"""The suite: from what the user names to the verdicts on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lordbench.checks.check import Verdict, carried_out
from lordbench.checks.datasets import DATASET_CHECKS, Loading
from lordbench.checks.experiments import EXPERIMENT_CHECKS, Trying
from lordbench.checks.methods import METHOD_CHECKS
from lordbench.checks.metrics import checks_of
from lordbench.checks.trial import Trial
from lordbench.config import registry, selectors
from lordbench.config.component import Component, Kind
from lordbench.config.presets import load_preset
from lordbench.config.registry import load_dataset
from lordbench.config.selectors import Selector
from lordbench.evaluation.metric import Metric
from lordbench.training.method import Method, MethodConfig
from lordbench.utils.errors import BrokenComponentError
from lordbench.utils.settings import validated

LOADS = "loads"
QUESTION = "It can be imported, and holds one complete class."
SMALL = "smoke"
"""The preset whose settings methods are tried with: small networks, quick rates."""
TRIED_WITH = "lord"
"""The method that experiments are tried with: it has codes of every kind."""


@dataclass(frozen=True)
class Sizes:
    """How much is asked of a plug-in on trial.

    Attributes:
        size: of images, in pixels; 4 times a power of two.
        images: seen in the training that is to learn something.
    """

    size: int = 16
    images: int = 6400


def run_checks(text: str, sizes: Sizes) -> Iterator[Verdict]:
    """Check what a selector names, as `NAME`, `FILE.py`, either with `[key=value]`, or `folder:PATH`.

    Raises:
        UserError: there is no such component, or a setting is wrong.
    """
    chosen = selectors.parse(text)
    try:
        component = registry.locate(chosen.name.partition(":")[0])
        component.load()
    except BrokenComponentError as error:
        yield Verdict(LOADS, QUESTION, "failed", error.message, error.hint)
        return
    yield Verdict(LOADS, QUESTION, "passed", f"{component.kind[:-1]} {component.name}, in {component.where}")
    yield from SUITES[component.kind](component, chosen, sizes)


def _method(component: Component, chosen: Selector, sizes: Sizes) -> Iterator[Verdict]:
    return carried_out(METHOD_CHECKS, _trial(component, chosen.settings, sizes), component.source_files())


def _dataset(component: Component, chosen: Selector, sizes: Sizes) -> Iterator[Verdict]:
    loading = Loading(load_dataset(chosen.name, chosen.settings), sizes.size)
    return carried_out(DATASET_CHECKS, loading, component.source_files())


def _metric(component: Component, chosen: Selector, sizes: Sizes) -> Iterator[Verdict]:
    kind: type[Metric] = component.load()
    return carried_out(checks_of(kind), kind, component.source_files())


def _experiment(component: Component, chosen: Selector, sizes: Sizes) -> Iterator[Verdict]:
    trial = _trial(registry.find("methods", TRIED_WITH), {}, sizes)
    trying = Trying(component.name, component.load(), trial)
    return carried_out(EXPERIMENT_CHECKS, trying, component.source_files())


def _trial(component: Component, settings: dict[str, Any], sizes: Sizes) -> Trial:
    kind: type[Method] = component.load()
    # Settings of any other kind are what the first check finds fault with.
    model = kind.Config if issubclass(kind.Config, MethodConfig) else MethodConfig
    preset = load_preset(SMALL, {"image_size": sizes.size})
    config = validated(model, preset.settings(component.name, model) | settings, f"method {component.name}")
    return Trial(kind, config, sizes.size, sizes.images)


SUITES: dict[Kind, Callable[[Component, Selector, Sizes], Iterator[Verdict]]] = {
    "methods": _method,
    "datasets": _dataset,
    "metrics": _metric,
    "experiments": _experiment,
}
"""How a component of each kind is checked."""
