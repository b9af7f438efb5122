"""Two cells or runs side by side, as Markdown, CSV and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from lordbench.report.sheets import markdown_sheet
from lordbench.report.side_by_side import cell_title, chosen_columns, chosen_values, line_title, sheets
from lordbench.report.written import csv
from lordbench.results.comparing import Comparison
from lordbench.results.contrast import COLUMNS, incomparable

CSV_COLUMNS = ["line_a", "line_b", *COLUMNS]
"""Columns of the CSV: see `contrast`."""


def render(comparison: Comparison, format_: str, metrics: Sequence[str], everything: bool) -> str:
    """Write a comparison as text that ends with a line break.

    Args:
        comparison: as from `comparing.compare`.
        format_: `markdown` for the tables; `csv` for the values; `json` for all there is.
        metrics: names of the quantities to show, as `quantities.choose` takes them.
        everything: in Markdown, whether to show all quantities where there are no metrics, or those of the
            headline. CSV and JSON have all.

    Raises:
        UserError: a metric is unknown here.
    """
    return RENDERERS[format_](comparison, metrics, everything)


def _markdown(comparison: Comparison, metrics: Sequence[str], everything: bool) -> str:
    return "\n".join(map(markdown_sheet, sheets(comparison, metrics, everything)))


def _csv(comparison: Comparison, metrics: Sequence[str], everything: bool) -> str:
    columns = chosen_columns(comparison, metrics, everything=True)
    tables = [
        chosen_values(values, columns).assign(line_a=line_title(pair.a), line_b=line_title(pair.b))
        for pair, values in comparison.values
    ]
    return csv(pd.concat([pd.DataFrame(columns=CSV_COLUMNS, dtype=object), *tables])[CSV_COLUMNS])


def _json(comparison: Comparison, metrics: Sequence[str], everything: bool) -> str:
    columns = chosen_columns(comparison, metrics, everything=True)
    found = {
        "a": comparison.a.name,
        "b": comparison.b.name,
        "identical": comparison.identical,
        "only_a": [cell_title(key) for key in comparison.matched.only_a],
        "only_b": [cell_title(key) for key in comparison.matched.only_b],
        "changes": _records(comparison.changes),
        "costs": _records(comparison.costs),
        "lines": [
            {
                "a": line_title(pair.a),
                "b": line_title(pair.b),
                "incomparable": incomparable(pair),
                "values": _records(chosen_values(values, columns)),
            }
            for pair, values in comparison.values
        ],
    }
    return json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Lines of a table as JSON takes them; null stands for what there is not."""
    return [
        {
            str(name): None if isinstance(value, float) and math.isnan(value) else value
            for name, value in record.items()
        }
        for record in table.to_dict("records")
    ]


RENDERERS: dict[str, Callable[[Comparison, Sequence[str], bool], str]] = {
    "markdown": _markdown,
    "csv": _csv,
    "json": _json,
}
