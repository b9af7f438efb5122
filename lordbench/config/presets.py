"""Presets: sizes and schedules of a run, or grids of runs, read from configs/presets/*.yaml."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field, field_validator, model_validator

from lordbench.config import registry, selectors
from lordbench.config.labels import OWN_LABELS
from lordbench.data.splits import SplitName
from lordbench.evaluation.sizes import EvaluationConfig
from lordbench.training.precision import PrecisionSetting
from lordbench.utils.errors import BrokenComponentError, UserError, did_you_mean
from lordbench.utils.files import plugin_folder
from lordbench.utils.settings import read_mapping, validated

if TYPE_CHECKING:
    from lordbench.training import Budget, MethodConfig


NOT_SIZES = frozenset({"summary", "methods", "defaults", "searched"})
"""Fields of a preset that are words or about methods."""


class BudgetConfig(BaseModel, extra="forbid", frozen=True):
    """Training budget of every method: images seen in training, epochs, or the larger of the two.

    Networks need steps, whatever the size of the data; a code learned for an image is updated once in an
    epoch. So a budget in images alone leaves the codes of a large set unlearned, and one in epochs alone the
    networks of a small one.

    A batch is computed in `accumulate` parts, to save memory. Results differ by rounding, by noise, and by
    batch statistics where a method has them.
    """

    images: int | None = Field(None, ge=1)
    epochs: float | None = Field(None, gt=0, le=1e9)
    batch_size: int = Field(64, ge=1)
    accumulate: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _bounded(self) -> BudgetConfig:
        if self.images is None and self.epochs is None:
            raise ValueError("give images, epochs or both")
        return self

    def __str__(self) -> str:
        bounds = []
        if self.images is not None:
            bounds.append(f"{self.images:,} images")
        if self.epochs is not None:
            bounds.append(f"{self.epochs:g} epochs")
        return " or ".join(bounds) + (", whichever is more," if len(bounds) > 1 else "")

    def budget(self, n_images: int) -> Budget:
        """Return the budget for a training set of `n_images`."""
        from lordbench.training import Budget

        images = max(self.images or 0, round((self.epochs or 0) * n_images))
        return Budget(images, self.batch_size, self.accumulate)


class Preset(BaseModel, extra="forbid", frozen=True):
    """Sizes and schedules; never the protocol.

    A file may begin from another preset, by its name or path: `extends: quick`. Its `defaults` and `methods`
    are then merged with those of the other, key by key, and its other fields replace them. How settings were
    chosen, `searched`, is not taken over: at other sizes they were not.

    Attributes:
        summary: one line for `lordbench list presets`.
        image_size: height and width of the images, in pixels; 4 times a power of two.
        precision: arithmetic of training; `auto`: bfloat16 where the hardware is fast at it.
        threads: CPU threads of a training; None: the cores of the machine, shared by the cells that run at
            once. Results depend on their number in the last bits, so a preset for CPUs gives it.
        defaults: settings for every method that has them, e.g. `width`; `methods` override them.
        searched: by method, how its settings were chosen; a method that is missing was not searched.
    """

    summary: str
    image_size: int = Field(ge=8, le=1024)
    precision: PrecisionSetting = "auto"
    threads: int | None = Field(None, ge=1, le=1024)
    budget: BudgetConfig
    evaluation: EvaluationConfig = EvaluationConfig()  # type: ignore[call-arg]
    defaults: dict[str, Any] = {}
    methods: dict[str, dict[str, Any]] = {}
    searched: dict[str, Annotated[str, Field(max_length=500)]] = {}

    @field_validator("image_size")
    @classmethod
    def _doubles_from_four(cls, size: int) -> int:
        if size & (size - 1):
            raise ValueError(f"{size} is not one of 8, 16, 32, 64, ...: generators double from 4 pixels")
        return size

    def sizes(self) -> dict[str, Any]:
        """Return what trainings depend on besides their methods' own settings, as JSON values."""
        return self.model_dump(mode="json", exclude=set(NOT_SIZES))

    def settings(self, method: str, config: type[MethodConfig]) -> dict[str, Any]:
        """Return the settings of a method: the defaults that it declares, then its own."""
        shared = {key: value for key, value in self.defaults.items() if key in config.model_fields}
        return shared | self.methods.get(method, {})


class Part(BaseModel, extra="forbid", frozen=True):
    """One part of a grid: methods on a data set and a split, and the names of experiments; empty for all.

    `labels` are class labels given to methods, as selectors (see `lordbench.config.labels`).
    """

    methods: Annotated[list[str], Field(min_length=1)] = ["lord", "drnet", "mlvae"]
    dataset: str = "toycars"
    split: SplitName = "samples"
    labels: Annotated[list[str], Field(min_length=1)] = [OWN_LABELS]
    experiments: list[str] = []

    def components(self) -> dict[str, list[str]]:
        """Return the names or paths of its components, under `methods`, `dataset` and `experiments`."""
        return {
            "methods": [selectors.parse(text).name for text in self.methods],
            "dataset": [selectors.parse(self.dataset).name.partition(":")[0]],
            "experiments": self.experiments,
        }


class Grid(BaseModel, extra="forbid", frozen=True):
    """A grid of runs: parts, in order.

    `extends` is the name or path of the preset of the sizes. The cells are cells of that preset, so those
    already trained are not trained again.
    """

    summary: str
    extends: str
    grid: Annotated[list[Part], Field(min_length=1)]


