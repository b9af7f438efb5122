"""Files of a run in progress: its plan, and the progress of each running cell."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field, field_validator

from lordbench.results.names import cell_title, label
from lordbench.utils.files import component_name, is_plain_name, read_json, write_json
from lordbench.utils.integrity import write_with_checksum

Count = Annotated[int, Field(ge=0, le=2**53)]
"""A count that a float can hold exactly, so that times can be computed from it."""
SLOWEST = 1e-6
"""Images per second; a lower rate is taken as unknown."""


class CellProgress(BaseModel, extra="forbid", frozen=True):
    """Progress of a running cell.

    Attributes:
        doing: the phase of training, or the experiment; empty before the first one.
        training: whether `doing` is a phase of training.
        step: steps done of the phase; experiments done. `steps` is the total.
        images: seen in training so far, over all phases and attempts; `images_in_all` is the total.
        rate: images per second since the phase started or resumed in this process; 0 if unknown.
        loss: sum of the loss terms at the last logged step; None before it.
        began: when the phase or the experiment started or resumed, UTC; `written`: when this was written.
    """

    doing: str
    training: bool
    step: Count = 0
    steps: Count = 0
    images: Count = 0
    images_in_all: Count = 0
    rate: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    loss: float | None = Field(default=None, allow_inf_nan=False)
    began: AwareDatetime
    written: AwareDatetime
    host: str
    pid: Count

    @field_validator("rate")
    @classmethod
    def _known(cls, rate: float) -> float:
        return rate if rate >= SLOWEST else 0.0

    @property
    def share(self) -> float | None:
        """Share of the training, or of the experiments, that is done, in [0, 1]; None if unknown."""
        done, total = (self.images, self.images_in_all) if self.training else (self.step, self.steps)
        return min(1.0, done / total) if total else None

    @property
    def training_left(self) -> float | None:
        """Seconds of training left at the rate of the current phase; None if unknown."""
        if not self.training:
            return 0.0
        return max(0, self.images_in_all - self.images) / self.rate if self.rate else None

    def elapsed(self, now: datetime) -> float:
        """Seconds since the phase or the experiment began."""
        return max(0.0, (now - self.began).total_seconds())

    def write(self, path: Path) -> None:
        """Write it as JSON, atomically."""
        write_json(path, self.model_dump(mode="json"))


def read_progress(path: Path) -> CellProgress | None:
    """Read a cell's progress; None if it is not running. ValueError or OSError: the file is damaged."""
    try:
        return CellProgress.model_validate(read_json(path))
    except FileNotFoundError:
        return None


class PlannedCell(BaseModel, extra="forbid", frozen=True):
    """A cell of a plan, with texts as in tables; `experiments` are names as in those of their files."""

    id: str
    label: str
    dataset: str
    split: str
    preset: str
    seed: int
    experiments: tuple[str, ...]

    @field_validator("id")
    @classmethod
    def _names_a_folder(cls, cell: str) -> str:
        if not is_plain_name(cell):
            raise ValueError(f"{cell!r} is not the name of a cell's folder")
        return cell

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> PlannedCell:
        """Convert the fields of a cell, as in its `cell.json`; KeyError or ValidationError if they differ."""
        return cls(
            id=fields["id"],
            label=label(fields["method_name"], fields["variant"], fields["labels"]),
            dataset=label(fields["dataset"], fields["data_variant"]),
            split=fields["split"],
            preset=fields["preset_name"],
            seed=fields["seed"],
            experiments=tuple(component_name(name) for name in fields["experiments"]),
        )

    @property
    def title(self) -> str:
        """The cell in messages."""
        return cell_title(self.label, self.dataset, self.seed)

    @property
    def kind(self) -> tuple[str, str, str, str]:
        """All but the seed: cells with the same kind take equally long."""
        return self.label, self.dataset, self.split, self.preset


class RunPlan(BaseModel, extra="forbid", frozen=True):
    """The latest run in a folder: `jobs` cells at a time of all `cells` requested, in order."""

    began: AwareDatetime
    jobs: Count
    host: str
    pid: Count
    cells: tuple[PlannedCell, ...]

    @classmethod
    def begin(cls, cells: list[PlannedCell], jobs: int, now: datetime) -> RunPlan:
        """The plan of a run that begins in this process."""
        return cls(began=now, jobs=jobs, host=socket.gethostname(), pid=os.getpid(), cells=tuple(cells))

    def write(self, path: Path) -> None:
        """Write it as JSON with its checksum, atomically."""
        write_with_checksum(path, self.model_dump(mode="json"))
