"""The Python API, for notebooks and scripts; `lordbench` itself offers each function by its name."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from lordbench import components, seeds, selectors, weights
from lordbench.checkpoints import load_module
from lordbench.config import load_preset, validated
from lordbench.device import Precision, resolve_device
from lordbench.errors import UserError
from lordbench.images import ImageSet, UInt8Array, fingerprint, number_labels
from lordbench.method import DataSpec, Method
from lordbench.model import Model
from lordbench.results.cell_folder import CellFolder
from lordbench.results.leaderboard import collect
from lordbench.results.store import Store
from lordbench.runner import executors, plan
from lordbench.runner.cell import Workshop, build
from lordbench.runner.identity import Cell
from lordbench.runner.session import Manner, run_session
from lordbench.seals import read_sealed
from lordbench.splits import SplitName
from lordbench.training import Context
from lordbench.user_plugins import refuse_unnamed, using


def run(
    methods: Sequence[str] | None = None,
    dataset: str | None = None,
    preset: str = "quick",
    seeds: Sequence[int] = (0,),
    out: Path | str = "runs",
    *,
    experiments: Sequence[str] | None = None,
    split: SplitName | None = None,
    labels: Sequence[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    jobs: int | None = None,
    executor: str = "local",
    executor_settings: Mapping[str, Any] | None = None,
    force: bool = False,
    plugins: Iterable[Path | str] = (),
    quiet: bool = False,
) -> pd.DataFrame:
    """Do what `lordbench run` does, and return the rows of the cells that were asked for.

    Args:
        methods: selectors, as in `["lord", "lord[regularizer=kl]", "./my_method.py"]`; like all that is None,
            as the preset says or as the command's default.
        dataset: selector.
        preset: name, or path of a YAML file.
        seeds: of the cells.
        out: run folder; what is done there already is not done again.
        experiments: names or paths.
        split: what is held out.
        labels: what methods are told as the class.
        settings: of the preset or of a method, by dotted key, as in `{"budget.images": 5000}`.
        device: name.
        jobs: cells at a time; more than one in processes of their own.
        executor: where cells run: `local`, `ray` or `slurm`.
        executor_settings: of the executor, as in `{"gpus_per_cell": 0.25}`.
        force: run cells again that are done.
        plugins: further folders and files of plug-ins.
        quiet: show no plan, no progress and no warnings on stderr.

    Returns:
        Tidy rows, one value each, with `lordbench.results.row.COLUMNS`. What failed has none, and is named in
        a warning.

    Raises:
        UserError: the request cannot be carried out.
    """
    request = plan.Request(
        methods=None if methods is None else list(methods),
        dataset=dataset,
        preset=preset,
        experiments=None if experiments is None else list(experiments),
        seeds=list(seeds),
        split=split,
        labels=None if labels is None else list(labels),
        overrides=dict(settings or {}),
    )
    chosen = {**(executor_settings or {}), **({} if jobs is None else {"jobs": jobs})}
    manner = Manner(executors.make(executor, chosen), device, force)
    messages = Console(file=sys.stderr, quiet=quiet)
    with using(plugins):
        ended = run_session(request, Path(out), manner, Console(quiet=True), messages)
    for failure in ended.failures:
        warnings.warn(failure, stacklevel=2)
    return ended.rows


def load_results(*runs: Path | str) -> pd.DataFrame:
    """The rows of run folders and results CSVs, merged: one value each, with `lordbench.results.row.COLUMNS`.

    Raises:
        UserError: there are none, or they must not stand side by side.
    """
    return collect(Path(run) for run in runs)


def load_method(cell: Path | str, device: str = "auto", plugins: Iterable[Path | str] = ()) -> Model:
    """The trained method of a finished cell.

    Args:
        cell: its folder, such as `runs/cells/0123456789abcdef`.
        device: name.
        plugins: folders and files that the method may be in. If the cell names it by the path of its file,
            that file or a folder around it must be among these, or in `$LORDBENCH_PLUGINS`: a run folder
            from somebody else may name any file.

    Raises:
        UserError: there is no trained cell, its method cannot be loaded any more, or its file is not named.
    """
    folder = CellFolder(Path(cell))
    try:
        described = Cell.model_validate(read_sealed(folder.description))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{folder.path}: no cell can be read here: {error}", "Give a folder such as runs/cells/ID."
        ) from None
    if not folder.is_trained():
        raise UserError(f"{folder.path}: its training has not ended", "Run it again; it goes on.")
    with using(plugins):
        _refuse_unnamed(described.method, folder)
        method = build(described, folder.spec() or _spec(described, folder))
    load_module(folder.model, method)
    return _ready(method, device)


def fit_method(
    method: str,
    images: ImageSet,
    preset: str = "quick",
    seed: int = 0,
    *,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    plugins: Iterable[Path | str] = (),
) -> Model:
    """Train a method by itself on all images of a set; nothing is written.

    Args:
        method: selector, as in `"lord[decay=1e-3]"` or `"./my_method.py"`.
        images: to learn from.
        preset: whose settings and budget to take; the size of the images is their own.
        seed: of initialisation and training.
        settings: of the preset, by dotted key, as in `{"budget.images": 5000}`.
        device: name.
        plugins: folders and files that the method may be in.

    Raises:
        UserError: there is no such method or preset, or a setting is wrong.
        TrainingDivergedError: a loss is NaN or infinite.
    """
    chosen, sizes = selectors.parse(method), load_preset(preset, dict(settings or {}))
    with using(plugins):
        component = components.find("methods", chosen.name)
        kind: type[Method] = component.load()
    config = validated(
        kind.Config,
        sizes.settings(component.name, kind.Config) | chosen.settings,
        f"method {component.name}",
    )
    for name in config.weights():
        weights.ensure(name)
    with seeds.initialising(seed, "init"):
        model = _ready(kind(config, DataSpec.of(images)), device)
    context = Context(
        model.device,
        Precision.resolve(sizes.precision, model.device),
        seed=seeds.derive(seed, "training"),
        budget=sizes.budget.budget(len(images)),
    )
    model.method.fit(images, context)
    model.method.eval()
    return model


def load_dataset(dataset: str, size: int = 32, plugins: Iterable[Path | str] = ()) -> ImageSet:
    """The images of a data set, given by its selector, at `size` x `size` pixels.

    Raises:
        UserError: there is no such set, its data is missing, or a setting is wrong.
    """
    chosen = selectors.parse(dataset)
    with using(plugins):
        return plan.load_dataset(chosen.name, chosen.settings).load(size)


def image_set(
    images: UInt8Array,
    classes: Sequence[Hashable],
    contents: Sequence[Hashable] | None = None,
    name: str = "images",
) -> ImageSet:
    """Make a set of arrays.

    Args:
        images: uint8, (N, 1 or 3, S, S).
        classes: a label for each image, of any kind that can be written.
        contents: likewise; None where content is not labelled.
        name: of the set.

    Raises:
        ValueError: shapes or types are others, or the labels are not as many as the images.
    """
    ids, names = number_labels([str(label) for label in classes])
    content_ids, content_names = None, None
    if contents is not None:
        content_ids, content_names = number_labels([str(label) for label in contents])
    key = fingerprint(images, ids, content_ids, "arrays-1")
    return ImageSet(name, images, ids, content_ids, names, content_names, key)


def _spec(cell: Cell, folder: CellFolder) -> DataSpec:
    """What the method of a cell was built for, from its data: models of before do not record it."""
    _refuse_unnamed(cell.dataset.partition(":")[0], folder)
    images = plan.load_dataset(cell.dataset, cell.data_settings).load(cell.preset.image_size)
    if images.fingerprint != cell.data_fingerprint:
        raise UserError(f"{cell.dataset}: the data is not what this cell was trained on", "Run it again.")
    workshop = Workshop(Store(folder.path.parent.parent))
    return DataSpec.of(workshop.split(cell, images, resolve_device("cpu")).train)


def _refuse_unnamed(name: str, folder: CellFolder) -> None:
    way = f"If you trust that file: lordbench.load_method({str(folder.path)!r}, plugins=[{name!r}])"
    refuse_unnamed(name, str(folder.description), way)


def _ready(method: Method, device: str) -> Model:
    resolved = resolve_device(device)
    return Model(method.to(resolved).eval(), resolved)
