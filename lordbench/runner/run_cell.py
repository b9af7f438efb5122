"""Run one cell: train once, then run the requested experiments that have no result yet."""

import contextlib
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Literal

import numpy as np
import torch

from lordbench.config import registry
from lordbench.config.headlines import with_titles
from lordbench.config.labels import parse_labels
from lordbench.data import ImageSet, Split, UInt8Array
from lordbench.data.splits import split, validation
from lordbench.evaluation import (
    Measurement,
    PairMetric,
    Probe,
    Scoring,
    SetMetric,
    Trained,
    inference,
)
from lordbench.evaluation.collapse import (
    CHECKED,
    CollapseWarning,
    best_single_image,
    described,
    has_collapsed,
    l1,
)
from lordbench.evaluation.scoring import TOO_FEW
from lordbench.nn import weights
from lordbench.results.cells import Failure
from lordbench.results.rows import NOT_SEARCHED, Provenance
from lordbench.results.run_folder import CellFolder, Store, curve_text, encode_provenance
from lordbench.runner.cell import Cell
from lordbench.runner.run_folder import cell_lock, describe, encode_spec
from lordbench.runner.trackers import TRACKERS
from lordbench.runner.watchers import ProgressWriter, Watcher, Watchers
from lordbench.training import CheckpointStore, Context, Control, DataSpec, Method, Precision, Reporter
from lordbench.training.checkpoints import CHECKPOINT_SECONDS, load_module, save_module
from lordbench.training.loop import Silent
from lordbench.training.method import placed
from lordbench.utils import hardware, seeds
from lordbench.utils.cache import LruCache
from lordbench.utils.errors import UserError
from lordbench.utils.files import component_name, remove_unfinished, write_json
from lordbench.utils.parallel import limited_threads
from lordbench.utils.settings import validated
from lordbench.utils.version import PROTOCOL_VERSION, __version__


@dataclass
class WorkerState:
    """What the cells of one process share.

    Attributes:
        device: its name, as requested.
        trackers: names of experiment trackers that are told of every cell.
        checkpoint_seconds: between two checkpoints of a training; no result depends on it.
        reporter: of training.
        log: called with what happens after training.
        labels: class labels found for recent splits, for the other methods of the seed.
        on_error: called with the error that ends a cell, for example a debugger.
        scorings: by the metrics that they have besides, and lack of, the default ones.
    """

    store: Store
    device: str = "auto"
    trackers: tuple[str, ...] = ()
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    reporter: Reporter = field(default_factory=Silent)
    log: Callable[[str], None] = field(default=lambda text: None)
    labels: LruCache = field(default_factory=lambda: LruCache(4))
    on_error: Callable[[BaseException], None] = field(default=lambda error: None)
    scorings: dict[tuple[tuple[str, ...], ...], Scoring] = field(default_factory=dict)

    def scoring(self, requested: Sequence[str] = (), without: Sequence[str] = ()) -> Scoring:
        """The default metrics and those requested, loaded at first use: a finished cell needs none."""
        key = tuple(sorted(requested)), tuple(sorted(without))
        if key not in self.scorings:
            kinds = {
                name: kind
                for name, kind in registry.load_all("metrics").items()
                if name not in without and (not kind.on_request or name in requested)
            }
            self.scorings[key] = Scoring(hardware.resolve_device(self.device), kinds)
        return self.scorings[key]

    def watchers(self, cell: Cell) -> Watchers:
        """The watchers of a cell, which pass on its training to the reporter."""
        watchers: list[Watcher] = [ProgressWriter(self.store.cell(cell.id).progress)]
        watchers += [TRACKERS[name](cell, self.store) for name in self.trackers]
        return Watchers(self.reporter, watchers)

    def split(self, cell: Cell, images: ImageSet) -> Split:
        """The split of a cell, with its class labels."""
        if cell.reserved:
            parts = validation(images, cell.split, cell.reserved, cell.seed)
        else:
            parts = split(images, cell.split, cell.seed)
        for part in (parts.train, parts.test):
            part.images.flags.writeable = False  # Who writes into them changes what others measure.
        labels, device = parse_labels(cell.labels), hardware.resolve_device(self.device)
        if labels is None:
            return parts
        key = (images.fingerprint, parts.title, cell.labels, cell.seed)
        return self.labels.get(key, lambda: labels.classes(parts, cell.seed, device)).of(parts, cell.labels)


