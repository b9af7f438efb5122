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

import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from lordbench.evaluation.measurement import Measurement
from lordbench.results.rows import COLUMNS, Provenance, Seconds, frame
from lordbench.results.samples import Block, read_samples, samples_key, write_samples
from lordbench.training.checkpoints import read_metadata
from lordbench.training.method import DataSpec
from lordbench.utils.errors import UserError
from lordbench.utils.files import Stamp, child, is_regular_file, sha256, stamps, write_text
from lordbench.utils.integrity import (
    ALTERED,
    is_altered,
    read_verified,
    replacing_with_checksum,
    write_with_checksum,
)


class Found(BaseModel):
    """What an experiment found on a cell: `EXPERIMENT.json`, beside its seal.

    Attributes:
        measurements: as the experiment made them.
        files: hex sha256 of the files that it left in the folder, by name; none of older versions.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    measurements: list[Measurement]
    # Names of this folder only: a run renames files that have another hash.
    files: dict[Annotated[str, StringConstraints(pattern=r"^[^./\\][^/\\]*$")], str] = {}


def curve_text(history: list[dict[str, Any]]) -> str:
    """A training curve as CSV: phase, step, and the mean of each loss term since the last line."""
    return pd.DataFrame(history).to_csv(index=False, lineterminator="\n")


def encode_provenance(provenance: Provenance) -> dict[str, str]:
    """Provenance as safetensors metadata."""
    return {"provenance": json.dumps(provenance.model_dump(), sort_keys=True)}


def encode_spec(spec: DataSpec) -> dict[str, str]:
    """What a method was built for, as safetensors metadata: so a model can be loaded without its data."""
    return {"spec": json.dumps(asdict(spec), sort_keys=True)}


NOT_EXPERIMENTS = ("cell", "failure", "progress", "seconds")
"""Names of a cell's JSON files that hold no measurements."""
DAMAGED = ".damaged"
"""End of the names of files and folders that were kept aside."""
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

    def experiments(self) -> list[str]:
        """Names of the experiments that have been run, in order."""
        return sorted(p.stem for p in self.path.glob("*.json") if p.stem not in NOT_EXPERIMENTS)

    def record(self, experiment: str) -> Path:
        """Where what an experiment found is kept."""
        return child(self.path, f"{experiment}.json")

    def found(self, experiment: str) -> Found:
        """What an experiment found.

        Raises:
            OSError: it has not been run, or its file cannot be read.
            ValueError: the file is damaged; names it.
        """
        path = self.record(experiment)
        try:
            return Found.model_validate(read_verified(path))
        except ValidationError as error:
            raise ValueError(f"{path}: {error.error_count()} of its entries are none") from None

    def measurements(self, experiment: str) -> list[Measurement] | None:
        """What an experiment measured; None where it has not been run, or its file is damaged."""
        try:
            return self.found(experiment).measurements
        except (OSError, ValueError):
            return None

    def rows(self) -> pd.DataFrame:
        """All rows of the cell, with `row.COLUMNS`; none where training has not finished.

        What is damaged is left out.
        """
        try:
            provenance = self.provenance() if self.is_trained() else None
        except UserError:
            provenance = None
        names = self.experiments() if provenance else []
        tables = [frame(provenance, self.measurements(name) or []) for name in names] if provenance else []
        tables = [table for table in tables if len(table)]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))

    def write_measurements(
        self, experiment: str, found: list[Measurement], pictures: Iterable[Path] = ()
    ) -> None:
        """Keep what an experiment found: the samples first, as the measurements say that it is done.

        Args:
            experiment: its name.
            found: what it measured.
            pictures: files that it left in the folder.
        """
        samples = {samples_key(m.codes, m.subject, m.metric): m.samples for m in found if m.samples}
        write_samples(self._samples(experiment), samples)
        files = {path.name: sha256(path) for path in (self._samples(experiment), *pictures)}
        write_with_checksum(self.record(experiment), Found(measurements=found, files=files).model_dump())

    def pictures(self) -> dict[Path, Stamp]:
        """Its pictures, by name, with what tells whether one has been written again."""
        return stamps(self.path, "*.png")

    def experiment_seconds(self) -> dict[str, float]:
        """Seconds that each experiment took when it was last run; of none where that was not kept."""
        try:
            return _SECONDS.validate_python(read_verified(self.times))
        except (OSError, ValueError):
            return {}

    def write_seconds(self, experiment: str, seconds: float) -> None:
        """Keep how long an experiment took."""
        write_with_checksum(self.times, self.experiment_seconds() | {experiment: round(seconds, 3)})

    def samples(self, experiment: str) -> list[Block]:
        """The samples behind the means that an experiment found.

        Raises:
            OSError: they were not kept, or cannot be read.
            ValueError: their file is damaged, or the measurements'.
        """
        path = self._samples(experiment)
        kept = self.found(experiment).files.get(path.name)
        if kept is not None and is_altered(path, kept):
            raise ValueError(f"{path}: {ALTERED}")
        return read_samples(path)

    def write_curve(self, text: str) -> None:
        """Keep the training curve, as from `curve_text`."""
        write_text(self.curve, text)

    def trained_curve(self) -> str | None:
        """The training curve as the trained model records it; None of older versions.

        Raises:
            UserError: the file of the model is damaged.
        """
        return read_metadata(self.model).get("curve")

    def _samples(self, experiment: str) -> Path:
        return child(self.path, f"{experiment}.npz")

    def keep_aside(self, path: Path) -> None:
        """Give a file of the cell, or its whole folder, another name; in the place of one of before."""
        if path.exists():
            aside = path.with_name(path.name + DAMAGED)
            if aside.is_dir():
                shutil.rmtree(aside)
            path.replace(aside)

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
        paths = sorted((self.root / "cells").glob("[!.]*"))
        return [CellFolder(path) for path in paths if is_regular_file(path.name) and path.suffix != DAMAGED]

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
