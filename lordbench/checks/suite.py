"""Check a plug-in by its selector."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lordbench.checks.check import Check, Verdict, run_all
from lordbench.checks.datasets import DATASET_CHECKS, DatasetTrial
from lordbench.checks.experiments import EXPERIMENT_CHECKS, ExperimentTrial
from lordbench.checks.methods import METHOD_CHECKS
from lordbench.checks.metrics import checks_of
from lordbench.checks.trial import Trial
from lordbench.config import registry, selectors
from lordbench.config.component import Component
from lordbench.config.presets import load_preset
from lordbench.config.selectors import Selector
from lordbench.training import Method, MethodConfig
from lordbench.utils.errors import BrokenComponentError
from lordbench.utils.settings import validated

LOADS = "loads"
QUESTION = "It can be imported, and defines one complete class."
PRESET = "smoke"
"""Preset of the methods' settings: small networks, high learning rates."""
METHOD = "lord"
"""Method that experiments are run with: it has all kinds of codes."""


@dataclass(frozen=True)
class Sizes:
    """Image size in pixels, 4 times a power of two, and images seen in the longest training."""

    size: int = 16
    images: int = 6400


def require_known(texts: Iterable[str]) -> None:
    """Raise UserError if a selector names no component; one that cannot be imported is known."""
    for text in texts:
        with contextlib.suppress(BrokenComponentError):
            registry.locate(selectors.parse(text).name.partition(":")[0])


def run_checks(text: str, sizes: Sizes) -> Iterator[Verdict]:
    """Check the plug-in of a selector: `NAME` or `FILE.py`, with or without `[key=value]`, or `folder:PATH`.

    Raises:
        UserError: there is no such component, or a setting is wrong.
    """
    selector = selectors.parse(text)
    name, _, _ = selector.name.partition(":")
    try:
        component = registry.locate(name)
        component.load()
        registry.distinct_components(component.kind, [name])
    except BrokenComponentError as error:
        yield Verdict(LOADS, QUESTION, "failed", error.message, error.hint)
        return
    yield Verdict(LOADS, QUESTION, "passed", f"{component.kind[:-1]} {component.name}, in {component.where}")
    checks, subject = _suite(component, selector, sizes)
    yield from run_all(checks, subject, component.source_files())


def _suite(component: Component, selector: Selector, sizes: Sizes) -> tuple[Sequence[Check[Any]], Any]:
    """The checks of a component, by its kind, and what they are run on."""
    if component.kind == "methods":
        return METHOD_CHECKS, _trial(component, selector.settings, sizes)
    if component.kind == "datasets":
        dataset = registry.make_dataset(selector.name, selector.settings)
        return DATASET_CHECKS, DatasetTrial(dataset, sizes.size, component.name if component.path else "")
    kind = component.load()
    if component.kind == "metrics":
        return checks_of(kind), kind
    method_trial = _trial(registry.find("methods", METHOD), {}, sizes)
    return EXPERIMENT_CHECKS, ExperimentTrial(component.name, kind, method_trial)


def _trial(component: Component, settings: dict[str, Any], sizes: Sizes) -> Trial:
    kind: type[Method] = component.load()
    # The first check reports a Config of another kind.
    model = kind.Config if issubclass(kind.Config, MethodConfig) else MethodConfig
    preset = load_preset(PRESET, {"image_size": sizes.size})
    config = validated(model, preset.settings(component.name, model) | settings, f"method {component.name}")
    return Trial(kind, config, sizes.size, sizes.images)
