"""The plan: a request turned into cells."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from lordbench.config import controls, registry, selectors
from lordbench.config.component import Component, module_files
from lordbench.config.labels import Labels, parse_labels
from lordbench.config.presets import Grid, Part, Preset, is_path, load_grid, load_preset, refuse_unused
from lordbench.config.selectors import Selector
from lordbench.data import Dataset, ImageSet, SplitName
from lordbench.data.splits import require_splittable
from lordbench.results.progress import PlannedCell, RunPlan
from lordbench.results.run_folder import NOT_EXPERIMENTS
from lordbench.runner.cell import Cell, DataKey, data_key, make_cell
from lordbench.training import MethodConfig
from lordbench.utils.errors import BrokenComponentError, UserError
from lordbench.utils.files import PACKAGE
from lordbench.utils.progress import Track, untracked
from lordbench.utils.settings import distinct, validated

TRUNK_FILES = (
    *("training/loop.py", "training/batches.py", "training/optimizers.py", "training/precision.py"),
    *("training/method.py", "utils/seeds.py"),
    "nn/[!_]*.py",
)
"""Code that all methods share. It is part of each method's source hash: a change may change its numbers."""
LARGEST_SEED = 2**63


@dataclass(frozen=True)
class Request:
    """What the user requests. None means: as in the preset's grid, else the default of `presets.Part`.

    Attributes:
        methods: selectors, as are `labels` (see `lordbench.config.labels`).
        dataset: selector, or several: each part is then run on all of them.
        preset: name or path.
        experiments: names; empty for all.
        metrics: names of metrics to use besides the default ones.
        data_settings: settings of the data set, over those of its selector.
        overrides: settings of the preset, or of a method, by dotted key.
    """

    methods: Sequence[str] | None = None
    dataset: str | Sequence[str] | None = None
    preset: str = "quick"
    experiments: Sequence[str] | None = None
    seeds: list[int] = field(default_factory=lambda: [0])
    split: SplitName | None = None
    labels: Sequence[str] | None = None
    data_settings: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)
    metrics: Sequence[str] = ()

    def parts(self, grid: Grid) -> list[Part]:
        """The parts of a grid, with the user's choices in place of theirs.

        Raises:
            UserError: a part names code by its path, and the user does not.
        """
        choices = {name: value for name in Part.model_fields if (value := getattr(self, name)) is not None}
        datasets = [self.dataset] if isinstance(self.dataset, str) else list(self.dataset or ())
        for part in grid.grid:
            for kind, names in part.components().items():
                for name in names if kind not in choices else ():
                    hint = f"If you trust that file, add --plugins {name}"
                    registry.refuse_untrusted(name, f"preset {self.preset}", hint)
        chosen = [
            part.model_copy(update={**choices, "dataset": dataset})
            for part in grid.grid
            for dataset in datasets or [part.dataset]
        ]
        return [part.model_copy(update={"methods": controls.expanded(part.methods)}) for part in chosen]


@dataclass(frozen=True)
class Plan:
    """What a run consists of.

    Attributes:
        weights: names of the pretrained weights that training needs.
        broken: requested methods that cannot be loaded, by selector, with the reason; the others are run.
        left_out: experiments that do not apply to a data set and split, with the reason.
    """

    cells: list[Cell]
    images: dict[DataKey, ImageSet]
    weights: frozenset[str]
    broken: dict[str, BrokenComponentError] = field(default_factory=dict)
    left_out: dict[tuple[DataKey, SplitName], dict[str, str]] = field(default_factory=dict)

    def begun(self, jobs: int) -> RunPlan:
        """The plan as `plan.json` has it, of a run that begins now with `jobs` cells at a time."""
        cells = [PlannedCell.of(cell.model_dump()) for cell in self.cells]
        return RunPlan.begin(cells, jobs, datetime.now(UTC))


@dataclass(frozen=True)
class PlannedMethod:
    """A requested method: the fields of a cell that describe it, and its settings, which know its needs."""

    fields: dict[str, Any]
    config: MethodConfig


