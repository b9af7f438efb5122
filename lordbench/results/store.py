"""The store: a run folder with one folder per cell, every file of it whole or absent.

    runs/
      results.csv                    all rows of all cells, tidy
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

What is done follows from which files are there, so a run killed at any point goes on where it was.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from lordbench.checkpoints import read_metadata
from lordbench.errors import UserError
from lordbench.files import child, is_plain, read_json, replacing, write_json
from lordbench.method import DataSpec
from lordbench.results.row import COLUMNS, Measurement, Provenance, Seconds, frame
from lordbench.results.samples import Block, read_samples, samples_key, write_samples

NOT_EXPERIMENTS = ("cell", "failure", "progress", "seconds")
"""Names of a cell's JSON files that hold no measurements."""
_SECONDS = TypeAdapter(dict[str, Seconds])
_SPEC = TypeAdapter(DataSpec)


class CellFolder:
    """The files of one cell."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.description = path / "cell.json"
        self.progress = path / "progress.json"
        self.checkpoint = path / "checkpoint.safetensors"
        self.model = path / "model.safetensors"
        self.curve = path / "curve.csv"
        self.failure = path / "failure.json"
        self.times = path / "seconds.json"

    def is_trained(self) -> bool:
        """Whether training has finished."""
        return self.model.exists()

    def provenance(self) -> Provenance:
        """Where the cell's values come from, as recorded beside the trained model.

        Raises:
            UserError: the file is damaged.
        """
        metadata = read_metadata(self.model)
        try:
            return Provenance.model_validate_json(metadata["provenance"])
        except (KeyError, ValidationError) as error:
            raise UserError(
                f"{self.model}: no readable provenance: {error}", "Run again with --force."
            ) from None

    def spec(self) -> DataSpec | None:
        """What the trained method was built for; None for a model written before that was recorded.

        Raises:
            UserError: the file is damaged.
        """
        recorded = read_metadata(self.model).get("spec")
        try:
            return _SPEC.validate_json(recorded) if recorded else None
        except ValidationError as error:
            raise UserError(
                f"{self.model}: what it was built for is not readable: {error}", "Run again with --force."
            ) from None

    def measurements(self, experiment: str) -> list[Measurement] | None:
        """What an experiment found; None where it has not been run, or its file is damaged."""
        try:
            found = read_json(child(self.path, f"{experiment}.json"))
            return [Measurement.model_validate(item) for item in found["measurements"]]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def rows(self) -> pd.DataFrame:
        """All rows of the cell, with `row.COLUMNS`; none where training has not finished.

        Raises:
            UserError: the file of the trained model is damaged.
        """
        provenance = self.provenance() if self.is_trained() else None
        names = sorted(p.stem for p in self.path.glob("*.json") if p.stem not in NOT_EXPERIMENTS)
        tables = [frame(provenance, self.measurements(name) or []) for name in names] if provenance else []
        tables = [table for table in tables if len(table)]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))

    def lacking(self, experiment: str) -> list[str]:
        """Metrics that had no value in an experiment, for the lack of weights or the like."""
        found = self.measurements(experiment) or []
        return sorted({m.metric for m in found if m.value is None})

    def write_measurements(self, experiment: str, found: list[Measurement]) -> None:
        """Keep what an experiment found: the samples first, as the measurements say that it is done."""
        samples = {samples_key(m.codes, m.subject, m.metric): m.samples for m in found if m.samples}
        write_samples(self._samples(experiment), samples)
        values = [measurement.model_dump() for measurement in found]
        write_json(self.path / f"{experiment}.json", {"measurements": values})

    def experiment_seconds(self) -> dict[str, float]:
        """Seconds that each experiment took when it was last run; of none where that was not kept."""
        try:
            return _SECONDS.validate_python(read_json(self.times))
        except (OSError, ValueError):
            return {}

    def write_seconds(self, experiment: str, seconds: float) -> None:
        """Keep how long an experiment took."""
        write_json(self.times, self.experiment_seconds() | {experiment: round(seconds, 3)})

    def samples(self, experiment: str) -> list[Block]:
        """The samples behind the means that an experiment found.

        Raises:
            OSError: they were not kept, or cannot be read.
            ValueError: their file is damaged.
        """
        return read_samples(self._samples(experiment))

    def write_curve(self, history: list[dict[str, Any]]) -> None:
        """Keep the training curve: phase, step, and the mean of each loss term since the last line."""
        with replacing(self.curve) as temporary:
            pd.DataFrame(history).to_csv(temporary, index=False)

    def _samples(self, experiment: str) -> Path:
        return child(self.path, f"{experiment}.npz")

    def clear(self) -> None:
        """Forget everything."""
        if self.path.exists():
            # Renamed first: a folder half deleted must not look like a cell.
            doomed = self.path.with_name(f".deleting-{self.path.name}")
            shutil.rmtree(doomed, ignore_errors=True)
            self.path.rename(doomed)
            shutil.rmtree(doomed)


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
        return [
            CellFolder(path) for path in sorted((self.root / "cells").glob("[!.]*")) if is_plain(path.name)
        ]

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
        with replacing(self.results) as temporary:
            rows.to_csv(temporary, index=False, lineterminator="\n")
        return rows


def encode_provenance(provenance: Provenance) -> dict[str, str]:
    """Provenance as safetensors metadata."""
    return {"provenance": json.dumps(provenance.model_dump(), sort_keys=True)}


def encode_spec(spec: DataSpec) -> dict[str, str]:
    """What a method was built for, as safetensors metadata: so a model can be loaded without its data."""
    return {"spec": json.dumps(asdict(spec), sort_keys=True)}
