"""The cells of run folders as reports read them: settings, training curves, pictures, failures."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pydantic import BaseModel

from lordbench.config.presets import NOT_SIZES
from lordbench.results.damage import Damage, damage
from lordbench.results.names import cell_title, label
from lordbench.results.run_folder import CellFolder, Store
from lordbench.utils.errors import UserError
from lordbench.utils.files import read_text
from lordbench.utils.integrity import read_verified

Model = TypeVar("Model", bound=BaseModel)
CURVE = ("phase", "step")
"""Columns of a training curve that are not terms of the loss."""
LARGEST_CURVE = 64 << 20
"""Bytes: more than a row for each of a million steps."""
LARGEST_STEP = 2**53
NEVER = "never"
ORDER = "dataset", "data_variant", "split", "preset_name", "method_name", "variant", "labels", "seed", "id"
"""Settings that cells are sorted by."""


class Settings(BaseModel, frozen=True):
    """Content of `cell.json`: see `runner.cell.Cell` for the fields."""

    id: str
    method_name: str
    variant: str
    labels: str = ""
    dataset: str
    data_variant: str
    split: str
    preset_name: str
    seed: int
    experiments: list[str]
    settings: dict[str, Any]
    data_settings: dict[str, Any]
    preset: dict[str, Any]

    @property
    def label(self) -> str:
        """The method with its variant and its labels, as in tables."""
        return label(self.method_name, self.variant, self.labels)

    @property
    def title(self) -> str:
        """The cell in messages."""
        return cell_title(self.label, label(self.dataset, self.data_variant), self.seed)

    @property
    def sizes(self) -> dict[str, Any]:
        """The preset without its words and what it sets of methods, which `settings` has."""
        return {name: value for name, value in self.preset.items() if name not in NOT_SIZES}


class Failure(BaseModel, frozen=True):
    """Content of `failure.json`: how the last attempt at a cell failed."""

    error: str
    traceback: str
    when: str = ""


@dataclass(eq=False)
class CellRecord:
    """One cell of a run folder, with its settings; other files are read when needed."""

    settings: Settings
    folder: CellFolder

    @cached_property
    def failure(self) -> Failure | None:
        """How its last attempt failed; None if it did not, or the record is damaged."""
        return _read(Failure, self.folder.failure)

    @cached_property
    def started(self) -> str:
        """When its training began, in ISO 8601; `NEVER`, after all times, if it has no readable model."""
        try:
            return self.folder.provenance().started
        except UserError:
            return NEVER

    @cached_property
    def damage(self) -> list[Damage]:
        """Its damaged files."""
        return damage(self.folder)

    @cached_property
    def curve(self) -> pd.DataFrame | None:
        """Its training curve: `phase`, `step` within it, and a column per loss term; None if damaged."""
        if self._is_damaged(self.folder.curve):
            return None
        try:
            curve = pd.read_csv(io.StringIO(read_text(self.folder.curve, LARGEST_CURVE)))
            curve = curve.astype({name: "float64" for name in curve.columns if name not in CURVE})
            valid = curve["step"].dtype == "int64" and curve["step"].abs().max() < LARGEST_STEP
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return curve if valid and "phase" in curve.columns and curve["phase"].notna().all() else None

    @property
    def pictures(self) -> list[Path]:
        """Its pictures, by name, without damaged ones."""
        return [path for path in self.folder.pictures() if not self._is_damaged(path)]

    def _is_damaged(self, file: Path) -> bool:
        return any(found.file == file for found in self.damage)


def cell_records(runs: Iterable[Path]) -> list[CellRecord]:
    """Read the cells of run folders, or of results CSVs in them, sorted by `ORDER`.

    Of several with the same id the first one with a trained model is taken, else the last.
    """
    records: dict[str, CellRecord] = {}
    for run in dict.fromkeys(path if path.is_dir() else path.parent for path in runs):
        for folder in Store(run).cells():
            settings = read_settings(folder.description)
            if settings and not (settings.id in records and records[settings.id].folder.is_trained()):
                records[settings.id] = CellRecord(settings, folder)
    return sorted(records.values(), key=lambda record: attrgetter(*ORDER)(record.settings))


def read_settings(file: Path) -> Settings | None:
    """Read a `cell.json`; None if it does not exist, or is damaged."""
    return _read(Settings, file)


def _read(kind: type[Model], file: Path) -> Model | None:
    try:
        return kind.model_validate(read_verified(file))
    except (OSError, ValueError):
        return None