Status = Literal["trained", "done", "kept", "failed"]
"""`trained`, where only that was requested; `kept`: it was already finished; `failed`: with an error."""


@dataclass(frozen=True)
class Outcome:
    """How a cell ended, and the error in a line if it failed."""

    cell: Cell
    status: Status
    error: str = ""


def run_cell(
    cell: Cell, images: ImageSet, state: WorkerState, started: str = "", *, only_train: bool = False
) -> Outcome:
    """Run what is missing of a cell. An error is recorded in its folder and ends this cell only.

    If another process runs the cell, wait for it. `started` is when the run handed it out, as from `now`:
    tables list methods in that order, which is the one requested. By default it is now. With `only_train`
    its experiments are left for a later call.
    """
    with cell_lock(state.store, cell.id):
        remove_unfinished(state.store.cell(cell.id).path)
        return _run(cell, images, state, started or now(), only_train)


def _run(cell: Cell, images: ImageSet, state: WorkerState, started: str, only_train: bool) -> Outcome:
    folder, watchers = state.store.cell(cell.id), state.watchers(cell)
    try:
        missing = pending(cell, folder)
        if folder.is_trained() and not missing:
            return Outcome(cell, "kept")
        if only_train and folder.is_trained():
            return Outcome(cell, "trained")
        describe(cell, folder)
        watchers.begin()
        trained = _trained(cell, images, state, watchers, started)
        failed: dict[str, list[str]] = {}
        for i, name in enumerate(() if only_train else missing):
            watchers.experiment(name, i, len(missing))
            try:
                _measure(name, trained, folder)
            except Exception as error:
                # The other experiments can do without it.
                failed.setdefault(f"{type(error).__name__}: {error}", []).append(component_name(name))
                last = error
        if failed:
            summary = "; ".join(f"{text} (in {', '.join(names)})" for text, names in failed.items())
            return _failed(cell, state, watchers, last, summary)
        folder.failure.unlink(missing_ok=True)
        watchers.end(failed=False)
        return Outcome(cell, "trained" if only_train and missing else "done")
    except (Exception, SystemExit) as error:
        if isinstance(error, SystemExit) and _passed_through(error, "submitit"):
            raise  # The job was preempted and is queued again: it resumes from its checkpoint.
        return _failed(cell, state, watchers, error, f"{type(error).__name__}: {error}")


def _measure(name: str, trained: Trained, folder: CellFolder) -> None:
    """Run an experiment of a cell, and write what it measured and drew."""
    began, before = time.monotonic(), folder.pictures()
    measurements = with_titles(name, registry.find("experiments", name).load()().run(trained))
    pictures = [path for path, stamp in folder.pictures().items() if before.get(path) != stamp]
    folder.write_measurements(component_name(name), measurements, pictures)
    folder.write_seconds(component_name(name), time.monotonic() - began)


def _failed(
    cell: Cell, state: WorkerState, watchers: Watchers, error: BaseException, summary: str
) -> Outcome:
    """Record how a cell failed, and tell who watches it."""
    trace = "".join(traceback.format_exception(error))
    record_failure(state.store.cell(cell.id), summary, trace)
    watchers.end(failed=True)
    state.on_error(error)
    return Outcome(cell, "failed", summary)


