"""The store: a run folder with one folder per cell, every file of it whole or absent.

    runs/
      results.csv                    all rows of all cells, tidy
      results.csv.sha256             its hash
      leaderboard.csv                one line per method
      differences.csv                paired differences of any two lines
      ranks.csv                      ranks of methods in the headline quantities
      plan.json                      what the latest run was asked for, when, where
      .lock                          held while a run is at work
      .locks/ID                      held while a process runs the cell
      tensorboard/CELL/              event files, with `--tensorboard`
      cells/ID/cell.json             what the cell is
      cells/ID/progress.json         only while the cell is under way: how far it has come
      cells/ID/checkpoint.safetensors   only while training is unfinished
      cells/ID/model.safetensors     the trained method, with its provenance
      cells/ID/curve.csv             training curve
      cells/ID/EXPERIMENT.npz        samples that measurements are means of
      cells/ID/EXPERIMENT.json       measurements
      cells/ID/seconds.json          time that each experiment took
      cells/ID/*.png                 transfer grids
      cells/ID/failure.json          only where the last attempt failed

What is done follows from which files are there, so a run killed at any point goes on where it was. What a
result depends on is kept with its hash: `lordbench.results.damage` finds files that are not as they were
written, and a run keeps them aside, with `.damaged` behind their names.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lordbench.files import child, is_plain
from lordbench.results.cell_folder import DAMAGED, CellFolder
from lordbench.results.checksum_file import replacing_with_checksum
from lordbench.results.row import COLUMNS


class Store:
    """A run folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.results = root / "results.csv"
        self.plan = root / "plan.json"
        self.lock = root / ".lock"
        self.cell_locks = root / ".locks"
        self.event_files = root / "tensorboard"

    def cell(self, cell_id: str) -> CellFolder:
        """The folder of a cell; it need not exist.

        Raises:
            FileNotFoundError: no cell can have that id.
        """
        return CellFolder(child(self.root / "cells", cell_id))

    def cells(self) -> list[CellFolder]:
        """The folders of all cells that were ever begun here, in order of their ids."""
        paths = sorted((self.root / "cells").glob("[!.]*"))
        return [CellFolder(path) for path in paths if is_plain(path.name) and path.suffix != DAMAGED]

    def rows(self) -> pd.DataFrame:
        """All rows of all cells, in an order that does not depend on when they were run."""
        tables = [folder.rows() for folder in self.cells()]
        tables = [table for table in tables if len(table)]
        if not tables:
            return pd.DataFrame(columns=list(COLUMNS))
        order = ["dataset", "data_settings", "split", "preset", "method", "variant", "labels", "seed", "cell"]
        return pd.concat(tables, ignore_index=True).sort_values(order, kind="stable", ignore_index=True)

    def write_results(self) -> pd.DataFrame:
        """Write `results.csv` from the cells, and return its rows."""
        rows = self.rows()
        with replacing_with_checksum(self.results) as temporary:
            rows.to_csv(temporary, index=False, lineterminator="\n")
        return rows
