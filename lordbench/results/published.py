"""Numbers of papers, read from configs/published.yaml."""

from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import BaseModel, model_validator

from lordbench.utils.files import plugin_folder
from lordbench.utils.settings import read_yaml, validated


class PublishedRow(BaseModel, extra="forbid", frozen=True):
    """Values of a method on a data set, in the order of the table's columns."""

    method: str
    data: str
    values: list[float]


class PublishedTable(BaseModel, extra="forbid", frozen=True):
    """A table as published, with what a reader must know to compare it.

    Attributes:
        source: paper and place where the numbers were read.
        data: the data sets.
        probe: the instrument.
        caveats: why a number may not mean what it seems to.
        columns: direction of merit by name.
    """

    title: str
    source: str
    data: str
    probe: str
    caveats: list[str]
    columns: dict[str, Literal["higher", "lower"]]
    rows: list[PublishedRow]

    @model_validator(mode="after")
    def _complete(self) -> "PublishedTable":
        for row in self.rows:
            if len(row.values) != len(self.columns):
                raise ValueError(f"{row.method} on {row.data}: {len(self.columns)} values are needed")
        return self


class _File(BaseModel, extra="forbid", frozen=True):
    tables: list[PublishedTable]


def published(path: Path | None = None) -> list[PublishedTable]:
    """Read published tables; by default those that ship with lordbench.

    Raises:
        UserError: the file is not valid.
    """
    path = path or plugin_folder("configs") / "published.yaml"
    return validated(_File, {"tables": read_yaml(path)}, str(path)).tables


def tidy(tables: list[PublishedTable]) -> pd.DataFrame:
    """Lay out published tables with one value a row."""
    return pd.DataFrame([
        {
            "method": row.method, "data": row.data, "quantity": name, "value": value, "better": better,
            "table": table.title, "source": table.source, "probe": table.probe,
            "caveats": " ".join(table.caveats),
        }
        for table in tables
        for row in table.rows
        for (name, better), value in zip(table.columns.items(), row.values, strict=True)
    ])  # fmt: skip
