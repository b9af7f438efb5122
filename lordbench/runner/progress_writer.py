"""Leaves a cell's progress in its folder while it runs, by the clock."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from lordbench.results.progress_file import CellProgress
from lordbench.runner.watchers import Watcher
from lordbench.training import Context

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

    def experiment(self, name: str, done: int, in_all: int) -> None:
        """An experiment begins, after `done` of `in_all`."""
        self._write(doing=name, training=False, step=done, steps=in_all, rate=0.0, loss=None, began=_utc())

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
