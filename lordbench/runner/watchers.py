"""Those who watch a cell run, and change nothing about it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from lordbench.training import Context, Reporter, Silent


class Watcher(Silent):
    """Is told how a cell goes, its training included, and leaves what is of no interest to it alone."""

    def begin(self) -> None:
        """The cell begins: something is to be done for it."""

    def follow(self, context: Context) -> None:
        """Its training begins; phases and steps are those of `context`, which holds what they do not say."""

    def experiment(self, name: str, done: int, in_all: int) -> None:
        """An experiment begins, after `done` of `in_all`."""

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

    def experiment(self, name: str, done: int, in_all: int) -> None:
        """An experiment begins."""
        self._tell("experiment", name, done, in_all)

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
