"""A run folder and its cells: where files are, and how they are written and read.

    runs/
      results.csv                    all rows of all cells, tidy
      results.csv.sha256             its checksum
      leaderboard.csv                one row per method
      differences.csv                paired differences of any two methods
      ranks.csv                      ranks of methods in the headline metrics
      plan.json                      cells of the latest run, when and where it began
      run.yaml                       settings of the latest run, for `lordbench run --config`
      run.log                        commands, messages, progress and summaries of all runs here
      .lock                          held while a run is running
      .locks/ID                      held while a process runs the cell
      tensorboard/CELL/              event files, with `--tensorboard`
      wandb/, mlruns/                runs of --wandb offline, and of --mlflow without a server
      cells/ID/cell.json             settings of the cell
      cells/ID/progress.json         progress, only while the cell is running
      cells/ID/checkpoint.safetensors   only while training is unfinished
      cells/ID/model.safetensors     trained method, with its provenance
      cells/ID/curve.csv             training curve
      cells/ID/EXPERIMENT.npz        samples behind the measurements
      cells/ID/EXPERIMENT.json       measurements
      cells/ID/seconds.json          duration and end of each experiment
      cells/ID/*.png                 transfer grids
      cells/ID/failure.json          only if the last attempt failed

Every file is complete or absent, and which files exist decides what remains to be done, so a run killed at
any point resumes. Files that results depend on have checksums (`lordbench.utils.integrity`):
`lordbench.results.damage` finds those that were altered, and the next run moves them aside as `NAME.damaged`.
"""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from lordbench.evaluation.measurement import Measurement
from lordbench.results.rows import Provenance, Seconds, frame, stack
from lordbench.results.samples import Block, read_samples, samples_key, write_samples
from lordbench.utils import integrity
from lordbench.utils.errors import UserError
from lordbench.utils.files import Stamp, child, is_plain_name, sha256, stamp, stamps, write_text
from lordbench.utils.settings import in_a_line

NOT_EXPERIMENTS = ("cell", "failure", "progress", "seconds")
"""Names of a cell's JSON files that hold no measurements."""
DAMAGED = ".damaged"
"""Suffix of files and folders that were moved aside."""
ORDER = ["dataset", "data_settings", "split", "preset", "method", "variant", "labels", "seed", "cell"]
"""Columns that `results.csv` is sorted by."""


class Timing(BaseModel, frozen=True):
    """How long an experiment took, and when it ended (UTC), which older files do not say."""

    seconds: Seconds
    ended: AwareDatetime | None = None


def _timing(value: object) -> object:
    return value if isinstance(value, Mapping | Timing) else {"seconds": value}


_TIMINGS = TypeAdapter(dict[str, Annotated[Timing, BeforeValidator(_timing)]])


class ExperimentRecord(BaseModel, extra="forbid", frozen=True):
    """Content of `EXPERIMENT.json`; `files` has the hex sha256 of files that the experiment left, by name."""

    measurements: list[Measurement]
    # Plain names only: a run renames files whose checksum differs.
    files: dict[Annotated[str, StringConstraints(pattern=r"^[^./\\][^/\\]*$")], str] = {}


