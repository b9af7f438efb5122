"""Columns that the tables of the page have beside the headlines, hidden at first: PSNR, each probe, ..."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from lordbench.report.boards import headline_tables, method_names
from lordbench.report.quantities import Column, others, pick, sections
from lordbench.report.tables import NOTHING, Table
from lordbench.results.names import GROUP


@dataclass(frozen=True)
class Wide:
    """A table with further columns, which are hidden at first: all but the first `shown`."""

    table: Table
    shown: int


def widened(tables: Sequence[Table], means: pd.DataFrame) -> Iterator[Wide]:
    """Add to headline tables what else their experiments measure of the same; `means` as for `boards`."""
    groups = {group: (own, dict(sections(own))) for group, own in means.groupby(GROUP, sort=False)}
    for table in tables:
        # Without a header it has only the reasons for that.
        wide = table
        if table.header:
            own, shown = groups[table.group]
            wide = _with(table, own, others(own, shown[table.heading]))
        yield Wide(wide, len(table.header))


def _with(table: Table, means: pd.DataFrame, columns: Iterable[Column]) -> Table:
    values = {column: pick(means, column) for column in columns}
    for more in headline_tables(means, method_names(means), [(table.heading, values)]):
        entries = {row.texts[0]: row.entries for row in more.rows}
        missing = (NOTHING,) * len(more.columns)
        rows = (
            replace(row, entries=(*row.entries, *entries.get(row.texts[0], missing))) for row in table.rows
        )
        table = replace(
            table,
            header=(*table.header, *more.columns),
            rows=tuple(rows),
            decimals=(*table.decimals, *more.decimals),
        )
    return table
