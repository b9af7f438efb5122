"""Progress bars: one for all trainings of a run, and one for each that is running."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from lordbench.results.progress import CellProgress
from lordbench.utils.progress import Track, duration

REFRESH_SECONDS, ESTIMATE_SECONDS, LINE_SECONDS = 0.2, 5.0, 30.0


class RunProgress:
    """Progress bars of a run; the `Reporter` of trainings in this process.

    `time_left` is called every few seconds for the estimate that stands beside the number of cells, and
    `look` whenever something has happened.
    """

    def __init__(
        self,
        console: Console,
        cells: int,
        time_left: Callable[[], str] = lambda: "",
        look: Callable[[], None] = lambda: None,
    ) -> None:
        self.bars = _bars(console, "{task.fields[detail]}")
        self.cells = self.bars.add_task("cells", total=cells, detail=f"0 of {cells}")
        self.n_cells = cells
        self.inner: TaskID | None = None
        self.elsewhere: dict[str, TaskID] = {}
        self.label = ""
        self.time_left, self.look = time_left, look
        self._left = ""
        self._last_drawn, self._last_estimated = 0.0, time.monotonic()

    def __enter__(self) -> RunProgress:
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def begin(self, label: str) -> None:
        """A cell begins."""
        self.label = label

    def end(self) -> None:
        """A cell has ended."""
        self._drop_inner()
        self.bars.update(self.cells, advance=1)
        self._count()

    def note(self, text: str) -> None:
        """Show the experiment that is running."""
        self.look()
        self._begin_inner(text)

    def phase(self, name: str, steps: int, done: int, epoch_steps: float) -> None:
        """A phase of training begins, or continues after `done` steps."""
        self._begin_inner(name, total=steps, completed=done)
        self.steps, self.first, self.epoch_steps = steps, done, max(epoch_steps, 1.0)
        self.loss: float | None = None
        self.images = 0
        self.began = time.monotonic()

    def step(self, done: int, images: int, loss: float | None) -> None:
        """A training step has ended."""
        self.look()
        self.loss = self.loss if loss is None else loss
        self.images += images
        now = time.monotonic()
        if self.inner is None or (now - self._last_drawn < REFRESH_SECONDS and done < self.steps):
            return
        self._last_drawn = now
        self._count()
        rate = self.images / max(now - self.began, 1e-9)
        left = (self.steps - done) * (now - self.began) / max(done - self.first, 1)
        loss_text = "" if self.loss is None else f"loss {self.loss:.4f} · "
        detail = f"epoch {done / self.epoch_steps:.1f} · {loss_text}{rate:.0f} images/s · {left:.0f} s left"
        self.bars.update(self.inner, completed=done, detail=detail)

    def show(self, running: Mapping[str, tuple[str, CellProgress]]) -> None:
        """Show a bar for each cell that runs in another process: its title and progress, by id."""
        self.look()
        self._count()
        for gone in self.elsewhere.keys() - running.keys():
            self.bars.remove_task(self.elsewhere.pop(gone))
        for cell, (title, now) in running.items():
            if cell not in self.elsewhere:
                self.elsewhere[cell] = self.bars.add_task(title, total=1.0, detail="")
            description = f"{title}: {now.doing}" if now.doing else title
            bar = self.elsewhere[cell]
            self.bars.update(bar, description=description, completed=now.share or 0.0, detail=_detail(now))

    def _count(self) -> None:
        """Show how many cells are done, and the time left, which is estimated anew now and then."""
        if time.monotonic() - self._last_estimated > ESTIMATE_SECONDS:
            self._left = self.time_left()
            self._last_estimated = time.monotonic()
        left = f" · {self._left} left" if self._left else ""
        self.bars.update(self.cells, detail=f"{self.bars.tasks[0].completed:.0f} of {self.n_cells}{left}")

    def _begin_inner(self, text: str, total: float | None = None, completed: int = 0) -> None:
        self._drop_inner()
        self.inner = self.bars.add_task(f"{self.label}: {text}", total=total, completed=completed, detail="")

    def _drop_inner(self) -> None:
        if self.inner is not None:
            self.bars.remove_task(self.inner)
            self.inner = None


class ProgressLines:
    """A line about each running cell, every `LINE_SECONDS`: for a log, and where there is no terminal.

    Args:
        write: writes a line.
        running: returns title and progress of each running cell, by id.
        done: returns what is done of the run.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        running: Callable[[], Mapping[str, tuple[str, CellProgress]]],
        done: Callable[[], str],
    ) -> None:
        self.write, self.running, self.done = write, running, done
        self._last = time.monotonic()

    def look(self) -> None:
        """Write lines if it is time to."""
        if time.monotonic() - self._last < LINE_SECONDS:
            return
        self._last, done = time.monotonic(), self.done()
        for title, now in self.running().values():
            share = "" if now.share is None else f" {now.share:.0%}"
            parts = [f"{title}: {now.doing or 'starting'}{share}", _detail(now), done]
            self.write(" · ".join(filter(None, parts)))


def _detail(now: CellProgress) -> str:
    if not now.training:
        return f"{now.step} of {now.steps} experiments done"
    parts = [] if now.loss is None else [f"loss {now.loss:.4f}"]
    if now.training_left is not None:
        parts += [f"{now.rate:.0f} images/s", f"{duration(now.training_left)} left"]
    return " · ".join(parts)


def tracker(console: Console) -> Track[Any]:
    """Return a `Track` that draws a progress bar for each iteration."""

    def track(items: Iterable[Any], description: str, total: int) -> Iterator[Any]:
        with _bars(console, "{task.completed:.0f} of {task.total:.0f}") as bars:
            yield from bars.track(items, total=total, description=description)

    return track


def _bars(console: Console, detail: str) -> Progress:
    """Bars that vanish when done, each followed by `detail`."""
    texts = TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn(detail)
    return Progress(SpinnerColumn(), *texts, TimeElapsedColumn(), console=console, transient=True)
