"""Published numbers as tables of their own: no protocol of theirs agrees with ours."""

from collections.abc import Iterator, Sequence

from lordbench.report.tables import Row, Table
from lordbench.results.published import PublishedTable

LEGEND = (
    "Published numbers, as read at their source: other data, other probes. Compare methods within a table, "
    "not with results of lordbench."
)
ARROWS = {"higher": "↑", "lower": "↓"}


def published_tables(tables: Sequence[PublishedTable]) -> Iterator[Table]:
    """Make a table of each published one, with its source, data, probe and caveats below it."""
    for table in tables:
        columns = [f"{name} {ARROWS[better]}" for name, better in table.columns.items()]
        rows = [Row((row.method, row.data, *(f"{value:.2f}" for value in row.values))) for row in table.rows]
        notes = (f"Source: {table.source}.", f"Data: {table.data}.", f"Probe: {table.probe}.", *table.caveats)
        header = ("method", "data", *columns)
        yield Table(f"published: {table.title}", header, tuple(rows), right=frozenset(columns), notes=notes)
