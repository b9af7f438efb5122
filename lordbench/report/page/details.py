"""How each number of a report came to be: what stands behind the tables, as plain data for the page."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import pandas as pd

from lordbench.report.boards import Board, TableLine
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
    """What stands behind a number: a cell, and the place of all its values in `Details.behind`."""

    cell: str
    behind: int


NOWHERE = Source("", -1)


class Details:
    """Collects what the page shows on demand, each text once.

    Args:
        rows: as from `collect`.
        records: the cells of the same runs.
    """

    def __init__(self, rows: pd.DataFrame, records: Sequence[CellRecord]) -> None:
        self.rows = rows
        self.records = {record.settings.id: record for record in records}
        self.texts: dict[str, int] = {}
        self.behind: list[list[int]] = []
        # Rows are numbered in order; `samples` names a value within its cell also where a reference stands in
        # the columns of what it is compared with.
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

    def behind_line(self, board: Board, line: TableLine) -> list[Source]:
        """What stands behind each entry of a line."""
        if not board.quantities:
            return [NOWHERE] * len(line.entries)
        return [self._source(line.key, quantity[1:]) for quantity in board.quantities]

    def values(self) -> dict[str, Any]:
        """All values and texts, as JSON takes them: each row as numbers into `texts`, and its own numbers."""
        columns = ["cell", *QUANTITY, "value", "ci_low", "ci_high", "n", "unit", "policy", "note"]
        packed = []
        for cell, experiment, codes, subject, metric, value, low, high, n, unit, policy, note in self.rows[
            columns
        ].itertuples(index=False, name=None):
            texts = (cell, "/".join(filter(None, (experiment, codes, subject, metric))), unit, policy, note)
            packed.append([*map(self._text, texts), int(n), *map(_number, (value, low, high))])
        return {"rows": packed, "behind": self.behind, "cells": self.cells(), "texts": list(self.texts)}

    def cells(self) -> dict[str, Any]:
        """What is known of each cell: provenance from its rows, settings from its folder."""
        known = self.rows.drop_duplicates("cell").set_index("cell")
        found: dict[str, Any] = {}
        for cell, row in known[PROVENANCE].iterrows():
            found[str(cell)] = {
                "provenance": {name: _plain(row[name]) for name in PROVENANCE if row[name] != ""}
            }
        for cell, record in self.records.items():
            s = record.settings
            found.setdefault(cell, {"provenance": {}})["settings"] = {
                "method": s.settings,
                "data set": s.data_settings,
                "preset": {
                    key: value for key, value in s.preset.items() if key not in ("methods", "defaults")
                },
                "experiments": s.experiments,
            }
        return found

    def listed(self) -> list[dict[str, Any]]:
        """A line for each cell that has results, for the table of what was run."""
        known = self.rows.drop_duplicates("cell").sort_values([*LINE, "seed"], kind="stable")
        return [
            {
                "method": label(row["method"], row["variant"], row["labels"]),
                "data": label(row["dataset"], row["data_settings"]),
                **{name: row[name] for name in SHOWN},
            }
            for row in known.to_dict("records")
        ]

    def _source(self, line: tuple[Hashable, ...], quantity: tuple[Hashable, ...]) -> Source:
        found = self._at.get((*line, *quantity), [])
        if not found:
            return NOWHERE
        self.behind.append([number for _, number in found])
        return Source(found[0][0], len(self.behind) - 1)

    def _text(self, text: str) -> int:
        return self.texts.setdefault(text, len(self.texts))


def _number(value: float) -> float | None:
    return None if value is None or math.isnan(value) else float(NUMBER.format(value))


def _plain(value: Any) -> Any:
    """A value of a frame as JSON takes it."""
    return value.item() if hasattr(value, "item") else value
