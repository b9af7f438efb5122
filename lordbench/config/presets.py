"""Presets: sizes and schedules of a run, read from configs/presets/*.yaml and overridden by settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from lordbench.config import selectors
from lordbench.config.labels import OWN_LABELS
from lordbench.data.splits import SplitName
from lordbench.evaluation.experiment import EvaluationConfig
from lordbench.training.loop import Budget
from lordbench.training.method import MethodConfig
from lordbench.training.precision import PrecisionSetting
from lordbench.utils.errors import UserError, did_you_mean
from lordbench.utils.files import plugin_folder
from lordbench.utils.settings import read_yaml, validated


class BudgetConfig(BaseModel):
    """How much every method trains: `images` seen in all, or `epochs` over the training images.

    Attributes:
        images: images seen in training.
        epochs: likewise, in passes over the training images.
        batch_size: images a step.
        accumulate: parts in which a batch is computed, one after the other, where memory is short; the
            results differ by rounding and noise, and by batch statistics where a method has such.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    images: int | None = Field(None, ge=1)
    epochs: float | None = Field(None, gt=0, le=1e9)
    batch_size: int = Field(64, ge=1)
    accumulate: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _one_of_two(self) -> BudgetConfig:
        if (self.images is None) == (self.epochs is None):
            raise ValueError("give either images or epochs")
        return self

    def budget(self, n_images: int) -> Budget:
        """The budget for a training set of `n_images`."""
        images = self.images if self.images is not None else round((self.epochs or 0) * n_images)
        return Budget(images, self.batch_size, self.accumulate)


class Preset(BaseModel):
    """Sizes and schedules; never the protocol.

    Attributes:
        summary: one line for `lordbench list presets`.
        image_size: height and width that images are brought to, in pixels; 4 times a power of two.
        precision: arithmetic of training; `auto` takes bfloat16 where the hardware is fast at it.
        budget: the same for every method.
        evaluation: sizes of the experiments.
        defaults: settings for every method that has them, e.g. `width`.
        methods: settings by method, over the defaults.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    summary: str
    image_size: int = Field(ge=8, le=1024)
    precision: PrecisionSetting = "auto"
    budget: BudgetConfig
    evaluation: EvaluationConfig = EvaluationConfig()  # type: ignore[call-arg]
    defaults: dict[str, Any] = {}
    methods: dict[str, dict[str, Any]] = {}

    @field_validator("image_size")
    @classmethod
    def _doubles_from_four(cls, size: int) -> int:
        if size & (size - 1):
            raise ValueError(f"{size} is not one of 8, 16, 32, 64, ...: generators double from 4 pixels")
        return size

    def settings(self, method: str, config: type[MethodConfig]) -> dict[str, Any]:
        """What the preset says of a method: shared settings that it declares, then its own."""
        shared = {key: value for key, value in self.defaults.items() if key in config.model_fields}
        return shared | self.methods.get(method, {})


def presets() -> dict[str, Path]:
    """The presets that come with lordbench, by name."""
    return {path.stem: path for path in sorted((plugin_folder("configs") / "presets").glob("*.yaml"))}


def read_preset(name: str) -> tuple[Path, dict[str, Any]]:
    """Read the file of a preset, given by name or by a path that ends in `.yaml`: where it is, what it says.

    Raises:
        UserError: there is no such preset, or the file holds no settings.
    """
    known = presets()
    path = Path(name) if name.endswith((".yaml", ".yml")) else known.get(name)
    if path is None or not path.is_file():
        raise UserError(
            f"unknown preset {name!r}{did_you_mean(name, known)}",
            f"There are: {', '.join(known)}; or give the path of a YAML file.",
        )
    try:
        values = read_yaml(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: this is no YAML: {error}") from None
    if not isinstance(values, dict):
        raise UserError(f"{path}: settings are expected, as `key: value`")
    return path, values


def load_preset(name: str, overrides: dict[str, Any]) -> Preset:
    """Load a preset by name or by path to a YAML file, and override settings of it.

    Args:
        name: of a preset, or a path ending in `.yaml`.
        overrides: values by dotted key, e.g. `image_size` or `budget.images`.

    Raises:
        UserError: there is no such preset, the file is no YAML, or a key or value is wrong.
    """
    path, values = read_preset(name)
    for key, value in overrides.items():
        _assign(values, key, value)
    return validated(Preset, values, str(path) if not overrides else f"{path} with --set")


def _assign(values: dict[str, Any], key: str, value: Any) -> None:
    parts = key.split(".")
    if parts[0] not in Preset.model_fields:
        raise UserError(
            f"--set {key}: unknown setting{did_you_mean(key, Preset.model_fields, before=', ')}",
            f"Use a setting of the preset ({', '.join(Preset.model_fields)}), or METHOD.KEY for one of a "
            "method of this run.",
        )
    for part in parts[:-1]:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise UserError(f"--set {key}: {part} has no settings of its own")
    values[parts[-1]] = value
    # A budget is counted one way or the other: the one that is set last counts.
    for one, other in (("images", "epochs"), ("epochs", "images")):
        if parts == ["budget", one]:
            values.pop(other, None)


class Part(BaseModel):
    """One part of a grid: methods on a data set and a split. What is left out is as here.

    Attributes:
        methods: selectors.
        dataset: selector.
        split: name.
        labels: what methods are told as the class, as selectors (see `lordbench.config.labels`).
        experiments: names; empty for all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    methods: Annotated[list[str], Field(min_length=1)] = ["lord", "drnet", "mlvae"]
    dataset: str = "toycars"
    split: SplitName = "samples"
    labels: Annotated[list[str], Field(min_length=1)] = [OWN_LABELS]
    experiments: list[str] = []

    def components(self) -> dict[str, list[str]]:
        """What is to be loaded, by name or path: under `methods`, `dataset` and `experiments`."""
        return {
            "methods": [selectors.parse(text).name for text in self.methods],
            "dataset": [selectors.parse(self.dataset).name.partition(":")[0]],
            "experiments": self.experiments,
        }


class Grid(BaseModel):
    """What to run, and at whose sizes.

    Attributes:
        summary: one line for `lordbench list presets`.
        extends: name or path of the preset that gives the sizes; the cells are cells of that preset, so what
            it has trained already is not trained again.
        grid: the parts, in order.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    summary: str
    extends: str
    grid: Annotated[list[Part], Field(min_length=1)]


def load_grid(preset: str) -> Grid:
    """The grid of a preset, by name or path; a preset of sizes only makes a grid of one part.

    Raises:
        UserError: there is no such preset, or a key or value of its grid is wrong.
    """
    path, values = read_preset(preset)
    if "grid" not in values:
        return Grid(summary="", extends=preset, grid=[Part()])
    return validated(Grid, values, str(path))
