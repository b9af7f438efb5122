"""Which data sets are ready, and how to get the others: for `lordbench data list`, `list` and `doctor`."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table

from lordbench import components
from lordbench.errors import UserError
from lordbench.prepared.dataset import PreparedDataset

CHECKS = {
    "checksums": "ready; checksums right",
    "count": "ready; not all checksums known, number of images right",
    "none": "ready; not verified",
}
"""How a prepared set was verified, in words."""


def data_table() -> tuple[Table, list[str]]:
    """The table of all data sets, and how to get each one that is missing."""
    table = Table("data set", "what it is", "state", title="Data sets", title_justify="left")
    ways = []
    for name, component in components.available("datasets").items():
        try:
            kind = component.load()
            state, way = _state(kind)
            table.add_row(name, escape(kind.summary), state)
            ways += [way] if way else []
        except UserError as error:
            table.add_row(name, f"[red]broken[/]: {escape(error.message)}", escape(error.hint))
    return table, ways


def _state(kind: Any) -> tuple[str, str]:
    """The state of a data set with its default settings, and the way to get it if it is missing."""
    if kind.takes_source:
        return "needs a path", ""
    dataset = kind(kind.Config())
    if way := dataset.missing():
        return "[yellow]missing[/]", way
    if isinstance(dataset, PreparedDataset):
        return CHECKS[dataset.stored().about["check"]], ""
    return "ready", ""
