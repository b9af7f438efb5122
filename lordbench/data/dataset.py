"""The contract of a data set: how it is named, what it needs, and how it becomes an ImageSet."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from lordbench.data.images import ImageSet
from lordbench.utils.progress import Track, untracked


class DatasetConfig(BaseModel):
    """Settings of a data set; they are part of the row. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Dataset(ABC):
    """One data set. A plug-in file holds one subclass; the file's name is the data set's name.

    Attributes:
        summary: one line for `lordbench list datasets`.
        takes_source: whether the name is followed by a place, as in `folder:PATH`.
        Config: the settings.
    """

    summary: ClassVar[str]
    takes_source: ClassVar[bool] = False
    Config: type[DatasetConfig] = DatasetConfig

    def __init__(self, config: DatasetConfig, source: str = "") -> None:
        self.config = config
        self.source = source

    def missing(self) -> str:
        """Say what has to be put where before `load` can work; empty when the data is ready."""
        return ""

    @abstractmethod
    def load(self, size: int, track: Track[int] = untracked) -> ImageSet:
        """Load, or prepare and cache, the images at `size` x `size` pixels.

        Raises:
            MissingDataError: the data is not on this machine.
            UserError: a file cannot be used; the message names it.
        """
