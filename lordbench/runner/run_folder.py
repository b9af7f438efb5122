"""Who may write where: one run at a time in a run folder, one process at a time in a cell."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

from filelock import FileLock, Timeout

from lordbench.results.damage import damage
from lordbench.results.run_folder import CellFolder, Store
from lordbench.runner.cell import Cell
from lordbench.utils.errors import UserError
from lordbench.utils.files import remove_unfinished
from lordbench.utils.integrity import ALTERED, differs_from_checksum, write_with_checksum

PATIENCE_SECONDS = 1.0
"""A run that begins asks this long for its folder, since `lordbench status` holds the lock for a moment."""

UNFINISHED_SECONDS = 600.0
"""What was being written this long ago is not being written any more: reports write here without the lock."""


class RunFolder:
    """Holds a run folder for one run at a time, and checks that it can be written.

    Raises:
        UserError: another run holds it, or it cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock = FileLock(Store(root).lock)

    def __enter__(self) -> Store:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.lock.acquire(timeout=PATIENCE_SECONDS)
            remove_unfinished(self.root, UNFINISHED_SECONDS)
        except Timeout:
            raise UserError(
                f"{self.root}: another run is writing here",
                "Wait for it, or choose another folder with --out.",
            ) from None
        except (OSError, NotImplementedError) as error:
            raise UserError(
                f"{self.root}: cannot write here: {error}", "Choose another folder with --out, or make room."
            ) from None
        return Store(self.root)

    def __exit__(self, *exception: object) -> None:
        self.lock.release()


def cell_lock(store: Store, cell_id: str) -> FileLock:
    """The lock that a process holds while it runs a cell; it ends with the process, however that ends.

    A run that was killed may have left workers behind, on this machine or on another one of a cluster: who
    comes after them waits until they have ended, and goes on from what they have written.
    """
    path = store.cell_locks / cell_id
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path)


def repair(cells: Iterable[Cell], store: Store, note: Callable[[str], None]) -> None:
    """Prepare the folders of cells, so that what is pending of them is what is missing or damaged.

    Args:
        cells: that are to be run.
        store: where; the table of all results is looked at, too, though each run writes it anew.
        note: is told of each damaged file.
    """
    if store.results.exists() and differs_from_checksum(store.results):
        note(f"{store.results}: {ALTERED}; `lordbench run` writes it anew from the cells")
    for cell in cells:
        # A cell that another process runs at this moment is in its hands.
        with contextlib.suppress(Timeout), cell_lock(store, cell.id).acquire(timeout=0):
            _mend(cell, store.cell(cell.id), note)


def _mend(cell: Cell, folder: CellFolder, note: Callable[[str], None]) -> None:
    for found in damage(folder, thorough=True):
        note(str(found))
        for path in found.aside:
            folder.keep_aside(path)
    if folder.is_trained():
        _write_again(cell, folder)


def describe(cell: Cell, folder: CellFolder) -> None:
    """Keep what a cell is."""
    write_with_checksum(folder.description, cell.model_dump(mode="json"))


def _write_again(cell: Cell, folder: CellFolder) -> None:
    """Write what can be had without running the cell."""
    if not folder.description.exists():
        describe(cell, folder)
    curve = folder.trained_curve()
    if curve is not None and not folder.curve.exists():
        folder.write_curve(curve)
