"""Watchers of a cell: they are told what happens, and change no result."""

from __future__ import annotations

import contextlib
import os
import socket
import time
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lordbench.results.progress import CellProgress
from lordbench.training.loop import Context, Reporter, Silent

PROGRESS_SECONDS = 2.0
"""Between two writes of the progress file. A write waits for the disk, which may take longer than a step."""


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


def _utc() -> datetime:
    return datetime.now(UTC)