def _passed_through(error: BaseException, package: str) -> bool:
    """Whether code of a package, such as a signal handler of it, raised an error or passed it on."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(frame.f_globals.get("__name__", "").partition(".")[0] == package for frame in frames)


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
    return [
        name
        for name, result in results.items()
        if result is None or _can_be_completed(name, result) or _lacks(result, cell.metrics)
    ]


def _lacks(measurements: list[Measurement], requested: Sequence[str]) -> bool:
    """Whether an experiment that uses probes, or another kind of metric, was run without a requested one."""
    if not requested:
        return False
    used = {m.metric.partition(".")[0] for m in measurements}
    contracts = {
        name: contract
        for name, kind in registry.load_all("metrics").items()
        for contract in (PairMetric, SetMetric, Probe)
        if issubclass(kind, contract)
    }
    of_used = {contracts[name] for name in used if name in contracts}
    return any(name not in used and contracts.get(name) in of_used for name in requested)


def _can_be_completed(experiment: str, measurements: list[Measurement]) -> bool:
    """Whether a metric without a value (weights or a package were missing, say) is available now."""
    missing = sorted({m.metric for m in measurements if m.value is None and not m.note.startswith(TOO_FEW)})
    if missing and (packages := registry.find("experiments", experiment).load().packages):
        return all(map(find_spec, packages))
    for name in missing:
        try:
            kind = registry.find("metrics", name).load()
        except UserError:
            continue
        if all(weights.find(w) for w in kind.weights):
            return True
    return False


def _trained(cell: Cell, images: ImageSet, state: WorkerState, watchers: Watchers, started: str) -> Trained:
    """The cell's method, trained now or loaded, with what its experiments need."""
    folder, device = state.store.cell(cell.id), hardware.resolve_device(state.device)
    hardware.keep_freed_memory()
    parts = state.split(cell, images)
    method = placed(build(cell, DataSpec.of(parts.train)), device)
    if folder.is_trained():
        folder.checkpoint.unlink(missing_ok=True)  # Left by a kill right after the training.
        load_module(folder.model, method)
    else:
        precision = Precision.resolve(cell.preset.precision, device)
        arithmetic = f"{precision.name} on {device.type}"
        context = Context(
            device,
            precision,
            seed=seeds.derive(cell.seed, "training"),
            budget=cell.preset.budget.budget(len(parts.train)),
            reporter=watchers,
            checkpoints=CheckpointStore(folder.checkpoint, state.checkpoint_seconds, arithmetic),
        )
        watchers.follow(context)
        _train(cell, method, parts, context, folder, started)
    if isinstance(method, Control):
        method.reveal(parts)
    return Trained(
        label=cell.label,
        method=method.eval(),
        split=parts,
        device=device,
        seed=seeds.derive(cell.seed, "experiments"),
        sizes=cell.preset.evaluation,
        batch_size=cell.preset.budget.batch_size,
        scoring=state.scoring(cell.metrics, cell.without),
        folder=folder.path,
        log=state.log,
    )


def _train(
    cell: Cell, method: Method, parts: Split, context: Context, folder: CellFolder, started: str
) -> None:
    device = context.device
    threads = cell.preset.threads or torch.get_num_threads()
    hardware.reset_peak_memory(device)
    with limited_threads(threads):
        method.fit(parts.train, context)
    progress = context.progress
    provenance = Provenance(
        **cell.model_dump(include={"variant", "labels", "seed", "method_source", "data_fingerprint"}),
        cell=cell.id,
        method=cell.method_name,
        dataset=parts.train.name,
        data_settings=cell.data_variant,
        split=parts.title,
        preset=cell.preset_name,
        searched=cell.searched or NOT_SEARCHED,
        protocol_version=PROTOCOL_VERSION,
        lordbench_version=__version__,
        git_sha=hardware.git_sha(),
        device=hardware.device_name(device),
        precision=context.precision.name,
        threads=threads,
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
    if not isinstance(method, Control):
        _warn_of_collapse(cell, method.eval(), parts.train.images, device)


def _warn_of_collapse(cell: Cell, method: Method, images: UInt8Array, device: torch.device) -> None:
    """Warn if the trained method reconstructs training images hardly better than a single image."""
    checked = images[:: -(-len(images) // CHECKED)]
    gpus = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(gpus):  # Even if a method draws noise here, its experiments stay the same.
        outputs = inference.decode(method, inference.encode(method, checked, device))
    single = np.broadcast_to(best_single_image(images), checked.shape)
    values = l1(outputs, checked), l1(single, checked)
    if has_collapsed(*values):
        warnings.warn(f"{cell.title}: {described(*values)}", CollapseWarning, stacklevel=2)


def record_failure(folder: CellFolder, summary: str, trace: str) -> None:
    """Write how a cell failed into its folder."""
    failure = Failure(error=summary, traceback=trace, when=now())
    # A full disk is a common cause of failures; the summary still reaches the user.
    with contextlib.suppress(OSError):
        write_json(folder.failure, failure.model_dump())


def now() -> str:
    """The time in UTC; microseconds keep apart what begins at once."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
