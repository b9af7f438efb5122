"""Run one cell: train once, then run the requested experiments that have no result yet."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Literal

import torch

from lordbench.config import registry
from lordbench.config.labels import parse_labels
from lordbench.data.images import ImageSet
from lordbench.data.splits import Split, split
from lordbench.evaluation.experiment import Trained
from lordbench.evaluation.measurement import Measurement
from lordbench.evaluation.scoring import Scoring
from lordbench.nn import weights
from lordbench.results.rows import Provenance
from lordbench.results.run_folder import CellFolder, Store, curve_text, encode_provenance
from lordbench.runner.cell import Cell
from lordbench.runner.run_folder import cell_lock, describe, encode_spec
from lordbench.runner.watchers import EventFiles, ProgressWriter, Watcher, Watchers
from lordbench.training.checkpoints import CHECKPOINT_SECONDS, CheckpointStore, load_module, save_module
from lordbench.training.loop import Context, Reporter, Silent
from lordbench.training.method import DataSpec, Method
from lordbench.training.precision import Precision
from lordbench.utils import hardware, seeds
from lordbench.utils.cache import LruCache
from lordbench.utils.errors import UserError
from lordbench.utils.files import component_name, remove_unfinished, write_json
from lordbench.utils.hardware import device_name, resolve_device
from lordbench.utils.settings import validated
from lordbench.utils.version import PROTOCOL_VERSION, __version__


@dataclass
class WorkerState:
    """What the cells of one process share.

    Attributes:
        store: the run folder.
        device: name of the device, as requested.
        reporter: of training.
        log: called with what happens after training.
        tensorboard: whether event files are written.
        checkpoint_seconds: between two checkpoints of a training; no result depends on it.
        labels: class labels found for recent splits, for the other methods of the seed.
    """

    store: Store
    device: str = "auto"
    reporter: Reporter = field(default_factory=Silent)
    log: Callable[[str], None] = field(default=lambda text: None)
    tensorboard: bool = False
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    labels: LruCache = field(default_factory=lambda: LruCache(4))
    _scoring: Scoring | None = None

    def scoring(self, device: torch.device) -> Scoring:
        """The metrics, loaded at first use: a finished cell needs none."""
        if self._scoring is None:
            self._scoring = Scoring(device, registry.load_all("metrics"))
        return self._scoring

    def watchers(self, cell: Cell) -> Watchers:
        """The watchers of a cell, which pass on its training to the reporter."""
        watchers: list[Watcher] = [ProgressWriter(self.store.cell(cell.id).progress)]
        if self.tensorboard:
            watchers.append(EventFiles(cell, self.store))
        return Watchers(self.reporter, watchers)

    def split(self, cell: Cell, images: ImageSet, device: torch.device) -> Split:
        """The split of a cell, with its class labels."""
        parts = split(images, cell.split, cell.seed)
        labels = parse_labels(cell.labels)
        if labels is None:
            return parts
        key = (images.fingerprint, parts.title, cell.labels, cell.seed)
        return self.labels.get(key, lambda: labels.classes(parts, cell.seed, device)).of(parts, cell.labels)


@dataclass(frozen=True)
class Outcome:
    """How a cell ended: `done`, `kept` (it was already finished) or `failed` (with the error in a line)."""

    cell: Cell
    status: Literal["done", "kept", "failed"]
    error: str = ""


def run_cell(cell: Cell, images: ImageSet, state: WorkerState) -> Outcome:
    """Run what is missing of a cell. An error is recorded in its folder and ends this cell only.

    If another process runs the cell, wait for it.
    """
    with cell_lock(state.store, cell.id):
        remove_unfinished(state.store.cell(cell.id).path)
        return _run(cell, images, state)


def _run(cell: Cell, images: ImageSet, state: WorkerState) -> Outcome:
    folder = state.store.cell(cell.id)
    watchers = state.watchers(cell)
    try:
        missing = pending(cell, folder)
        if folder.is_trained() and not missing:
            return Outcome(cell, "kept")
        describe(cell, folder)
        watchers.begin()
        device = resolve_device(state.device)
        hardware.keep_freed_memory()
        parts = state.split(cell, images, device)
        method = build(cell, DataSpec.of(parts.train)).to(device).to(memory_format=torch.channels_last)
        if folder.is_trained():
            load_module(folder.model, method)
        else:
            _train(cell, method, parts, device, folder, watchers, state.checkpoint_seconds)
        method.eval()
        trained = Trained(
            label=cell.label,
            method=method,
            split=parts,
            device=device,
            seed=seeds.derive(cell.seed, "experiments"),
            sizes=cell.preset.evaluation,
            batch_size=cell.preset.budget.batch_size,
            scoring=state.scoring(device),
            folder=folder.path,
            log=state.log,
        )
        for i, name in enumerate(missing):
            watchers.experiment(name, i, len(missing))
            began, before = time.monotonic(), folder.pictures()
            experiment = registry.find("experiments", name).load()()
            measurements = experiment.run(trained)
            pictures = [path for path, stamp in folder.pictures().items() if before.get(path) != stamp]
            folder.write_measurements(component_name(name), measurements, pictures)
            folder.write_seconds(component_name(name), time.monotonic() - began)
        folder.failure.unlink(missing_ok=True)
        watchers.end(failed=False)
        return Outcome(cell, "done")
    except Exception as error:
        summary = f"{type(error).__name__}: {error}"
        record_failure(folder, cell, summary, traceback.format_exc())
        watchers.end(failed=True)
        return Outcome(cell, "failed", summary)


def build(cell: Cell, spec: DataSpec) -> Method:
    """Build a cell's method for a training set, untrained, on the CPU.

    Raises:
        UserError: it no longer exists, or cannot be loaded.
    """
    kind: type[Method] = registry.find("methods", cell.method).load()
    with seeds.initialising(cell.seed, "init"):
        return kind(validated(kind.Config, cell.settings, f"method {cell.method_name}"), spec)


def pending(cell: Cell, folder: CellFolder) -> list[str]:
    """Experiments of a cell that have not been run, or lack the values of a metric that is available now."""
    results = {name: folder.measurements(component_name(name)) for name in cell.experiments}
    return [name for name, result in results.items() if result is None or _can_be_completed(result)]


def _can_be_completed(measurements: list[Measurement]) -> bool:
    """Whether a metric without a value (its weights were missing, say) is available now."""
    for name in sorted({m.metric for m in measurements if m.value is None}):
        try:
            kind = registry.find("metrics", name).load()
        except UserError:
            continue
        if all(weights.find(w) for w in kind.weights):
            return True
    return False


def _train(
    cell: Cell,
    method: Method,
    parts: Split,
    device: torch.device,
    folder: CellFolder,
    watchers: Watchers,
    checkpoint_seconds: float,
) -> None:
    hardware.reset_peak_memory(device)
    precision = Precision.resolve(cell.preset.precision, device)
    started = datetime.now(timezone.utc).isoformat(timespec="seconds")
    context = Context(
        device=device,
        precision=precision,
        seed=seeds.derive(cell.seed, "training"),
        budget=cell.preset.budget.budget(len(parts.train)),
        reporter=watchers,
        checkpoints=CheckpointStore(folder.checkpoint, checkpoint_seconds),
    )
    watchers.follow(context)
    method.fit(parts.train, context)
    progress = context.progress
    provenance = Provenance(
        cell=cell.id,
        method=cell.method_name,
        variant=cell.variant,
        dataset=parts.train.name,
        data_settings=cell.data_variant,
        split=parts.title,
        labels=cell.labels,
        preset=cell.preset_name,
        seed=cell.seed,
        protocol_version=PROTOCOL_VERSION,
        lordbench_version=__version__,
        git_sha=hardware.git_sha(),
        method_source=cell.method_source,
        data_fingerprint=cell.data_fingerprint,
        device=device_name(device),
        precision=precision.name,
        threads=torch.get_num_threads(),
        torch_version=torch.__version__,
        cuda_version=torch.version.cuda or "" if device.type == "cuda" else "",
        train_seconds=round(progress.seconds, 3),
        train_images_per_second=round(progress.images / max(progress.seconds, 1e-9), 1),
        peak_memory_mib=round(hardware.peak_memory_mib(device), 1),
        started=started,
    )
    curve = curve_text(progress.history)
    folder.write_curve(curve)
    metadata = encode_provenance(provenance) | encode_spec(method.spec) | {"curve": curve}
    save_module(folder.model, method, metadata)
    folder.checkpoint.unlink(missing_ok=True)


def record_failure(folder: CellFolder, cell: Cell, summary: str, trace: str) -> None:
    """Write how a cell failed into its folder."""
    failure = {
        "cell": cell.id,
        "label": cell.label,
        "error": summary,
        "traceback": trace,
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    try:
        write_json(folder.failure, failure)
    except OSError:
        # A full or read-only disk is a common cause of failures; the summary still reaches the user.
        traceback.print_exc()
