"""Progress bars: one for all trainings of a run, and one for each that is running."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import Progress, SpinnerColumn, TaskID
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lordbench.results.progress import CellProgress
from lordbench.results.status import ENDED, RunStatus
from lordbench.results.time_left import Estimate, TimeLeft
from lordbench.utils.progress import Track

REFRESH_SECONDS, ESTIMATE_SECONDS, LINE_SECONDS = 0.2, 5.0, 30.0
SEPARATOR = " · "
NAME_SHARE, SHORTEST_BAR, LONGEST_BAR = 0.4, 8, 24
"""Widths of a line's parts: a share of it, and characters."""
GAPS = 4
"""Characters of the spinner and between the parts."""


class Lines(Progress):
    """Lines of name, bar and details that fit into the width of the terminal.

    A task has the fields `tail`, which is always shown, and `details`, of which the first are kept where
    there is no room for all.
    """

    def get_renderables(self) -> Iterator[RenderableType]:
        """The lines, with bars below one another."""
        if not (tasks := self.tasks):
            return
        width = self.console.width - GAPS - 1
        wanted = max(len(SEPARATOR.join([task.fields["tail"], *task.fields["details"]])) for task in tasks)
        tails = max(len(task.fields["tail"]) for task in tasks)
        names = max(len(task.description) for task in tasks)
        # A name gets more than its share of the line only where nothing else needs it.
        name = min(names, max(width - SHORTEST_BAR - wanted, round(NAME_SHARE * width)))
        name = min(name, width - SHORTEST_BAR - tails)
        bar = min(LONGEST_BAR, max(SHORTEST_BAR, width - name - wanted))
        for task in tasks:
            line = Table.grid(padding=(0, 1))
            text, room = task.fields["tail"], width - name - bar
            for detail in task.fields["details"]:
                if len(text) + len(SEPARATOR) + len(detail) > room:
                    break
                text = f"{text}{SEPARATOR}{detail}" if text else detail
            drawn = ProgressBar(task.total, task.completed, width=bar, pulse=task.total is None)
            shown = shortened(task.description, name).ljust(name)
            line.add_row(
                self.spinner.render(task), Text(shown, no_wrap=True), drawn, Text(text, no_wrap=True)
            )
            yield line

    @property
    def spinner(self) -> SpinnerColumn:
        """The moving sign at the start of a line."""
        (column,) = self.columns
        assert isinstance(column, SpinnerColumn)
        return column


def shortened(text: str, width: int) -> str:
    """Cut a text to a width: the title of a cell between its method and its seed, others in the middle."""
    if len(text) <= width:
        return text
    method = re.split(" on |, ", text)[0]
    for end in ("".join(text.rpartition(", ")[1:]), ""):
        if len(method) <= (room := width - 1 - len(end)):
            return f"{text[:room]}…{end}"
    start = (width - 1) // 3
    return text[:start] + "…" + text[len(text) - (width - 1 - start) :]


