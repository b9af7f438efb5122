"""Watchers of a cell: they write its progress and TensorBoard's event files, and change no result."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from lordbench.results.progress import CellProgress
from lordbench.results.run_folder import Store
from lordbench.runner.cell import Cell
from lordbench.training.loop import Context, Reporter, Silent

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

PROGRESS_SECONDS = 2.0
"""Between two writes of the progress file. A write waits for the disk, which may take longer than a step."""
FLUSH_SECONDS = 10


class Watcher(Silent):
    """Is called as a cell runs; every method does nothing unless overridden."""

    def begin(self) -> None:
        """The cell begins."""

    def follow(self, context: Context) -> None:
        """Its training begins in this context."""

    def experiment(self, name: str, done: int, total: int) -> None:
        """An experiment begins, after `done` of `total`."""

    def end(self, *, failed: bool) -> None:
        """The cell has ended; not called after an interruption."""


class Watchers(Watcher):
    """Passes events on to the training's reporter and to several watchers.

    A watcher that raises is dropped with a warning, and the cell runs on. `end` reaches watchers only if the
    cell has begun.
    """

    def __init__(self, reporter: Reporter, watchers: Sequence[Watcher]) -> None:
        self.reporter = reporter
        self.idle, self.active = list(watchers), list[Watcher]()

    def begin(self) -> None:
        self.idle, self.active = [], self.idle
        self._call("begin")

    def follow(self, context: Context) -> None:
        self._call("follow", context)

    def phase(self, name: str, steps: int, done: int, epoch_steps: float) -> None:
        self.reporter.phase(name, steps, done, epoch_steps)
        self._call("phase", name, steps, done, epoch_steps)

    def step(self, done: int, images: int, loss: float | None) -> None:
        self.reporter.step(done, images, loss)
        self._call("step", done, images, loss)

    def experiment(self, name: str, done: int, total: int) -> None:
        self._call("experiment", name, done, total)

    def end(self, *, failed: bool) -> None:
        self._call("end", failed=failed)

    def _call(self, event: str, *values: Any, **named: Any) -> None:
        for watcher in tuple(self.active):
            try:
                getattr(watcher, event)(*values, **named)
            except Exception as error:
                # Hours of training must not end because of a picture of them.
                self.active.remove(watcher)
                warnings.warn(f"{type(watcher).__name__} stopped: {error}", stacklevel=2)


class ProgressWriter(Watcher):
    """Writes the progress of one cell to a file, for `lordbench status`.

    A step costs one look at the clock. If writing fails (a full disk), only the progress display is lost.
    """

    def __init__(
        self, path: Path, every: float = PROGRESS_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path, self.every, self.clock = path, every, clock

    def begin(self) -> None:
        host, pid, now = socket.gethostname(), os.getpid(), _utc()
        self.progress = CellProgress(doing="", training=True, began=now, written=now, host=host, pid=pid)
        self._write()

    def follow(self, context: Context) -> None:
        self.context = context

    def phase(self, name: str, steps: int, done: int, epoch_steps: float) -> None:
        # Images seen in earlier attempts count: the context knows them, the events do not.
        self.began, self.images_before = self.clock(), self.context.progress.images
        seen = {"images": self.images_before, "images_in_all": self.context.budget.images}
        self._write(doing=name, step=done, steps=steps, rate=0.0, loss=None, began=_utc(), **seen)

    def step(self, done: int, images: int, loss: float | None) -> None:
        if loss is not None:
            self.progress = self.progress.model_copy(update={"loss": loss})
        now = self.clock()
        if now - self.written < self.every:
            return
        seen = self.context.progress.images
        self._write(step=done, images=seen, rate=(seen - self.images_before) / max(now - self.began, 1e-9))

    def experiment(self, name: str, done: int, total: int) -> None:
        self._write(doing=name, training=False, step=done, steps=total, rate=0.0, loss=None, began=_utc())

    def end(self, *, failed: bool) -> None:
        """Remove the file; after an interruption it stays, and shows how far the cell had come."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _write(self, **changes: object) -> None:
        self.written = self.clock()
        self.progress = self.progress.model_copy(update={**changes, "written": _utc()})
        with contextlib.suppress(OSError):
            self.progress.write(self.path)


class EventFiles(Watcher):
    """Writes TensorBoard's event files of one cell.

    Each attempt at a cell starts a file that makes TensorBoard drop earlier attempts, and that holds the
    whole curve up to the checkpoint. So no step appears twice, and none is missing if an earlier attempt ran
    without event files.

    Tags are `PHASE/TERM` and `PHASE/images per second` at the steps of the phase, as in `curve.csv`; at the
    end `EXPERIMENT/SUBJECT/CODES/METRIC` for every value with a direction of merit, under the cell's
    hyperparameters, and the pictures.
    """

    def __init__(self, cell: Cell, store: Store) -> None:
        self.cell, self.folder = cell, store.cell(cell.id)
        name = f"{cell.label} {cell.dataset} {cell.split} seed {cell.seed}"
        # Only characters that every file system takes.
        name = re.sub(r"[^A-Za-z0-9_.=,-]+", "-", name).strip("-")
        self.path = store.event_files / f"{name}-{cell.id}"

    def begin(self) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer: SummaryWriter = SummaryWriter(str(self.path), purge_step=0, flush_secs=FLUSH_SECONDS)

    def follow(self, context: Context) -> None:
        self.context, self.written = context, 0

    def phase(self, name: str, steps: int, done: int, epoch_steps: float) -> None:
        self._catch_up()

    def step(self, done: int, images: int, loss: float | None) -> None:
        if loss is None:
            return  # The curve grows at steps with a loss only.
        progress = self.context.progress
        rate = (progress.images - self.images) / max(progress.seconds - self.seconds, 1e-9)
        self._catch_up()
        self.writer.add_scalar(f"{progress.phase}/images per second", rate, done)

    def end(self, *, failed: bool) -> None:
        """Add measurements and pictures, unless the cell failed."""
        if not failed:
            self._add_measurements()
            for path in self.folder.pictures():
                with Image.open(path) as picture:
                    pixels = np.asarray(picture.convert("RGB"))
                self.writer.add_image(path.stem, pixels, dataformats="HWC")
        self.writer.close()

    def _catch_up(self) -> None:
        """Write the rows of the training curve that are not written yet."""
        progress = self.context.progress
        for record in progress.history[self.written :]:
            for term, value in record.items():
                if term not in ("phase", "step"):
                    self.writer.add_scalar(f"{record['phase']}/{term}", value, int(record["step"]))
        self.written = len(progress.history)
        self.seconds, self.images = progress.seconds, progress.images

    def _add_measurements(self) -> None:
        cell, values = self.cell, {}
        for m in (m for name in cell.experiments for m in self.folder.measurements(name) or []):
            if m.value is not None and m.higher_is_better is not None:
                values["/".join(filter(None, (m.experiment, m.subject, m.codes, m.metric)))] = m.value
        parameters: dict[str, Any] = {"method": cell.label, "dataset": cell.dataset, "split": cell.split}
        parameters |= {"preset": cell.preset_name, "seed": cell.seed}
        for name, value in cell.settings.items():
            plain = isinstance(value, bool | str | float | int)
            parameters[f"{cell.method_name}.{name}"] = value if plain else str(value)
        # In the same folder: by default, TensorBoard shows hyperparameters as a separate run.
        self.writer.add_hparams(parameters, values, run_name=".")


def _utc() -> datetime:
    return datetime.now(UTC)