def make_plan(request: Request, track: Track[int] = untracked) -> Plan:
    """Check a request, load its data sets, and turn it into cells.

    Raises:
        UserError: anything named in the request is unknown, wrong or missing, or no method can be loaded.
    """
    _check(request)
    grid = load_grid(request.preset)
    parts = request.parts(grid)
    for part in parts:
        for name in ("methods", "labels", "experiments"):
            _refuse_repeated(name, getattr(part, name))
        require_named("--methods lord,drnet", part.methods)
        require_named("--labels own,clusters", part.labels)
    selected = {text: selectors.parse(text) for part in parts for text in part.methods}
    of_methods = tuple(f"{Path(selector.name).stem}." for selector in selected.values())
    overrides = {key: value for key, value in request.overrides.items() if not key.startswith(of_methods)}
    preset = load_preset(grid.extends, overrides)
    registry.distinct_components("methods", [selector.name for selector in selected.values()])
    refuse_unused(preset, f"preset {grid.extends}", [selector.name for selector in selected.values()])
    # Where its file is, and how that is written, makes no other cells.
    preset_name = Path(grid.extends).name if is_path(grid.extends) else grid.extends
    shared = {
        "preset_name": preset_name + (f"[{selectors.describe(overrides)}]" if overrides else ""),
        "preset": preset,
        "metrics": list(request.metrics),
    }
    methods, broken = _methods(selected, preset, request.overrides)
    _refuse_small_images(preset.image_size, methods)
    cells: dict[str, Cell] = {}
    images: dict[DataKey, ImageSet] = {}
    weights: set[str] = set()
    left_out: dict[tuple[DataKey, SplitName], dict[str, str]] = {}
    for part in parts:
        experiments = _experiments(part)
        dataset, data = _dataset(part, request.data_settings)
        key = data_key(data["dataset"], data["data_settings"], preset.image_size)
        if key not in images:
            images[key] = registry.load_images(dataset, preset.image_size, track)
        own = {text: methods[text] for text in part.methods if text in methods}
        kinds = [parse_labels(text) for text in part.labels]
        _check_data(images[key], part.split, kinds, own)
        missing = {kind: _missing(experiments, images[key], part.split, _selector(kind)) for kind in kinds}
        for reasons in missing.values():
            left_out.setdefault((key, part.split), {}).update(reasons)
        fields = shared | data | {"data_fingerprint": images[key].fingerprint, "split": part.split}
        in_part: dict[str, str] = {}
        for seed, kind, method in product(request.seeds, kinds, own.values()):
            values = method.fields | fields | {"labels": _selector(kind), "seed": seed}
            cell = make_cell(values, [name for name in experiments if name not in missing[kind]])
            if cell.id in in_part:
                message = f"{in_part[cell.id]} and {cell.title} are the same training"
                raise UserError(message, "Leave one of them out: its settings are those of the preset.")
            in_part[cell.id] = cell.title
            if cell.id in cells:
                # Requested by two parts, it is trained once, for the experiments of both.
                both = dict.fromkeys([*cells[cell.id].experiments, *cell.experiments])
                cell = cell.model_copy(update={"experiments": list(both)})
            cells[cell.id] = cell
            weights.update(method.config.weights(), kind.weights() if kind else ())
    return Plan(list(cells.values()), images, frozenset(weights), broken, left_out)


def _check(request: Request) -> None:
    """Check what a request names besides its parts: seeds and metrics."""
    _refuse_repeated("--seeds", request.seeds)
    if not request.seeds or any(not -LARGEST_SEED <= seed < LARGEST_SEED for seed in request.seeds):
        given = ", ".join(map(str, request.seeds)) or "of none"
        message = f"seeds {given}: one or more of 64 bits are needed"
        raise UserError(message, "Give small whole numbers, such as 0,1,2.")
    for name in request.metrics:
        if name.endswith(".py"):
            message = f"--metrics {name}: a path"
            raise UserError(message, "Give --plugins FILE.py, and the name of the metric here.")
        registry.find("metrics", name).load()


def _check_data(
    images: ImageSet, split: SplitName, kinds: Sequence[Labels | None], methods: Mapping[str, PlannedMethod]
) -> None:
    """Check that a data set can be split, labelled and learned by the methods of a part."""
    for labels in filter(None, kinds):
        labels.check(images, split)
    require_splittable(images, split)
    _refuse_unlabelled_contents(images, methods)
    if None in kinds:
        _refuse_single_images(images, [text for text, own in methods.items() if own.config.needs_pairs()])


def _selector(labels: Labels | None) -> str:
    return labels.selector if labels else ""


def _methods(
    selected: Mapping[str, Selector], preset: Preset, overrides: dict[str, Any]
) -> tuple[dict[str, PlannedMethod], dict[str, BrokenComponentError]]:
    """The methods that can be loaded, and why the others cannot; BrokenComponentError if none can."""
    methods: dict[str, PlannedMethod] = {}
    broken: dict[str, BrokenComponentError] = {}
    for text, selector in selected.items():
        try:
            methods[text] = _method(selector, preset, overrides)
        except BrokenComponentError as error:
            broken[text] = error
    if broken and not methods:
        raise next(iter(broken.values()))
    return methods, broken


