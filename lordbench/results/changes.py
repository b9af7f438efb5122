"""What differs between cells besides their values: settings, data, code, environment, and what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from lordbench.results.cells import Settings
from lordbench.results.leaderboard import GROUP, LINE, line_name
from lordbench.results.sides import Pair, Side

WHERE = [*GROUP, "line"]
"""Which line something is said of: its group, and its name."""
COLUMNS = ["kind", "name", "a", "b", *WHERE, "seed"]
"""Columns of `changes`."""
OF_ROWS = {
    "cell": ("dataset", "data_settings", "split", "preset", "method", "variant", "labels", "seed"),
    "data": ("data_fingerprint",),
    "code": ("protocol_version", "method_source", "lordbench_version", "git_sha"),
    "environment": ("device", "precision", "threads", "torch_version", "cuda_version"),
}
"""Columns of rows that say what a cell is and how it came about, by kind."""
NOT_SIZES = ("summary", "defaults", "methods")
"""What a preset says in words, or of methods: of the latter, those that count are the method's settings."""
COSTS = ("train_seconds", "train_images_per_second", "peak_memory_mib")


def changes(pairs: Iterable[Pair], a: Side, b: Side) -> pd.DataFrame:
    """List what differs between cells that belong together.

    Args:
        pairs: as from `match`.
        a: one side.
        b: the other.

    Returns:
        A line for each pair of cells and thing that differs: `kind` (`cell`, `method`, `data`, `preset`,
        `code`, `environment`), `name` (nested ones dotted), its value in `a` and `b` (None for none), and
        `WHERE` and `seed` of the cell in a. Complete settings are compared where both cells have theirs.
    """
    records = []
    for pair in pairs:
        for one, other in _cells(pair):
            known = [side.settings.get(str(row["cell"])) for side, row in ((a, one), (b, other))]
            first, second = _of_row(one), _of_row(other)
            if known[0] is not None and known[1] is not None:
                first, second = first | _of_settings(known[0]), second | _of_settings(known[1])
            where = _where(one) | {"seed": int(one["seed"])}
            for key in [*first, *(key for key in second if key not in first)]:
                if first.get(key) != second.get(key):
                    found = {"kind": key[0], "name": key[1], "a": first.get(key), "b": second.get(key)}
                    records.append(found | where)
    # As objects from the start: pandas would make NaN of what is None in a column of text.
    return pd.DataFrame(records, columns=COLUMNS, dtype=object)


def costs(pairs: Iterable[Pair]) -> pd.DataFrame:
    """Compare what training cost: `WHERE`, `name` of `COSTS`, and means over a line's cells, `a` and `b`."""
    records = []
    for pair in pairs:
        one, other = (rows.drop_duplicates("cell") for rows in pair)
        for name in COSTS:
            means = {"a": one[name].mean(), "b": other[name].mean()}
            records.append(_where(one.iloc[0]) | {"name": name} | means)
    return pd.DataFrame.from_records(records, columns=[*WHERE, "name", "a", "b"])


def without_settings(pairs: Iterable[Pair], a: Side, b: Side) -> list[str]:
    """Names of the sides in which the complete settings of some cell are not at hand."""
    found = list(pairs)
    return [
        side.name
        for side, i in ((a, 0), (b, 1))
        if not all(cell in side.settings for pair in found for cell in pair[i]["cell"].unique())
    ]


def _cells(pair: Pair) -> Iterator[tuple[pd.Series[Any], pd.Series[Any]]]:
    """The first rows of cells that belong together."""
    ones, others = (rows.drop_duplicates("cell").sort_values("seed") for rows in pair)
    for (_, one), (_, other) in zip(ones.iterrows(), others.iterrows(), strict=True):
        yield one, other


def _where(row: pd.Series[Any]) -> dict[str, Any]:
    return {name: row[name] for name in GROUP} | {"line": line_name([row[name] for name in LINE])}


def _of_row(row: pd.Series[Any]) -> dict[tuple[str, str], Any]:
    return {(kind, name): _plain(row[name]) for kind, names in OF_ROWS.items() for name in names}


def _of_settings(settings: Settings) -> dict[tuple[str, str], Any]:
    sizes = {name: value for name, value in settings.preset.items() if name not in NOT_SIZES}
    parts = {"method": settings.settings, "data": settings.data_settings, "preset": sizes}
    return {(kind, name): value for kind, its in parts.items() for name, value in _dotted(its)}


def _dotted(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{before}{name}.")
        else:
            yield before + name, value


def _plain(value: Any) -> Any:
    """A value as JSON takes it; empty text is as good as none."""
    return (value.item() if hasattr(value, "item") else value) if value != "" else None