class Store:
    """A run folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.results = root / "results.csv"
        self.plan = root / "plan.json"
        self.log = root / "run.log"
        self.run_file = root / "run.yaml"
        self.lock = root / ".lock"
        self.cell_locks = root / ".locks"
        self.event_files = root / "tensorboard"

    def cell(self, cell_id: str) -> CellFolder:
        """The folder of a cell; it need not exist. FileNotFoundError: the id is not a plain file name."""
        return CellFolder(child(self.root / "cells", cell_id))

    def cells(self) -> list[CellFolder]:
        """The folders of all cells that were ever started here, by id."""
        paths = sorted((self.root / "cells").glob("[!.]*"))
        return [CellFolder(path) for path in paths if is_plain_name(path.name) and path.suffix != DAMAGED]

    def rows(self) -> pd.DataFrame:
        """All rows of all cells, in an order that does not depend on when they were run."""
        rows = stack(folder.rows() for folder in self.cells())
        return rows.sort_values(ORDER, kind="stable", ignore_index=True)

    def write_results(self) -> pd.DataFrame:
        """Write `results.csv` from the cells, and return its rows."""
        rows = self.rows()
        self.write_rows(rows)
        return rows

    def write_rows(self, rows: pd.DataFrame) -> None:
        """Write rows as `results.csv`."""
        integrity.write_text_with_checksum(self.results, rows.to_csv(index=False, lineterminator="\n"))


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
        """The provenance recorded in the trained model; UserError if the file is damaged."""
        try:
            return Provenance.model_validate_json(integrity.read_metadata(self.model)["provenance"])
        except (KeyError, ValidationError) as error:
            message = f"{self.model}: no readable provenance: {in_a_line(error)}"
            raise UserError(message, "Run again with --force.") from None

    def experiments(self) -> list[str]:
        """Names of the experiments that have been run, sorted."""
        return sorted(p.stem for p in self.path.glob("*.json") if p.stem not in NOT_EXPERIMENTS)

    def record_file(self, experiment: str) -> Path:
        """The file that holds an experiment's measurements."""
        return child(self.path, f"{experiment}.json")

    def record(self, experiment: str) -> ExperimentRecord:
        """Read an experiment's record; OSError if it was not run, ValueError if the file is damaged."""
        path = self.record_file(experiment)
        try:
            return ExperimentRecord.model_validate(integrity.read_verified(path))
        except ValidationError as error:
            raise ValueError(f"{path}: {in_a_line(error)}") from None

    def files(self, experiment: str) -> Mapping[str, str]:
        """Hex sha256 of the files that an experiment left, by name; errors as from `record`."""
        return _files(self.path, experiment, stamp(self.record_file(experiment)))

    def measurements(self, experiment: str) -> list[Measurement] | None:
        """An experiment's measurements; None if it has not been run, or its file is damaged."""
        try:
            return self.record(experiment).measurements
        except (OSError, ValueError):
            return None

    def write_measurements(
        self, experiment: str, found: list[Measurement], pictures: Iterable[Path] = ()
    ) -> None:
        """Write an experiment's samples, then its measurements, which mark it as finished."""
        # Else a kill between the two would leave a record of other samples.
        self.record_file(experiment).unlink(missing_ok=True)
        samples = {samples_key(m.codes, m.subject, m.metric): m.samples for m in found if m.samples}
        write_samples(self._samples_file(experiment), samples)
        files = {path.name: sha256(path) for path in (self._samples_file(experiment), *pictures)}
        record = ExperimentRecord(measurements=found, files=files)
        integrity.write_with_checksum(self.record_file(experiment), record.model_dump())

    def samples(self, experiment: str) -> list[Block]:
        """The samples behind an experiment's measurements; OSError or ValueError as from `record`."""
        path = self._samples_file(experiment)
        checksum = self.files(experiment).get(path.name)
        if checksum is not None and integrity.is_altered(path, checksum):
            raise ValueError(f"{path}: {integrity.ALTERED}")
        return read_samples(path)

    def _samples_file(self, experiment: str) -> Path:
        return child(self.path, f"{experiment}.npz")

    def rows(self) -> pd.DataFrame:
        """All rows of the cell, with `rows.COLUMNS`, without damaged ones; none before it is trained."""
        try:
            provenance = self.provenance()
        except UserError:
            return stack([])
        return stack(frame(provenance, self.measurements(name) or []) for name in self.experiments())

    def pictures(self) -> dict[Path, Stamp]:
        """Its pictures, by name, with stamps that change whenever they are written."""
        return stamps(self.path, "*.png")

    def timings(self) -> dict[str, Timing]:
        """Duration and end of each experiment when it was last run, where recorded."""
        try:
            return _TIMINGS.validate_python(integrity.read_verified(self.times))
        except (OSError, ValueError):
            return {}

    def write_seconds(self, experiment: str, seconds: float) -> None:
        """Record the duration of an experiment that has just ended."""
        timing = Timing(seconds=round(seconds, 3), ended=datetime.now(UTC).replace(microsecond=0))
        timings = _TIMINGS.dump_python(self.timings() | {experiment: timing}, mode="json", exclude_none=True)
        integrity.write_with_checksum(self.times, timings)

    def trained_curve(self) -> str | None:
        """The training curve recorded in the trained model, or None; UserError if the file is damaged."""
        return integrity.read_metadata(self.model).get("curve")

    def write_curve(self, text: str) -> None:
        """Write the training curve, as from `curve_text`."""
        write_text(self.curve, text)

    def move_aside(self, path: Path) -> None:
        """Rename a file of the cell, or its whole folder, to `NAME.damaged`, replacing an earlier one."""
        if path.exists():
            aside = path.with_name(path.name + DAMAGED)
            if aside.is_dir():
                shutil.rmtree(aside)
            path.replace(aside)

    def clear(self) -> None:
        """Delete the cell."""
        if self.path.exists():
            # Renamed first: a half-deleted folder must not look like a cell.
            doomed = self.path.with_name(f".deleting-{self.path.name}")
            shutil.rmtree(doomed, ignore_errors=True)
            self.path.rename(doomed)
            shutil.rmtree(doomed)


@functools.lru_cache(maxsize=65_536)
def _files(folder: Path, experiment: str, _: Stamp) -> Mapping[str, str]:
    """What `CellFolder.files` returns; each version of a record is read once."""
    return CellFolder(folder).record(experiment).files


def curve_text(history: list[dict[str, Any]]) -> str:
    """A training curve as CSV: phase, step, and the mean of each loss term since the previous row."""
    return pd.DataFrame(history).to_csv(index=False, lineterminator="\n")


def encode_provenance(provenance: Provenance) -> dict[str, str]:
    """Provenance as safetensors metadata."""
    return {"provenance": json.dumps(provenance.model_dump(), sort_keys=True)}