def _method(selector: Selector, preset: Preset, overrides: dict[str, Any]) -> PlannedMethod:
    component = registry.find("methods", selector.name)
    kind, name = component.load(), component.name
    prefix = f"{name}."
    own = [(k.removeprefix(prefix), value) for k, value in overrides.items() if k.startswith(prefix)]
    variant = distinct([*selector.settings.items(), *own], f"method {name}, with --set")
    config = validated(kind.Config, preset.settings(name, kind.Config) | variant, f"method {name}")
    by_path = component.path is not None and name != selector.name
    fields = {
        "method": str(component.path) if by_path else selector.name,
        "method_name": name,
        "variant": selectors.describe(variant),
        # With other settings the method is no longer the one that was searched.
        "searched": "" if variant else preset.searched.get(name, ""),
        "settings": config.model_dump(mode="json"),
        "method_source": method_source(component),
    }
    return PlannedMethod(fields, config)


def method_source(component: Component) -> str:
    """Hash of the files behind a method's numbers: its own, what it is built on, and the shared ones."""
    files = component.source_files()
    for pattern in TRUNK_FILES:
        files += sorted(PACKAGE.glob(pattern))
    for module in component.load().built_on:
        files += module_files(module)
    return registry.source_hash(files)


def _refuse_unlabelled_contents(images: ImageSet, methods: Mapping[str, PlannedMethod]) -> None:
    """Raise UserError if a method, such as an oracle, needs labels of contents that the images lack."""
    names = [text for text, own in methods.items() if own.config.needs_contents()]
    if images.contents is None and names:
        others = ", ".join(text for text in controls.CONTROLS if text in methods and text not in names)
        raise UserError(
            f"{images.name}: its contents are not labelled, so there is no truth for {', '.join(names)}",
            f"Possible here: {others}." if others else "Choose a data set with labelled contents.",
        )


def _refuse_single_images(images: ImageSet, methods: Sequence[str]) -> None:
    """Raise UserError if there are methods that need pairs, and every class has one image."""
    if methods and np.bincount(images.classes).max() < 2:
        raise UserError(
            f"{images.name}: each class has one image, and {', '.join(methods)} need pairs of a class",
            "Use data with more images of a class, or methods that need no pairs, such as lord.",
        )


def _refuse_repeated(name: str, values: Collection[object]) -> None:
    repeated = [value for value, count in Counter(values).items() if count > 1]
    if repeated:
        raise UserError(f"{name}: {repeated[0]} is listed twice", "Name each once.")


def _refuse_small_images(size: int, methods: Mapping[str, PlannedMethod]) -> None:
    """Raise UserError if images are too small for a method with its settings, or for a metric."""
    needs = {f"method {text}": own.config.min_image_size() for text, own in methods.items()}
    needs |= {f"metric {name}": m.min_image_size for name, m in registry.load_all("metrics").items()}
    most = max(needs.values())
    if size < most:
        names = [name for name, need in needs.items() if need > size]
        others = ", or a method's reconstruction=pyramid" if names[0].startswith("method ") else ""
        raise UserError(
            f"image_size {size} is too small for: {', '.join(names)}",
            f"Set image_size to {most} or more{others}.",
        )


def require_named(example: str, names: Collection[str]) -> None:
    """Raise UserError if an option, of which `example` is one, names nothing."""
    if not names:
        raise UserError(f"{example.split()[0]}: none is named", f"Name one or more, as in {example}.")


def _experiments(part: Part) -> list[str]:
    """Names, or absolute paths, of a part's experiments: all that can be loaded if it names none."""
    names = part.experiments or registry.load_all("experiments")
    components = registry.distinct_components("experiments", names)
    for name, component in components.items():
        component.load()
        if component.name in NOT_EXPERIMENTS:
            message = f"experiment {name}: a cell has a file of that name already"
            raise UserError(message, "Rename the file: its name is the experiment's.")
    return [str(each.path) if name.endswith(".py") else name for name, each in components.items()]


def _missing(names: Sequence[str], images: ImageSet, split: SplitName, labels: str) -> dict[str, str]:
    """The experiments that do not apply to a cell, with the reason."""
    reasons = {
        name: registry.find("experiments", name).load()().missing(images, split, labels) for name in names
    }
    return {name: reason for name, reason in reasons.items() if reason}


def _dataset(part: Part, settings: dict[str, Any]) -> tuple[Dataset, dict[str, Any]]:
    """A part's data set, and the fields of a cell that describe it."""
    selector = selectors.parse(part.dataset)
    registry.distinct_components("datasets", [selector.name.partition(":")[0]])
    given = distinct([*selector.settings.items(), *settings.items()], f"data set {selector.name}")
    dataset = registry.make_dataset(selector.name, given)
    defaults, complete = (c.model_dump(mode="json") for c in (type(dataset).Config(), dataset.config))
    return dataset, {
        "dataset": selector.name,
        "data_settings": complete,
        "data_variant": selectors.describe({k: v for k, v in complete.items() if v != defaults[k]}),
    }
