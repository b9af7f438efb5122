"""Results behind the numbers of the report, as plain data for the page."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import pandas as pd

from lordbench.report.tables import Entry
from lordbench.results.cells import CellRecord
from lordbench.results.leaderboard import LINE, QUANTITY, by_seed, label
from lordbench.results.rows import Provenance
from lordbench.results.samples import samples_key

PROVENANCE = [name for name in Provenance.model_fields if name != "cell"]
SHOWN = (
    "cell", "split", "preset", "seed", "device", "precision", "threads",
    "train_seconds", "train_images_per_second", "peak_memory_mib", "started",
)  # fmt: skip
NUMBER = "{:.6g}"


class Source(NamedTuple):
    """The results behind an entry: the first cell, and an index into `Details.behind`."""

    cell: str
    behind: int


NOWHERE = Source("", -1)


class Details:
    """Results and settings that the page shows on demand, each text once.

    Args:
        rows: as from `collect`.
        records: the cells of the same runs.
    """

    def __init__(self, rows: pd.DataFrame, records: Sequence[CellRecord]) -> None:
        self.rows = rows
        self.records = {record.settings.id: record for record in records}
        self.texts: dict[str, int] = {}
        self.behind: list[list[int]] = []
        # `samples` identifies a value within its cell even where a reference has been moved to other columns.
        names = map(samples_key, rows["codes"], rows["subject"], rows["metric"])
        numbers = {key: i for i, key in enumerate(zip(rows["cell"], rows["experiment"], names, strict=True))}
        lines = by_seed(rows)
        self._at: dict[tuple[Hashable, ...], list[tuple[str, int]]] = {}
        for key, own in zip(
            lines[[*LINE, *QUANTITY]].itertuples(index=False, name=None),
            lines[["cell", "experiment", "samples"]].itertuples(index=False, name=None),
            strict=True,
        ):
            self._at.setdefault(key, []).append((own[0], numbers[own]))

    def source(self, entry: Entry) -> Source:
        """Register the results behind an entry."""
        results = self._at.get(entry.source, [])
        if not results:
            return NOWHERE
        self.behind.append([number for _, number in results])
        return Source(results[0][0], len(self.behind) - 1)

    def values(self) -> dict[str, Any]:
        """All results for JSON: each row as indices into `texts` and its numbers."""
        columns = ["cell", *QUANTITY, "value", "ci_low", "ci_high", "n", "unit", "policy", "note"]
        packed = []
        for cell, experiment, codes, subject, metric, value, low, high, n, unit, policy, note in self.rows[
            columns
        ].itertuples(index=False, name=None):
            texts = (cell, "/".join(filter(None, (experiment, codes, subject, metric))), unit, policy, note)
            packed.append([*map(self._text, texts), int(n), *map(_number, (value, low, high))])
        return {"rows": packed, "behind": self.behind, "cells": self.cells(), "texts": list(self.texts)}

    def cells(self) -> dict[str, Any]:
        """Provenance of each cell from its rows, and settings from its folder."""
        known = self.rows.drop_duplicates("cell").set_index("cell")
        cells: dict[str, Any] = {}
        for cell, row in known[PROVENANCE].iterrows():
            cells[str(cell)] = {
                "provenance": {name: _plain(row[name]) for name in PROVENANCE if row[name] != ""}
            }
        for cell, record in self.records.items():
            s = record.settings
            cells.setdefault(cell, {"provenance": {}})["settings"] = {
                "method": s.settings,
                "data set": s.data_settings,
                "preset": {
                    key: value for key, value in s.preset.items() if key not in ("methods", "defaults")
                },
                "experiments": s.experiments,
            }
        return cells

    def listed(self) -> list[dict[str, Any]]:
        """A row for each cell that has results, for the table of trainings."""
        known = self.rows.drop_duplicates("cell").sort_values([*LINE, "seed"], kind="stable")
        return [
            {
                "method": label(row["method"], row["variant"], row["labels"]),
                "data": label(row["dataset"], row["data_settings"]),
                **{name: row[name] for name in SHOWN},
            }
            for row in known.to_dict("records")
        ]

    def _text(self, text: str) -> int:
        return self.texts.setdefault(text, len(self.texts))


def _number(value: float) -> float | None:
    return None if value is None or math.isnan(value) else float(NUMBER.format(value))


def _plain(value: Any) -> Any:
    """A value of a data frame for JSON."""
    return value.item() if hasattr(value, "item") else value
