"""Those who watch a cell run, and change nothing about it."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from lordbench.results.progress import CellProgress
from lordbench.results.run_folder import Store
from lordbench.runner.cell import Cell
from lordbench.training.loop import Context, Reporter, Silent
from lordbench.utils.errors import require_package

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class Watcher(Silent):
    """Is told how a cell goes, its training included, and leaves what is of no interest to it alone."""

    def begin(self) -> None:
        """The cell begins: something is to be done for it."""

    def follow(self, context: Context) -> None:
        """Its training begins; phases and steps are those of `context`, which holds what they do not say."""

    def experiment(self, name: str, done: int, total: int) -> None:
        """An experiment begins, after `done` of `total`."""

    def end(self, *, failed: bool) -> None:
        """The cell has ended. It is not told of an interruption."""


class Watchers(Watcher):
    """Tells the training's reporter, and each of several watchers.

    A watcher that fails is let go, and the cell runs on. Where a cell has not begun, none hears of its end.
    """

    def __init__(self, reporter: Reporter, watchers: Sequence[Watcher]) -> None:
        self.reporter = reporter
        self.idle, self.watching = list(watchers), list[Watcher]()

    def begin(self) -> None:
        """The cell begins."""
        self.idle, self.watching = [], self.idle
        self._tell("begin")

    def follow(self, context: Context) -> None:
        """Its training begins."""
        self._tell("follow", context)

    def phase(self, name: str, steps: int, done: int, epoch_steps: float) -> None:
        """A phase of training begins, or goes on."""
        self.reporter.phase(name, steps, done, epoch_steps)
        self._tell("phase", name, steps, done, epoch_steps)

    def step(self, done: int, images: int, loss: float | None) -> None:
        """A step of training has ended."""
        self.reporter.step(done, images, loss)
        self._tell("step", done, images, loss)

    def experiment(self, name: str, done: int, total: int) -> None:
        """An experiment begins."""
        self._tell("experiment", name, done, total)

    def end(self, *, failed: bool) -> None:
        """The cell has ended."""
        self._tell("end", failed=failed)

    def _tell(self, event: str, *values: Any, **named: Any) -> None:
        for watcher in tuple(self.watching):
            try:
                getattr(watcher, event)(*values, **named)
            except Exception as error:
                # Hours of training must not end because of a picture of them.
                self.watching.remove(watcher)
                warnings.warn(f"{type(watcher).__name__} stopped: {error}", stacklevel=2)


FLUSH_SECONDS = 10


def require_tensorboard() -> None:
    """Check that event files can be written.

    Raises:
        UserError: the package is not installed.
    """
    require_package(
        "tensorboard",
        "--tensorboard needs the package tensorboard, which is not installed",
        "Install it: pip install 'lordbench[tensorboard]'.",
    )


class EventFiles(Watcher):
    """Writes what TensorBoard shows of one cell.

    Each attempt at a cell begins a file that tells TensorBoard to forget the attempts before, and that holds
    the whole curve up to the checkpoint. So no step is there twice, and none is missing where an attempt
    before was made without event files.

    Tags are `PHASE/TERM` and `PHASE/images per second` at the steps of the phase, as in `curve.csv`; at the
    end `EXPERIMENT/SUBJECT/CODES/METRIC` of every value with a direction of merit, under the cell's
    hyperparameters, and the pictures.
    """

    def __init__(self, cell: Cell, store: Store) -> None:
        self.cell = cell
        self.folder = store.cell(cell.id)
        self.path = store.event_files / folder_name(cell)

    def begin(self) -> None:
        """The cell begins; torch imports tensorboard here and not before."""
        from torch.utils.tensorboard import SummaryWriter

        self.writer: SummaryWriter = SummaryWriter(str(self.path), purge_step=0, flush_secs=FLUSH_SECONDS)

    def follow(self, context: Context) -> None:
        """Its training begins."""
        self.context = context
        self.written = 0

    def phase(self, name: str, steps: int, done: int, epoch_steps: float) -> None:
        """A phase begins, or goes on."""
        progress = self.context.progress
        self._catch_up()
        self.seconds, self.images = progress.seconds, progress.images

    def step(self, done: int, images: int, loss: float | None) -> None:
        """A step has ended; at a logged one the curve has grown."""
        if loss is None:
            return
        progress = self.context.progress
        self._catch_up()
        rate = (progress.images - self.images) / max(progress.seconds - self.seconds, 1e-9)
        self.writer.add_scalar(f"{progress.phase}/images per second", rate, done)
        self.seconds, self.images = progress.seconds, progress.images

    def end(self, *, failed: bool) -> None:
        """The cell has ended: its measurements and pictures follow, unless it failed."""
        if not failed:
            self._add_measurements()
            for path in self.folder.pictures():
                with Image.open(path) as picture:
                    pixels = np.asarray(picture.convert("RGB"))
                self.writer.add_image(path.stem, pixels, dataformats="HWC")
        self.writer.close()

    def _catch_up(self) -> None:
        """Write the lines of the training curve that are not written yet."""
        history = self.context.progress.history
        for record in history[self.written :]:
            for term, value in record.items():
                if term not in ("phase", "step"):
                    self.writer.add_scalar(f"{record['phase']}/{term}", value, int(record["step"]))
        self.written = len(history)

    def _add_measurements(self) -> None:
        values = {
            "/".join(filter(None, (m.experiment, m.subject, m.codes, m.metric))): m.value
            for experiment in self.cell.experiments
            for m in self.folder.measurements(experiment) or []
            if m.value is not None and m.higher_is_better is not None
        }
        cell = self.cell
        named = {
            "method": cell.label,
            "dataset": cell.dataset,
            "split": cell.split,
            "preset": cell.preset_name,
            "seed": cell.seed,
        }
        settings = {f"{cell.method_name}.{name}": _shown(value) for name, value in cell.settings.items()}
        # The same folder: by default, hyperparameters are a run of their own, beside the curve's.
        self.writer.add_hparams(named | settings, values, run_name=".")


def folder_name(cell: Cell) -> str:
    """Name a cell's folder for people, in letters that every file system takes."""
    title = f"{cell.label} {cell.dataset} {cell.split} seed {cell.seed}"
    return f"{re.sub(r'[^A-Za-z0-9_.=,-]+', '-', title).strip('-')}-{cell.id}"


