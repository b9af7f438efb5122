"""Mending cells before they run: what is damaged is named and kept aside, so that the run does it again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable

from filelock import Timeout

from lordbench.results.cell_folder import CellFolder
from lordbench.results.checksum_file import differs_from_checksum
from lordbench.results.damage import damage
from lordbench.results.store import Store
from lordbench.runner.identity import Cell
from lordbench.runner.run_folder import cell_lock
from lordbench.seals import ALTERED, write_sealed


def mend(cells: Iterable[Cell], store: Store, note: Callable[[str], None]) -> None:
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
    write_sealed(folder.description, cell.model_dump(mode="json"))


def _write_again(cell: Cell, folder: CellFolder) -> None:
    """Write what can be had without running the cell."""
    if not folder.description.exists():
        describe(cell, folder)
    curve = folder.trained_curve()
    if curve is not None and not folder.curve.exists():
        folder.write_curve(curve)