class RunProgress:
    """Progress bars of a run; the `Reporter` of trainings in this process.

    `time_left` is called every few seconds for the estimate that stands beside the number of cells, and
    `look` whenever something has happened.
    """

    def __init__(
        self,
        console: Console,
        cells: int,
        time_left: Callable[[], TimeLeft | None] = lambda: None,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        self.bars = Lines(SpinnerColumn(), console=console, transient=True)
        self.cells = self.bars.add_task("cells", total=cells, tail=f"0 of {cells}", details=())
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

    def pause(self, action: Callable[[], None]) -> None:
        """Do something that needs the terminal."""
        self.bars.stop()
        try:
            action()
        finally:
            self.bars.start()

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
        self._count()
        self._begin_inner((text,))

    def phase(self, name: str, steps: int, done: int, epoch_steps: float) -> None:
        """A phase of training begins, or continues after `done` steps."""
        self._begin_inner((name,), total=steps, completed=done)
        self.name, self.steps, self.epoch_steps = name, steps, max(epoch_steps, 1.0)
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
        details = [self.name, f"epoch {done / self.epoch_steps:.1f}"]
        details += [] if self.loss is None else [f"loss {self.loss:.4f}"]
        details.append(f"{rate:.0f} images/s")
        self.bars.update(self.inner, completed=done, tail=f"{done / self.steps:4.0%}", details=details)

    def show(self, running: Mapping[str, tuple[str, CellProgress]]) -> None:
        """Show a bar for each cell that runs in another process: its title and progress, by id."""
        self.look()
        self._count()
        for gone in self.elsewhere.keys() - running.keys():
            self.bars.remove_task(self.elsewhere.pop(gone))
        for cell, (title, now) in running.items():
            if cell not in self.elsewhere:
                self.elsewhere[cell] = self.bars.add_task(title, total=1.0, tail="", details=())
            share = now.share or 0.0
            self.bars.update(
                self.elsewhere[cell], completed=share, tail=f"{share:4.0%}", details=_details(now)
            )

    def _count(self) -> None:
        """Show how many cells are done, and the time left, which is estimated anew now and then."""
        if time.monotonic() - self._last_estimated > ESTIMATE_SECONDS:
            self._left = _left(self.time_left(), SEPARATOR)
            self._last_estimated = time.monotonic()
        done = self.bars.tasks[0].completed
        self.bars.update(self.cells, tail=f"{done:.0f} of {self.n_cells}{self._left}")

    def _begin_inner(self, details: Sequence[str], total: float | None = None, completed: int = 0) -> None:
        self._drop_inner()
        self.inner = self.bars.add_task(
            self.label, total=total, completed=completed, tail="", details=details
        )

    def _drop_inner(self) -> None:
        if self.inner is not None:
            self.bars.remove_task(self.inner)
            self.inner = None


class ProgressLines:
    """A line about each running cell, every `LINE_SECONDS`: for a log, and where there is no terminal.

    Args:
        write: writes a line.
        read: reads the status of the run.
        titles: of its cells, by id.
    """

    def __init__(
        self, write: Callable[[str], None], read: Callable[[], RunStatus], titles: Mapping[str, str]
    ) -> None:
        self.write, self.read, self.titles = write, read, titles
        self._last = time.monotonic()

    def look(self) -> None:
        """Write lines if it is time to."""
        if time.monotonic() - self._last < LINE_SECONDS:
            return
        self._last, run = time.monotonic(), self.read()
        estimate = Estimate(run, datetime.now(UTC))
        ended = sum(status.state in ENDED for status in run.cells)
        done = f"{ended} of {len(run.cells)} cells done{_left(estimate.run(), ', ')}"
        for status in run.cells:
            if (now := status.progress) is not None and status.state == "running":
                doing, *details = _details(now)
                share = "" if now.share is None else f" {now.share:.0%}"
                line = SEPARATOR.join([f"{self.titles[status.cell.id]}: {doing}{share}", *details])
                self.write(f"{line}{_left(estimate.cell(status), SEPARATOR)}{SEPARATOR}{done}")


def _left(left: TimeLeft | None, before: str) -> str:
    return f"{before}{left} left" if left and left.is_known else ""


def _details(now: CellProgress) -> list[str]:
    """What a cell is doing, the most important first."""
    parts = [now.doing or "starting"]
    if not now.training:
        return [*parts, f"{now.step} of {now.steps} experiments done"]
    parts += [] if now.loss is None else [f"loss {now.loss:.4f}"]
    return [*parts, f"{now.rate:.0f} images/s"] if now.rate else parts


def tracker(console: Console) -> Track[Any]:
    """Return a `Track` that draws a progress bar for each iteration."""

    def track(items: Iterable[Any], description: str, total: int) -> Iterator[Any]:
        with Lines(SpinnerColumn(), console=console, transient=True) as bars:
            task = bars.add_task(description, total=total, tail=f"0 of {total}", details=())
            for i, item in enumerate(items, 1):
                yield item
                bars.update(task, completed=i, tail=f"{i} of {total}")

    return track
