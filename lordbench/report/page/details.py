"""Results behind the numbers of the report, as plain data for the page."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from lordbench.report.quantities import keys
from lordbench.report.tables import Entry
from lordbench.results.cells import CellRecord
from lordbench.results.leaderboard import as_records, averaged, grouped
from lordbench.results.names import LINE, QUANTITY, label
from lordbench.results.rows import Provenance
from lordbench.results.samples import samples_key

PROVENANCE = [name for name in Provenance.model_fields if name != "cell"]
SHOWN = (
    "cell", "split", "preset", "seed", "device", "precision", "threads",
    "train_seconds", "train_images_per_second", "peak_memory_mib", "started",
)  # fmt: skip
SETTING = ("data", "split", "preset", "device", "precision", "threads")
"""What the table of trainings shows only if it differs."""
BEHIND = [*LINE, *QUANTITY, "cell", "samples", "value", "collapsed"]
"""What says which results are behind a value of a table."""


class Details:
    """Results and settings of collected rows and their cells, which the page shows on demand; texts once.

    `lines` are what `by_seed` makes of the rows.
    """

    def __init__(self, rows: pd.DataFrame, lines: pd.DataFrame, records: Sequence[CellRecord]) -> None:
        self.rows = rows
        self.records = records
        self.behind: list[list[int]] = []
        # `samples` identifies a value within its cell even where a reference has been moved to other columns.
        names = map(samples_key, rows["codes"], rows["subject"], rows["metric"])
        numbers = {key: i for i, key in enumerate(zip(rows["cell"], rows["experiment"], names, strict=True))}
        self._at = {
            key: [
                (row["cell"], numbers[row["cell"], row["experiment"], row["samples"]])
                for row in averaged(same) or same
            ]
            for key, same in grouped(as_records(lines[BEHIND]), [*LINE, *QUANTITY]).items()
        }

    def source(self, entry: Entry) -> tuple[str, int]:
        """Register the results behind an entry: the first cell, and an index into `behind`, -1 for none."""
        results = self._at.get(entry.source, [])
        if not results:
            return "", -1
        self.behind.append([number for _, number in results])
        return results[0][0], len(self.behind) - 1

    def values(self) -> dict[str, Any]:
        """All results for JSON: each row as indices into `texts` and its numbers."""
        columns = ["cell", *QUANTITY, "value", "ci_low", "ci_high", "n", "unit", "policy", "note"]
        texts: dict[str, int] = {}
        packed = []
        for cell, *quantity, value, low, high, n, unit, policy, note in keys(self.rows[columns]):
            words = (cell, "/".join(filter(None, quantity)), unit, policy, note)
            indices = [texts.setdefault(text, len(texts)) for text in words]
            packed.append([*indices, int(n), *map(_number, (value, low, high))])
        return {"rows": packed, "behind": self.behind, "cells": self._cells(), "texts": list(texts)}

    def _cells(self) -> dict[str, Any]:
        """Provenance of each cell from its rows, and settings from its folder."""
        known = self.rows.drop_duplicates("cell").set_index("cell")[PROVENANCE].astype(object)
        cells: dict[str, Any] = {
            str(cell): {"provenance": {name: value for name, value in row.items() if value != ""}}
            for cell, row in known.to_dict("index").items()
        }
        for record in self.records:
            s = record.settings
            cells.setdefault(s.id, {"provenance": {}})["settings"] = {
                "method": s.settings, "data set": s.data_settings, "preset": s.sizes,
                "experiments": s.experiments,
            }  # fmt: skip
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

    def differing(self) -> list[str]:
        """Those of `SETTING` that are not the same for all cells; the head of the page has the others."""
        cells = self.listed()
        return [name for name in SETTING if len({cell[name] for cell in cells}) > 1]


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(f"{value:.6g}")
