"""The plan: a request turned into cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lordbench.config import registry, selectors
from lordbench.config.component import module_files
from lordbench.config.labels import parse_labels
from lordbench.config.presets import Grid, Part, Preset, load_grid, load_preset
from lordbench.config.registry import load_dataset, refuse_untrusted
from lordbench.config.selectors import Selector
from lordbench.data.dataset import Dataset, DatasetConfig
from lordbench.data.images import ImageSet
from lordbench.data.splits import SplitName
from lordbench.runner.cell import Cell, DataKey, data_key, identified
from lordbench.utils.errors import BrokenComponentError, UserError
from lordbench.utils.files import PACKAGE
from lordbench.utils.progress import Track, untracked
from lordbench.utils.settings import validated

TRUNK_FILES = (
    "training/loop.py",
    "training/batches.py",
    "training/optimizers.py",
    "training/precision.py",
    "nn/*.py",
)
"""What every method stands on; part of its source hash, since a change there changes its numbers."""
LARGEST_SEED = 2**63


@dataclass(frozen=True)
class Request:
    """What the user requests. None means: as the preset's grid says, else the default of `presets.Part`.

    Attributes:
        methods: selectors.
        dataset: selector.
        preset: name or path.
        experiments: names; empty for all.
        seeds: of the cells.
        split: name.
        labels: what methods are told as the class, as selectors (see `lordbench.config.labels`).
        data_settings: settings of the data set, over those of its selector.
        overrides: settings of the preset, or of a method, by dotted key.
    """

    methods: list[str] | None = None
    dataset: str | None = None
    preset: str = "quick"
    experiments: list[str] | None = None
    seeds: list[int] = field(default_factory=lambda: [0])
    split: SplitName | None = None
    labels: list[str] | None = None
    data_settings: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)

    def parts(self, grid: Grid) -> list[Part]:
        """The parts of a grid, with what the user names in the place of what they say.

        Raises:
            UserError: a part names code by its path, and the user does not.
        """
        named = {name: getattr(self, name) for name in Part.model_fields}
        given = {name: value for name, value in named.items() if value is not None}
        for part in grid.grid:
            for kind, names in part.components().items():
                for name in names if kind not in given else ():
                    way = f"If you trust that file, add --plugins {name}"
                    refuse_untrusted(name, f"preset {self.preset}", way)
        return [part.model_copy(update=given) for part in grid.grid]


@dataclass(frozen=True)
class Plan:
    """What is going to be run.

    Attributes:
        cells: to run.
        images: that they are about.
        weights: names of the pretrained weights that their training needs.
        broken: methods that were asked for and cannot be loaded, with the reason; the others are run.
    """

    cells: list[Cell]
    images: dict[DataKey, ImageSet]
    weights: frozenset[str]
    broken: dict[str, BrokenComponentError] = field(default_factory=dict)


def make_plan(request: Request, track: Track[int] = untracked) -> Plan:
    """Check a request, load its data set, and turn it into cells.

    Raises:
        UserError: anything named in the request is unknown, wrong or missing, or no method can be loaded.
    """
    if not request.seeds or any(not -LARGEST_SEED <= seed < LARGEST_SEED for seed in request.seeds):
        raise UserError(
            f"seeds {', '.join(map(str, request.seeds)) or 'of none'}: one or more of 64 bits are needed",
            "Give small whole numbers, such as 0,1,2.",
        )
    grid = load_grid(request.preset)
    parts = request.parts(grid)
    chosen = [selectors.parse(text) for part in parts for text in part.methods]
    overrides = {key: value for key, value in request.overrides.items() if not _methods_setting(key, chosen)}
    sizes: dict[str, Any] = {
        "preset_name": grid.extends + (f"[{selectors.describe(overrides)}]" if overrides else ""),
        "preset": load_preset(grid.extends, overrides),
    }
    methods, broken = _methods(parts, sizes["preset"], request.overrides)
    cells: dict[str, Cell] = {}
    images: dict[DataKey, ImageSet] = {}
    needed: set[str] = set()
    for part in parts:
        for cell, weights in _cells(request, part, methods, sizes, images, track):
            needed |= weights
            if cell.id in cells:
                # Asked for twice, it is trained once, for all experiments of both.
                both = dict.fromkeys([*cells[cell.id].experiments, *cell.experiments])
                cell = cell.model_copy(update={"experiments": list(both)})
            cells[cell.id] = cell
    return Plan(list(cells.values()), images, frozenset(needed), broken)


def _cells(
    request: Request,
    part: Part,
    configured: dict[str, dict[str, Any]],
    sizes: dict[str, Any],
    images: dict[DataKey, ImageSet],
    track: Track[int],
) -> Iterator[tuple[Cell, set[str]]]:
    """The cells of a part, each with the weights that its training needs; its images join the others."""
    preset: Preset = sizes["preset"]
    experiments = _experiments(part)
    methods = [configured[text] for text in part.methods if text in configured]
    dataset, data = _dataset(part, request.data_settings)
    key = data_key(data["dataset"], data["data_settings"], preset.image_size)
    if key not in images:
        images[key] = dataset.load(preset.image_size, track)
    labels = [parse_labels(text) for text in part.labels]
    for chosen in filter(None, labels):
        chosen.check(images[key], part.split)
    shared = {**data, **sizes, "data_fingerprint": images[key].fingerprint, "split": part.split}
    for seed in request.seeds:
        for kind in labels:
            told = {"labels": kind.selector if kind else "", "seed": seed}
            for method in methods:
                needed = {*method["weights"], *(kind.weights() if kind else ())}
                yield identified(method | shared | told, experiments), needed


def _experiments(part: Part) -> list[str]:
    """Names, or absolute paths, of a part's experiments: all that can be loaded where it names none.

    Raises:
        UserError: one is unknown or broken, or two would write to the same file.
    """
    found: dict[str, str] = {}
    for given in part.experiments or list(registry.load_all("experiments")):
        component = registry.find("experiments", given)
        component.load()
        name = str(component.path) if given.endswith(".py") else given
        taken = registry.available("experiments").get(component.name, component) != component
        if taken or found.setdefault(component.name, name) != name:
            raise UserError(
                f"experiment {given}: another one is called {component.name!r}",
                "Rename the file: its name is the experiment's.",
            )
    return list(found.values())


def _methods(
    parts: list[Part], preset: Preset, overrides: dict[str, Any]
) -> tuple[dict[str, dict[str, Any]], dict[str, BrokenComponentError]]:
    """What a cell says of each method, and those that cannot be loaded, both by selector."""
    found, broken = {}, {}
    for text in dict.fromkeys(text for part in parts for text in part.methods):
        try:
            found[text] = _method(selectors.parse(text), preset, overrides)
        except BrokenComponentError as error:
            broken[text] = error
    if broken and not found:
        raise next(iter(broken.values()))
    return found, broken


def _methods_setting(key: str, methods: list[Selector]) -> bool:
    """Whether a key such as `lord.noise` names a setting of one of the methods."""
    return any(key.startswith(f"{Path(method.name).stem}.") for method in methods)


def _method(chosen: Selector, preset: Preset, overrides: dict[str, Any]) -> dict[str, Any]:
    component = registry.find("methods", chosen.name)
    kind = component.load()
    files = component.source_files()
    for pattern in TRUNK_FILES:
        files += sorted(PACKAGE.glob(pattern))
    for module in kind.built_on:
        files += module_files(module)
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
        "method_source": registry.source_hash(files),
    }


def _dataset(part: Part, settings: dict[str, Any]) -> tuple[Dataset, dict[str, Any]]:
    chosen = selectors.parse(part.dataset)
    dataset = load_dataset(chosen.name, chosen.settings | settings)
    default, settings = _dump(type(dataset).Config()), _dump(dataset.config)
    changed = {key: value for key, value in settings.items() if value != default[key]}
    return dataset, {
        "dataset": chosen.name,
        "data_settings": settings,
        "data_variant": selectors.describe(changed),
    }


def _dump(config: DatasetConfig) -> dict[str, Any]:
    return config.model_dump(mode="json")
