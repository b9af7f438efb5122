"""The plan: a request turned into cells, each plain data with an id that says what its result depends on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from lordbench import PROTOCOL_VERSION, components, labelling, selectors
from lordbench.config import Preset, load_preset, validated
from lordbench.dataset import Dataset, DatasetConfig, Track, untracked
from lordbench.errors import UserError
from lordbench.images import ImageSet
from lordbench.results.leaderboard import label
from lordbench.selectors import Selector
from lordbench.splits import SPLIT_VERSION, SplitName

TRUNK_FILES = ("training.py", "batches.py", "row_adam.py", "device.py", "nn/*.py")
"""What every method stands on; part of its source hash, since a change there changes its numbers."""


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Attributes:
        methods: selectors.
        dataset: selector.
        preset: name or path.
        experiments: names.
        seeds: of the cells.
        split: name.
        labels: what methods are told as the class, as selectors (see `lordbench.labelling`).
        data_settings: settings of the data set, over those of its selector.
        overrides: settings of the preset, or of a method, by dotted key.
    """

    methods: list[str]
    dataset: str = "toycars"
    preset: str = "quick"
    experiments: list[str] = field(default_factory=list)
    seeds: list[int] = field(default_factory=lambda: [0])
    split: SplitName = "samples"
    labels: list[str] = field(default_factory=lambda: [labelling.OWN])
    data_settings: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)


class Cell(BaseModel):
    """One training and the experiments on it: plain data, so that it can be sent anywhere as JSON.

    Attributes:
        id: hash of all that the result depends on, 16 hex digits.
        method: name or path to load it by.
        method_name: how it is called in tables.
        variant: settings by which it differs from its preset.
        settings: of the method, complete.
        method_source: hash of its source files.
        dataset: name to load it by, with its source, e.g. `folder:faces`.
        data_settings: of the data set, complete.
        data_variant: settings by which it differs from its defaults.
        data_fingerprint: of the data set at the preset's image size.
        split: name.
        labels: what methods are told as the class, as a selector; empty for the data set's own classes.
        preset_name: as in tables.
        preset: complete.
        seed: of the cell.
        experiments: to be run; not part of the id, since they do not change the training.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    method: str
    method_name: str
    variant: str
    settings: dict[str, Any]
    method_source: str
    dataset: str
    data_settings: dict[str, Any]
    data_variant: str
    data_fingerprint: str
    split: SplitName
    labels: str = ""
    preset_name: str
    preset: Preset
    seed: int
    experiments: list[str]

    @property
    def label(self) -> str:
        """The method with its variant, as in a selector, and its labels."""
        return label(self.method_name, self.variant, self.labels)


@dataclass(frozen=True)
class Plan:
    """Cells to run, what they share, and the pretrained weights that their training needs."""

    cells: list[Cell]
    images: ImageSet
    weights: frozenset[str]


def make_plan(request: Request, track: Track[int] = untracked) -> Plan:
    """Check a request, load its data set, and turn it into cells.

    Raises:
        UserError: anything named in the request is unknown, wrong or missing.
    """
    chosen = [selectors.parse(text) for text in request.methods]
    overrides = {key: value for key, value in request.overrides.items() if not _methods_setting(key, chosen)}
    preset = load_preset(request.preset, overrides)
    experiments = request.experiments or list(components.unbroken("experiments"))
    for name in experiments:
        components.find("experiments", name).load()
    methods = [_method(selector, preset, request.overrides) for selector in chosen]
    labels = [labelling.read(text) for text in request.labels]
    dataset, data = _dataset(request)
    images = dataset.load(preset.image_size, track)
    for kind in filter(None, labels):
        kind.check(images, request.split)
    shared = data | {
        "data_fingerprint": images.fingerprint,
        "split": request.split,
        "preset_name": request.preset + (f"[{selectors.describe(overrides)}]" if overrides else ""),
        "preset": preset,
    }
    cells = [
        _cell(method | shared | {"labels": kind.selector if kind else "", "seed": seed}, experiments)
        for seed in request.seeds
        for kind in labels
        for method in methods
    ]
    needed = {name for method in methods for name in method["weights"]}
    needed.update(name for kind in filter(None, labels) for name in kind.weights())
    return Plan(list({cell.id: cell for cell in cells}.values()), images, frozenset(needed))


def load_dataset(name: str, settings: dict[str, Any]) -> Dataset:
    """Make a data set from its name (with its source behind a colon) and its settings.

    Raises:
        UserError: the name is unknown, its source is missing, or a setting is wrong.
    """
    kind_name, colon, source = name.partition(":")
    kind: type[Dataset] = components.find("datasets", kind_name).load()
    if kind.takes_source and not source:
        raise UserError(f"data set {kind_name!r} needs a place", f"Write {kind_name}:PATH.")
    if colon and not kind.takes_source:
        raise UserError(f"data set {kind_name!r} takes no place, but {source!r} was given")
    return kind(validated(kind.Config, settings, f"data set {kind_name}"), source)


def _methods_setting(key: str, methods: list[Selector]) -> bool:
    """Whether a key such as `lord.noise` names a setting of one of the methods."""
    return any(key.startswith(f"{Path(method.name).stem}.") for method in methods)


def _method(chosen: Selector, preset: Preset, overrides: dict[str, Any]) -> dict[str, Any]:
    component = components.find("methods", chosen.name)
    kind = component.load()
    files = component.source_files()
    for pattern in TRUNK_FILES:
        files += sorted(components.PACKAGE.glob(pattern))
    prefix = f"{component.name}."
    set_ = {key.removeprefix(prefix): value for key, value in overrides.items() if key.startswith(prefix)}
    variant = chosen.settings | set_
    config = validated(
        kind.Config, preset.settings(component.name, kind.Config) | variant, f"method {component.name}"
    )
    return {
        "method": chosen.name
        if component.path is None or component.name == chosen.name
        else str(component.path),
        "method_name": component.name,
        "variant": selectors.describe(variant),
        "weights": config.weights(),
        "settings": config.model_dump(mode="json"),
        "method_source": components.source_hash(files),
    }


def _dataset(request: Request) -> tuple[Dataset, dict[str, Any]]:
    chosen = selectors.parse(request.dataset)
    dataset = load_dataset(chosen.name, chosen.settings | request.data_settings)
    default, settings = _dump(type(dataset).Config()), _dump(dataset.config)
    changed = {key: value for key, value in settings.items() if value != default[key]}
    return dataset, {
        "dataset": chosen.name,
        "data_settings": settings,
        "data_variant": selectors.describe(changed),
    }


def _dump(config: DatasetConfig) -> dict[str, Any]:
    return config.model_dump(mode="json")


def _cell(values: dict[str, Any], experiments: list[str]) -> Cell:
    # An explicit list of what a result depends on: too narrow a key would hand out stale numbers, too
    # broad a one (device, paths, order of methods) would train the same thing twice.
    key = {
        "method_name": values["method_name"],
        "settings": values["settings"],
        "method_source": values["method_source"],
        "preset_name": values["preset_name"],
        "preset": values["preset"].model_dump(mode="json", exclude={"methods", "defaults", "summary"}),
        "data_fingerprint": values["data_fingerprint"],
        "split": values["split"],
        "split_version": SPLIT_VERSION,
        "labels": values["labels"],
        "seed": values["seed"],
        "protocol_version": PROTOCOL_VERSION,
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    fields = {name: value for name, value in values.items() if name in Cell.model_fields}
    return Cell(id=digest[:16], experiments=experiments, **fields)
