"""The contract of a data set."""

from abc import ABC, abstractmethod
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from lordbench.data.images import ImageSet
from lordbench.utils.progress import Track, untracked


class DatasetConfig(BaseModel):
    """Settings of a data set; part of every result row. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Dataset(ABC):
    """A data set. A plug-in file holds one subclass, and the file's name is the data set's name.

    Attributes:
        summary: one line for `lordbench list datasets`.
        takes_source: whether a path follows the name, as in `folder:PATH`.
        Config: model of the settings.
    """

    summary: ClassVar[str]
    takes_source: ClassVar[bool] = False
    Config: type[DatasetConfig] = DatasetConfig

    def __init__(self, config: DatasetConfig, source: str = "") -> None:
        self.config = config
        self.source = source

    def missing(self) -> str:
        """Say which data is missing and how to get it; empty when `load` can work."""
        return ""

    @abstractmethod
    def load(self, size: int, track: Track[int] = untracked) -> ImageSet:
        """Load the images at `size` x `size` pixels, or prepare and cache them.

        Raises:
            MissingDataError: the data is not on this machine.
            UserError: a file cannot be used; the message names it.
        """
