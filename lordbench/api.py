"""The Python API, for notebooks and scripts; `lordbench` exports each function."""

import contextlib
import os
import sys
import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from rich.console import Console
from torch import Tensor

from lordbench.config import registry, selectors
from lordbench.config.presets import load_grid, load_preset, refuse_unused
from lordbench.config.registry import Plugins, use_plugins
from lordbench.data import ImageSet, SplitName, UInt8Array, fingerprint, number_labels
from lordbench.evaluation import CodeKind, inference
from lordbench.nn import weights
from lordbench.nn.networks import GRID, TrunkConfig, halvings
from lordbench.report.quantities import pick, summarised
from lordbench.results import archives, reference
from lordbench.results.names import cell_title, label
from lordbench.results.run_folder import CellFolder
from lordbench.runner.cell import Cell
from lordbench.runner.run_cell import build
from lordbench.runner.run_file import RunFile
from lordbench.runner.run_folder import read_spec
from lordbench.runner.session import run_session
from lordbench.training import Codes, Context, Control, DataSpec, Method, MethodConfig, Precision
from lordbench.training.checkpoints import load_module
from lordbench.training.method import placed
from lordbench.utils import seeds
from lordbench.utils.errors import UserError, hidden_notices
from lordbench.utils.files import expanded
from lordbench.utils.hardware import keep_freed_memory, resolve_device
from lordbench.utils.integrity import read_verified
from lordbench.utils.parallel import limited_threads
from lordbench.utils.settings import distinct, in_a_line, plain, validated

Pixels = UInt8Array | npt.NDArray[np.floating]
"""Images, uint8 in [0, 255] or float in [0, 1]: (N, C, S, S), or one, (C, S, S)."""


@dataclass(frozen=True, repr=False)
class Model:
    """A trained method in evaluation mode, on its device.

    Inputs are `Pixels` with the size and number of channels that it was trained on; outputs are uint8.

    Attributes:
        title: what it is, in words.
        cell: where its results are; None without any.
    """

    method: Method
    device: torch.device
    title: str = "trained method"
    cell: CellFolder | None = None

    def __repr__(self) -> str:
        headline = "" if self.cell is None else _headline(self.cell)
        return f"{self.title}, {self.method.spec.size} px{headline}"

    def encode(self, images: Pixels) -> Codes:
        """Codes of images: float32 (N, class size) and (N, content size).

        Raises:
            UserError: the images have another shape or type.
        """
        return inference.encode(self.method, self._as_uint8(images), self.device)

    def class_code(self, images: Pixels) -> Tensor:
        """One class code, float32 (class size,), of several images of one class."""
        return inference.encode_class(self.method, inference.to_float(self._as_uint8(images), self.device))

    def decode(self, codes: Codes, kind: CodeKind = "encoded") -> UInt8Array:
        """Images, uint8 (N, C, S, S), from codes.

        Those of `method.train_codes` are of the kind `learned`, those of `method.optimize_codes` `optimized`.
        """
        return inference.decode(self.method, codes, kind)

    def transfer(self, contents: Pixels, classes: Pixels) -> UInt8Array:
        """Images with the content of N images and the class of N others, or of one: uint8 (N, C, S, S).

        Raises:
            UserError: as `encode`, or the counts of images do not match.
        """
        content, class_ = self.encode(contents), self.encode(classes)
        if len(class_) not in (1, len(content)):
            message = f"{len(class_)} images for the class of {len(content)}"
            raise UserError(message, "Give one for each, or a single one for all.")
        return self.decode(Codes(class_.class_code.expand(len(content), -1), content.content_code))

    def _as_uint8(self, images: Pixels) -> UInt8Array:
        pixels = np.asarray(images)
        pixels = pixels[None] if pixels.ndim == 3 else pixels
        spec = self.method.spec
        if pixels.ndim != 4 or pixels.shape[1:] != (spec.channels, spec.size, spec.size):
            raise UserError(
                f"images of shape {np.shape(images)}; this method was trained on (N, {spec.channels}, "
                f"{spec.size}, {spec.size})",
                "Channels come first. Resize the images, or train a method at their size.",
            )
        if not len(pixels):
            raise UserError("no images: an array of length 0", "Give one image or more.")
        if pixels.dtype == np.uint8:
            return pixels.astype(np.uint8, copy=False)
        if not np.issubdtype(pixels.dtype, np.floating) or not (pixels.min() >= 0 and pixels.max() <= 1):
            message = f"pixels are {pixels.dtype} from {pixels.min()} to {pixels.max()}"
            raise UserError(message, "Give uint8 in [0, 255] or float in [0, 1].")
        rounded: UInt8Array = np.rint(pixels * 255).astype(np.uint8)
        return rounded


