"""What a run set out to do: `plan.json` in its folder, written before the first cell begins."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, field_validator

from lordbench.components import called
from lordbench.errors import UserError
from lordbench.files import is_plain
from lordbench.results.leaderboard import label
from lordbench.results.progress_file import Count
from lordbench.seals import read_sealed, write_sealed


class PlannedCell(BaseModel):
    """A cell as far as a person who waits for it wants to know.

    Attributes:
        id: of the cell, and the name of its folder.
        label: the method with its variant and labels, as in tables.
        dataset: with the settings that differ from its defaults.
        split: `samples` or `classes`.
        preset: name, with the settings of it that were overridden.
        seed: of the cell.
        experiments: to be run on it, by what they are called: the names of their files in its folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

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
        if not is_plain(cell):
            raise ValueError(f"{cell!r} is no name of a cell's folder")
        return cell

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> PlannedCell:
        """Take it from the fields of a cell, as in its `cell.json`.

        Raises:
            KeyError: one is missing.
            ValidationError: one is no such thing.
        """
        return cls(
            id=fields["id"],
            label=label(fields["method_name"], fields["variant"], fields["labels"]),
            dataset=label(fields["dataset"], fields["data_variant"]),
            split=fields["split"],
            preset=fields["preset_name"],
            seed=fields["seed"],
            experiments=tuple(called(name) for name in fields["experiments"]),
        )

    @property
    def kind(self) -> tuple[str, str, str, str]:
        """What cells have in common that take equally long: all but the seed."""
        return self.label, self.dataset, self.split, self.preset


class RunPlan(BaseModel):
    """The latest run in a folder.

    Attributes:
        began: when, UTC.
        jobs: cells at a time.
        host: the machine's name.
        pid: of the main process, on that machine.
        cells: all that the run was asked for, those included that were done before; in order.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

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
        """Write it, in the place of the plan of the run before."""
        write_sealed(path, self.model_dump(mode="json"))


def read_plan(path: Path) -> RunPlan | None:
    """Read a plan; None where no run has left one.

    Raises:
        UserError: the file is damaged.
    """
    try:
        return RunPlan.model_validate(read_sealed(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: no readable plan: {type(error).__name__}", "The next `lordbench run` writes it anew."
        ) from None
