"""The cells of run folders as reports read them: settings, training curves, pictures, failures."""

from __future__ import annotations

import io
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from lordbench.results.damage import Damage, damage
from lordbench.results.leaderboard import label
from lordbench.results.run_folder import CellFolder, Store
from lordbench.utils.files import read_text
from lordbench.utils.integrity import read_verified

Model = TypeVar("Model", bound=BaseModel)
CURVE = ("phase", "step")
"""Columns of a training curve that are not terms of the loss."""
LARGEST_CURVE = 64 << 20
"""Bytes: more than a line for each of a million steps."""
LARGEST_STEP = 2**53


class Settings(BaseModel):
    """What a cell is, from its `cell.json`: see `runner.identity.Cell` for the fields."""

    model_config = ConfigDict(extra="ignore", frozen=True)

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


class Failure(BaseModel):
    """How the last attempt at a cell failed, from its `failure.json`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    error: str
    traceback: str
    when: str = ""


class CellRecord:
    """One cell of a run folder; its files are read when they are asked for.

    Attributes:
        settings: what the cell is.
        folder: where its files are.
    """

    def __init__(self, settings: Settings, folder: CellFolder) -> None:
        self.settings = settings
        self.folder = folder

    @cached_property
    def failure(self) -> Failure | None:
        """How its last attempt failed; None where it did not, or the record is damaged."""
        return _read(Failure, self.folder.failure)

    @cached_property
    def damage(self) -> list[Damage]:
        """Its files that are not as they were written."""
        return damage(self.folder)

    @cached_property
    def curve(self) -> pd.DataFrame | None:
        """Its training curve: `phase`, `step` within it, and a column a term of the loss; None for none."""
        if self._is_damaged(self.folder.curve):
            return None
        try:
            found = pd.read_csv(io.StringIO(read_text(self.folder.curve, LARGEST_CURVE)))
            found = found.astype({name: "float64" for name in found.columns if name not in CURVE})
            whole = found["step"].dtype == "int64" and found["step"].abs().max() < LARGEST_STEP
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if whole and "phase" in found.columns and found["phase"].notna().all() else None

    @property
    def pictures(self) -> list[Path]:
        """Its pictures, by name; without damaged ones."""
        return [path for path in self.folder.pictures() if not self._is_damaged(path)]

    def _is_damaged(self, file: Path) -> bool:
        return any(found.file == file for found in self.damage)


def cell_records(runs: Iterable[Path]) -> list[CellRecord]:
    """Read what cells there are in run folders.

    Args:
        runs: run folders, or results CSVs in them; what has no cells beside it gives none.

    Returns:
        Cells by data set, split, preset, method and seed, each once: of several with the same id the one with
        a trained model, else the first.
    """
    found: dict[str, CellRecord] = {}
    for run in dict.fromkeys(path if path.is_dir() else path.parent for path in runs):
        for folder in Store(run).cells():
            settings = read_settings(folder.description)
            if settings is None:
                continue
            record = CellRecord(settings, folder)
            if settings.id not in found or not found[settings.id].folder.is_trained():
                found[settings.id] = record
    return sorted(found.values(), key=_order)


def read_settings(file: Path) -> Settings | None:
    """Read a `cell.json`; None where it is not there, or damaged."""
    return _read(Settings, file)


def _order(record: CellRecord) -> tuple[str | int, ...]:
    s = record.settings
    return (
        s.dataset,
        s.data_variant,
        s.split,
        s.preset_name,
        s.method_name,
        s.variant,
        s.labels,
        s.seed,
        s.id,
    )


def _read(kind: type[Model], file: Path) -> Model | None:
    try:
        return kind.model_validate(read_verified(file))
    except (OSError, ValueError, ValidationError):
        return None