def run(
    methods: str | Sequence[str] | None = None,
    dataset: str | Sequence[str] | None = None,
    preset: str = "quick",
    seeds: int | Sequence[int] = 0,
    out: Path | str = "runs",
    *,
    experiments: str | Sequence[str] | None = None,
    metrics: str | Sequence[str] = (),
    split: SplitName | None = None,
    labels: str | Sequence[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    jobs: int | None = None,
    executor: str = "local",
    executor_settings: Mapping[str, Any] | None = None,
    force: bool = False,
    plugins: Plugins = (),
    quiet: bool = False,
) -> pd.DataFrame:
    """Run cells as `lordbench run` does, and return their rows.

    Args:
        methods: selectors, e.g. `["lord", "lord[regularizer=kl]", "./my_method.py"]`. Here and below a text
            such as `"lord,drnet"` is read as by the command, and None is as in the preset, else the default
            of the command.
        dataset: selector, or several.
        preset: name, or path of a YAML file.
        seeds: one cell each.
        out: run folder; finished cells in it are not run again.
        experiments: names or paths.
        metrics: names of metrics to use besides the default ones, e.g. `["probe_dcodr"]`.
        split: what is held out.
        labels: class labels given to methods.
        settings: of the preset or of a method, by dotted key, e.g. `{"budget.images": 5000}`.
        device: name.
        jobs: cells at a time; several run in worker processes. None: one on this machine; with `ray` as
            many as fit; with `slurm` 16.
        executor: `local`, `ray` or `slurm`.
        executor_settings: e.g. `{"gpus_per_cell": 0.25}`.
        force: run finished cells again.
        plugins: further folders and files of plug-ins.
        quiet: print no plan, progress or notices, such as that a training collapsed, on stderr.

    Returns:
        Tidy rows, one value each, with `results.rows.COLUMNS`. Failed cells have none; a warning names each.

    Raises:
        UserError: the request cannot be run.
    """
    # Worker processes import the script that starts them, which may not be written for that.
    default = {"jobs": 1} if executor == "local" else {}
    jobs_given = {} if jobs is None else {"jobs": jobs}
    chosen: dict[str, Any] = {
        "methods": methods, "dataset": dataset, "preset": preset, "experiments": experiments,
        "metrics": metrics, "seeds": seeds, "split": split, "labels": labels, "set": dict(settings or {}),
        "out": out, "device": device, "executor": executor,
        "executor_settings": {**default, **(executor_settings or {}), **jobs_given},
        "plugins": [plugins] if isinstance(plugins, Path | str) else list(plugins),
    }  # fmt: skip
    run_file = validated(RunFile, plain(chosen), "lordbench.run")
    messages = Console(file=sys.stderr, quiet=quiet, emoji=False)
    notices = hidden_notices() if quiet else contextlib.nullcontext()
    with notices, use_plugins(run_file.plugins):
        options = run_file.options(force=force)
        result = run_session(run_file.request(), run_file.out, options, Console(quiet=True), messages)
    for failure in result.failures:
        warnings.warn(failure, stacklevel=2)
    return result.rows


def load_method(cell: Path | str, device: str = "auto", plugins: Plugins = ()) -> Model:
    """Load the trained method of a finished cell, given by its folder, e.g. `runs/cells/0123456789abcdef`.

    `reference:METHOD/DATASET`, e.g. `reference:lord/toycars`, is one that ships with lordbench.

    A run folder from somebody else may name any file of code. So a method in a file is loaded only if that
    file, or a folder around it, is in `plugins` or in `$LORDBENCH_PLUGINS`.

    Raises:
        UserError: the cell is not trained, or its method cannot be loaded or is not among the plug-ins.
    """
    name = str(cell)
    shipped = name.startswith(f"{archives.NAME}:")
    path = reference.model_folder(name.partition(":")[2]) if shipped else expanded(cell)
    folder = CellFolder(path)
    try:
        described = Cell.model_validate(read_verified(folder.description))
    except (OSError, ValueError) as error:
        hint = "Give a folder such as runs/cells/ID."
        raise UserError(f"{folder.path}: cannot read a cell: {in_a_line(error)}", hint) from None
    if not folder.is_trained():
        raise UserError(f"{folder.path}: the training is not finished", "Run it again; it resumes.")
    with use_plugins(plugins):
        _refuse_unnamed(described.method, folder)
        method = build(described, read_spec(folder))
    load_module(folder.model, method)
    return _ready(method, device, f"{described.title}, preset {described.preset_name}", folder)


def fit_method(
    method: str,
    images: ImageSet,
    preset: str = "quick",
    seed: int = 0,
    *,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    plugins: Plugins = (),
) -> Model:
    """Train the method of a selector, e.g. `"lord[decay=1e-3]"` or `"./my_method.py"`; nothing is written.

    It learns from all images, which may have another size than in the preset. `settings` are those of the
    preset or of the method to override, by dotted key, e.g. `{"budget.images": 5000, "lord.decay": 1e-3}`.

    Raises:
        UserError: the method or preset does not exist, a setting is wrong, or there are no images of a size
            that the method can have.
        TrainingDivergedError: a loss is NaN or infinite.
    """
    preset = os.path.expanduser(preset)
    if (sizes := load_grid(preset).extends) != preset:
        message = f"preset {preset}: a grid of several runs, and this is one training"
        raise UserError(message, f"Name a preset of sizes, such as {sizes}.")
    selector, seed = selectors.parse(method), plain(seed)
    with use_plugins(plugins):
        component = registry.find("methods", selector.name)
        kind: type[Method] = component.load()
        prefix, overrides = f"{component.name}.", plain(settings or {})
        own = {key[len(prefix) :]: overrides.pop(key) for key in [*overrides] if key.startswith(prefix)}
        chosen = load_preset(preset, overrides)
        refuse_unused(chosen, f"preset {preset}", [selector.name])
    variant = distinct([*selector.settings.items(), *own.items()], f"method {component.name}, with settings")
    values = chosen.settings(component.name, kind.Config) | variant
    config = validated(kind.Config, values, f"method {component.name}")
    _refuse_images(images, config, component.name)
    for name in config.weights():
        weights.ensure(name)
    keep_freed_memory()
    with seeds.initialising(seed, "init"):
        name = label(component.name, selectors.describe(variant))
        title = f"{cell_title(name, images.name, seed)}, preset {preset}"
        model = _ready(kind(config, DataSpec.of(images)), device, title)
    precision = Precision.resolve(chosen.precision, model.device)
    budget = chosen.budget.budget(len(images))
    context = Context(model.device, precision, seeds.derive(seed, "training"), budget)
    with limited_threads(chosen.threads or torch.get_num_threads()):
        model.method.fit(images, context)
    model.method.eval()
    return model


def load_dataset(dataset: str, size: int = 32, plugins: Plugins = ()) -> ImageSet:
    """Load the images of a data set, given by its selector, at `size` x `size` pixels.

    Raises:
        UserError: the data set does not exist, its data is missing, or a setting or the size is wrong.
    """
    if size < 1:
        raise UserError(f"size {size}: images have one pixel or more", "Give a size such as 32.")
    selector = selectors.parse(dataset)
    with use_plugins(plugins):
        return registry.load_images(registry.make_dataset(selector.name, selector.settings), size)


def image_set(
    images: UInt8Array,
    classes: Sequence[Hashable],
    contents: Sequence[Hashable] | None = None,
    name: str = "images",
) -> ImageSet:
    """Make an image set from an array, uint8 (N, 1 or 3, S, S), and labels of each image.

    The text of a label names the class or content; `contents` is None if the content is not labelled.

    Raises:
        ValueError: a shape, a type or the count of labels is wrong.
    """
    images = np.ascontiguousarray(images)  # PyTorch cannot read mirrored views.
    ids, names = number_labels([str(label) for label in classes])
    content_ids, content_names = None, None
    if contents is not None:
        content_ids, content_names = number_labels([str(label) for label in contents])
    key = fingerprint(images, ids, content_ids, "arrays-1")
    return ImageSet(name, images, ids, content_ids, names, content_names, key)


def _refuse_images(images: ImageSet, config: MethodConfig, method: str) -> None:
    """Raise UserError if there are no images, or of a size that a method's networks cannot have."""
    size, least = images.size, config.min_image_size()
    if not len(images):
        raise UserError(f"{images.name}: no images", "Give one image or more.")
    if size < least:
        raise UserError(
            f"method {method}: images of {size} px are too small for its settings",
            f"Give images of {least} px or more, or other settings.",
        )
    if isinstance(config, TrunkConfig) and size != (possible := GRID << halvings(size)):
        raise UserError(
            f"method {method}: images of {size} px; its networks make images of 8, 16, 32, 64, ... px",
            f"Resize the images, for example to {possible} px.",
        )


def _refuse_unnamed(name: str, folder: CellFolder) -> None:
    hint = f"If you trust that file: lordbench.load_method({str(folder.path)!r}, plugins=[{name!r}])"
    registry.refuse_untrusted(name, str(folder.description), hint)


def _headline(folder: CellFolder) -> str:
    """The first headline quantity that was measured, with its value; empty if none was."""
    rows = folder.rows()
    for column in summarised(rows):
        for value in pick(rows, column)["value"].dropna():
            return f", {column.title} {value:.3f}"
    return ""


def _ready(method: Method, device: str, title: str, cell: CellFolder | None = None) -> Model:
    if isinstance(method, Control):
        raise UserError(
            f"{title}: a control looks up the images that it is evaluated on, so it is no model",
            "Run it: lordbench run --methods control.",
        )
    resolved = resolve_device(device)
    return Model(placed(method, resolved).eval(), resolved, title, cell)
