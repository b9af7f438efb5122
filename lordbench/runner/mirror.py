"""A cell on a machine that does not see the run folder: its files are brought back while it runs."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from lordbench.files import is_plain, replacing, stamps
from lordbench.results.store import Store
from lordbench.runner.task import Task, carry_out

EVERY_SECONDS = 2.0
"""Between two looks for what is new."""


class Keeper:
    """Keeps the cells' files where the run folder is, for workers that do not see it.

    Only the latest attempt at a cell is listened to: a machine that was given up, and comes back, changes
    nothing any more.

    Args:
        root: run folder.
    """

    def __init__(self, root: Path) -> None:
        self.store = Store(root)
        self.attempts: dict[str, int] = {}

    def begin(self, cell: str) -> tuple[int, dict[str, bytes]]:
        """Begin an attempt: its number, and the files of those before.

        Raises:
            FileNotFoundError: no cell can have that id.
        """
        self.attempts[cell] = self.attempts.get(cell, 0) + 1
        folder = self.store.cell(cell).path
        found = {path.name: path.read_bytes() for path in folder.glob("[!.]*") if path.is_file()}
        return self.attempts[cell], found

    def change(self, cell: str, attempt: int, written: dict[str, bytes], removed: list[str]) -> None:
        """Do to a cell's files what an attempt did to its own.

        Raises:
            ValueError: a name is not that of a file in the folder.
        """
        if attempt != self.attempts.get(cell):
            return
        folder = self.store.cell(cell).path
        for name in (*written, *removed):
            if not is_plain(name) or name.startswith("."):
                raise ValueError(f"{name!r} is no name of a cell's file")
        for name, content in written.items():
            with replacing(folder / name) as temporary:
                temporary.write_bytes(content)
        for name in removed:
            (folder / name).unlink(missing_ok=True)


class Line(Protocol):
    """How a worker reaches the keeper."""

    def begin(self, cell: str) -> tuple[int, dict[str, bytes]]:
        """As `Keeper.begin`."""

    def change(self, cell: str, attempt: int, written: dict[str, bytes], removed: list[str]) -> None:
        """As `Keeper.change`."""


def carry_out_apart(task: Task, keeper: Line, every: float = EVERY_SECONDS) -> str:
    """Carry out a task in a folder of its own, and return its `Result` as JSON.

    What the cell writes is sent to the keeper every few seconds, in the order in which it was written; so a
    machine that vanishes loses what came since the last checkpoint, and those few seconds.

    Args:
        task: as in `carry_out`.
        keeper: has the cell's files so far, and is sent what is new.
        every: seconds between two looks.
    """
    with tempfile.TemporaryDirectory(prefix="lordbench-") as root:
        mine = task.model_copy(update={"root": Path(root)})
        folder = Store(mine.root).cell(task.cell.id).path
        attempt, files = keeper.begin(task.cell.id)
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        with _sending(folder, task.cell.id, attempt, keeper, every):
            return carry_out(mine.model_dump_json())


@contextlib.contextmanager
def _sending(folder: Path, cell: str, attempt: int, keeper: Line, every: float) -> Iterator[None]:
    known, over = stamps(folder), threading.Event()

    def send() -> None:
        now = stamps(folder)
        # By the time of writing: measurements, which say that an experiment is done, after its samples.
        new = sorted((stamp, path) for path, stamp in now.items() if known.get(path) != stamp)
        removed = [path.name for path in known if path not in now]
        if new or removed:
            keeper.change(cell, attempt, {path.name: path.read_bytes() for _, path in new}, removed)
        known.clear()
        known.update(now)

    def watch() -> None:
        while not over.wait(every):
            # A file that vanishes between two looks, or a line that is down: the next look makes up for it.
            with contextlib.suppress(OSError):
                send()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    send()