def is_path(preset: str) -> bool:
    """Whether a preset is given by the path of its file."""
    return preset.endswith((".yaml", ".yml"))


def presets() -> dict[str, Path]:
    """Return the paths of lordbench's presets by name."""
    return {path.stem: path for path in sorted((plugin_folder("configs") / "presets").glob("*.yaml"))}


def load_preset(name: str, overrides: dict[str, Any]) -> Preset:
    """Load a preset by its name, or a path ending in `.yaml`.

    `overrides` are values by dotted key, e.g. `image_size` or `budget.images`. UserError: the preset does not
    exist, is not valid YAML, or a key or value is wrong. With overrides no method counts as searched: not at
    these sizes.
    """
    path, values = _read_preset(name)
    if overrides:
        values.pop("searched", None)
    for key, value in overrides.items():
        _assign(values, key, value)
    # A bound that is set replaces those in the file.
    unset = {"budget.images", "budget.epochs"} - overrides.keys()
    if len(unset) == 1 and isinstance(values.get("budget"), dict):
        values["budget"].pop(unset.pop().partition(".")[2], None)
    return validated(Preset, values, str(path) if not overrides else f"{path} with --set")


def refuse_unused(preset: Preset, where: str, requested: Iterable[str]) -> None:
    """Refuse what a preset sets for methods that do not exist, or that no method has.

    Known are the available methods, and those `requested` by name or path; settings of broken ones are not
    checked. UserError names `where` and suggests a name.
    """
    found = [registry.find("methods", name) for name in requested]
    methods = registry.available("methods") | {component.name: component for component in found}
    settings: dict[str, Collection[str]] = {}
    for name, component in methods.items():
        with contextlib.suppress(BrokenComponentError):
            settings[name] = component.load().Config.model_fields
    shared = {key for own in settings.values() for key in own}
    _refuse_unknown(preset.defaults, shared, f"{where}: defaults", "a setting of any method")
    _refuse_unknown(preset.methods, methods, f"{where}: methods", "a method")
    _refuse_unknown(preset.searched, methods, f"{where}: searched", "a method")
    for name in preset.methods.keys() & settings.keys():
        _refuse_unknown(preset.methods[name], settings[name], f"{where}: methods.{name}", "a setting of it")


def _refuse_unknown(names: Iterable[str], known: Collection[str], where: str, what: str) -> None:
    for name in names:
        if name not in known:
            raise UserError(
                f"{where}.{name}: {name!r} is not {what}{did_you_mean(name, known, before=', ')}",
                "Correct or remove it. Methods of your own are known with --plugins.",
            )


def load_grid(preset: str) -> Grid:
    """Load the grid of a preset, by name or path; a preset of sizes only is a grid of one part."""
    path, values = _read_preset(preset)
    if "grid" not in values:
        return Grid(summary="", extends=preset, grid=[Part()])
    grid = validated(Grid, values, str(path))
    return grid.model_copy(update={"extends": _beside(path, grid.extends)})


def _read_preset(name: str, extending: Sequence[str] = ()) -> tuple[Path, dict[str, Any]]:
    """Read a preset by name or path, with what it extends; `extending` are the presets that extend it.

    The path of what a file extends is taken from the folder of that file.
    """
    known = presets()
    path = Path(name) if is_path(name) else known.get(name)
    if path is None or not path.is_file():
        raise UserError(
            f"unknown preset {name!r}{did_you_mean(name, known)}",
            f"There are: {', '.join(known)}; or give the path of a YAML file.",
        )
    values = read_mapping(path)
    if "grid" in values or "extends" not in values:
        return path, values
    if name in extending:
        raise UserError(f"{path}: extends itself, by way of {', '.join(extending)}")
    try:
        _, base = _read_preset(_beside(path, str(values.pop("extends"))), (*extending, name))
    except UserError as error:
        raise UserError(f"{path}: extends: {error.message}", error.hint) from None
    if "grid" in base:
        raise UserError(f"{path}: extends a grid of runs", "Extend a preset of sizes, such as quick.")
    return path, _extended(base, values)


def _beside(path: Path, name: str) -> str:
    """The preset of that name; a path is taken from the folder of the file that names it."""
    return os.path.normpath(path.parent / name) if is_path(name) else name


def _extended(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the content of a preset with what it extends."""
    merged: dict[str, Any] = {key: value for key, value in base.items() if key != "searched"} | dict(values)
    for key in ("defaults", "methods"):
        before, after = base.get(key), values.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            both = {name: before[name] | after[name] for name in _both_mappings(before, after)}
            merged[key] = before | after | both
    return merged


def _both_mappings(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """The keys under which both have a mapping."""
    shared = first.keys() & second.keys()
    return [key for key in shared if isinstance(first[key], dict) and isinstance(second[key], dict)]


def _assign(values: dict[str, Any], key: str, value: Any) -> None:
    parts = key.split(".")
    if parts[0] not in Preset.model_fields:
        raise UserError(
            f"--set {key}: unknown setting{did_you_mean(key, Preset.model_fields, before=', ')}",
            f"Use a setting of the preset ({', '.join(Preset.model_fields)}), or METHOD.KEY for a setting of "
            "a method in this run.",
        )
    if isinstance(value, dict):
        raise UserError(f"--set {key}: a section", f"Name each of its settings, as in {key}.KEY.")
    for part in parts[:-1]:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise UserError(f"--set {key}: {part} has no settings")
    values[parts[-1]] = value
