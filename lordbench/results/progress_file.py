"""How far a cell has come that is under way: `progress.json` in its folder, for other processes to read."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from lordbench.files import read_json, write_json

Count = Annotated[int, Field(ge=0, le=2**53)]
"""A number that a float can hold, so that times can be made of it."""
SLOWEST = 1e-6
"""Images a second: what is slower says nothing of the time left."""


class CellProgress(BaseModel):
    """A moment of a cell under way.

    Attributes:
        doing: the phase of training, or the experiment; empty until one has begun.
        training: whether `doing` is a phase of training.
        step: steps done of the phase; experiments done.
        steps: of the phase; experiments to do.
        images: seen in training so far, over all phases and attempts.
        images_in_all: that training sees.
        rate: images a second since the phase began, or went on in this process; 0 until that is known.
        loss: sum of the loss terms at the last logged step; None until there is one.
        began: when the phase or the experiment began, or went on, UTC.
        written: when this was so, UTC.
        host: the machine's name.
        pid: of the process that the cell runs in.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

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
        """Part of the training, or of the experiments, that is done, in [0, 1]; None until that is known."""
        done, in_all = (self.images, self.images_in_all) if self.training else (self.step, self.steps)
        return min(1.0, done / in_all) if in_all else None

    @property
    def training_left(self) -> float | None:
        """Seconds that training goes on for, at the rate of its present phase; None until that is known."""
        if not self.training:
            return 0.0
        return max(0, self.images_in_all - self.images) / self.rate if self.rate else None

    def elapsed(self, now: datetime) -> float:
        """Seconds since the phase or the experiment began."""
        return max(0.0, (now - self.began).total_seconds())

    def write(self, path: Path) -> None:
        """Write it, in the place of the moment before."""
        write_json(path, self.model_dump(mode="json"))


def read_progress(path: Path) -> CellProgress | None:
    """Read a cell's progress; None where it is not under way.

    Raises:
        ValueError: the file is damaged.
        OSError: it cannot be read.
    """
    try:
        return CellProgress.model_validate(read_json(path))
    except FileNotFoundError:
        return None