def _shown(value: Any) -> bool | str | float | int:
    return value if isinstance(value, bool | str | float | int) else str(value)


EVERY_SECONDS = 2.0
"""Between two writings. A writing waits for the disk, some milliseconds; a step may take less than that."""


class ProgressWriter(Watcher):
    """Writes how far one cell has come.

    A step costs a look at the clock. The cell reads nothing of it, and where writing fails (a full disk),
    only the view is lost: so no result depends on it.

    Args:
        path: of the file.
        every: seconds between two writings.
        clock: seconds that never go back.
    """

    def __init__(
        self, path: Path, every: float = EVERY_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = path
        self.every = every
        self.clock = clock

    def begin(self) -> None:
        """The cell begins."""
        host, pid, now = socket.gethostname(), os.getpid(), _utc()
        self.moment = CellProgress(doing="", training=True, began=now, written=now, host=host, pid=pid)
        self._write()

    def follow(self, context: Context) -> None:
        """Its training begins; the images seen in attempts before are known to its context only."""
        self.context = context

    def phase(self, name: str, steps: int, done: int, epoch_steps: float) -> None:
        """A phase of training begins, or goes on after `done` steps."""
        self.began, self.images_before = self.clock(), self.context.progress.images
        seen = {"images": self.images_before, "images_in_all": self.context.budget.images}
        self._write(doing=name, step=done, steps=steps, rate=0.0, loss=None, began=_utc(), **seen)

    def step(self, done: int, images: int, loss: float | None) -> None:
        """A step of training has ended."""
        if loss is not None:
            self.moment = self.moment.model_copy(update={"loss": loss})
        now = self.clock()
        if now - self.written < self.every:
            return
        seen = self.context.progress.images
        self._write(step=done, images=seen, rate=(seen - self.images_before) / max(now - self.began, 1e-9))

    def experiment(self, name: str, done: int, total: int) -> None:
        """An experiment begins, after `done` of `total`."""
        self._write(doing=name, training=False, step=done, steps=total, rate=0.0, loss=None, began=_utc())

    def end(self, *, failed: bool) -> None:
        """The cell has ended. Interrupted, it leaves the file: so far had it come."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _write(self, **changes: object) -> None:
        self.written = self.clock()
        self.moment = self.moment.model_copy(update={**changes, "written": _utc()})
        with contextlib.suppress(OSError):
            self.moment.write(self.path)


def _utc() -> datetime:
    return datetime.now(timezone.utc)
