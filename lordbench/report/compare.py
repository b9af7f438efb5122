"""A comparison of two trainings or runs: tables of what differs, and the same as text."""

import json
import math
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import pandas as pd

from lordbench.report.boards import arrow
from lordbench.report.differences import NOT_CORRECTED
from lordbench.report.quantities import Column, choose, keys, titled, titles
from lordbench.report.tables import NONE, Entry, Row, Table, csv, decimals, footnotes, markdown
from lordbench.results.compare import COLUMNS, ORDER, Comparison, Pair, incomparable
from lordbench.results.names import GROUP, LINE, QUANTITY, group_title, row_name

LEGEND = (
    "A is better or worse, or differs, if the 95 % interval of the paired difference, on the same test pairs "
    "and seeds, does not contain 0; with one seed it does not cover the variation between trainings. "
    f"{NOT_CORRECTED}"
)
NOTHING_MATCHES = (
    "Nothing to match: no method in A was run in B on the same data set, split, preset and seed. To compare "
    "two particular trainings, use RUN:ID."
)
VALUE_HEADER = ("", "A", "B", "A - B", "95 % interval", "A is")
CHANGE_HEADER = ("of", "what differs", "A", "B", "cells")
COST_HEADER = ("method", "", "A", "B", "B / A")
COSTS = {
    "train_seconds": "seconds", "train_images_per_second": "images per second",
    "peak_memory_mib": "peak memory, MiB",
}  # fmt: skip
CSV_COLUMNS = ["line_a", "line_b", *COLUMNS]
"""Columns of the CSV: see `results.compare.contrast`."""


def compare_tables(comparison: Comparison, metrics: Sequence[str], everything: bool) -> list[Table]:
    """Make the tables of a comparison as from `results.compare.compare`.

    `metrics` are names for `quantities.choose`, which may refuse them; if empty, the headline metrics are
    shown, or `everything`.
    """
    columns = _columns(comparison, metrics, everything)
    tables = [Table("What is compared", notes=tuple(_overview(comparison)))]
    for name, cells in zip("AB", comparison.matched[1:], strict=True):
        if cells:
            tables.append(Table(f"Only in {name}", notes=tuple(map(_cell_title, cells))))
    if len(comparison.changes):
        tables.append(_changes(comparison))
    if len(comparison.costs):
        tables.append(_costs(comparison.costs))
    if not comparison.identical:
        tables += (_values(pair, values, columns) for pair, values in comparison.values)
        tables.append(Table("How to read it", notes=(LEGEND,)))
    return tables


def render(comparison: Comparison, format_: str, metrics: Sequence[str], everything: bool) -> str:
    """Write a comparison as text that ends with a line break.

    `csv` has the values and `json` everything, both of all quantities if there are no `metrics`; any other
    format is Markdown, with the tables of `compare_tables`.
    """
    if format_ not in ("csv", "json"):
        return "\n".join(map(markdown, compare_tables(comparison, metrics, everything)))
    columns = _columns(comparison, metrics, everything=True)
    pairs = [
        (_line_title(pair.a), _line_title(pair.b), pair, _select(values, columns))
        for pair, values in comparison.values
    ]
    if format_ == "csv":
        tables = [values.assign(line_a=a, line_b=b) for a, b, _, values in pairs]
        return csv(pd.concat([pd.DataFrame(columns=CSV_COLUMNS, dtype=object), *tables])[CSV_COLUMNS])
    document = {
        "a": comparison.a.name,
        "b": comparison.b.name,
        "identical": comparison.identical,
        "only_a": list(map(_cell_title, comparison.matched.only_a)),
        "only_b": list(map(_cell_title, comparison.matched.only_b)),
        "changes": _records(comparison.changes),
        "costs": _records(comparison.costs),
        "lines": [
            {"a": a, "b": b, "incomparable": incomparable(pair), "values": _records(values)}
            for a, b, pair, values in pairs
        ],
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def _records(table: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """Rows of a table for JSON, with null for NaN."""
    return table.astype(object).where(table.notna(), None).to_dict("records")


def _columns(comparison: Comparison, metrics: Sequence[str], everything: bool) -> list[Column]:
    """The quantities to show, with their titles."""
    rows = pd.concat([comparison.a.rows, comparison.b.rows], ignore_index=True)
    if metrics:
        return choose(rows, metrics)
    headline, known = titles(rows), dict.fromkeys(keys(rows[QUANTITY]))
    shown = [key for key in headline if key in known]
    shown += [key for key in known if everything and key not in headline]
    return titled([Column("", *key) for key in shown], headline)


def _select(values: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Values of some quantities, sorted by verdict and by the order of `columns`."""
    places = {column[1:]: i for i, column in enumerate(columns)}
    place, verdict = keys(values[QUANTITY]).map(places), values["verdict"].map(ORDER.index)
    order = pd.DataFrame({"verdict": verdict, "place": place}).dropna()
    return values.loc[order.sort_values(["verdict", "place"], kind="stable").index]


def _overview(comparison: Comparison) -> Iterator[str]:
    for name, side in (("A", comparison.a), ("B", comparison.b)):
        yield f"{name}: {side.name}, {_count(len(side.cells), 'cell')}"
    if not comparison.n_cells:
        yield NOTHING_MATCHES
        return
    verdicts = comparison.verdicts
    values = _count(len(verdicts), "value")
    if comparison.identical:
        yield f"They are the same: {values} {'is' if len(verdicts) == 1 else 'are'} equal."
    else:
        counts = verdicts.value_counts()
        results = (f"{name or 'not compared'} in {counts[name]}" for name in ORDER if name in counts)
        yield f"Of {values} of {_count(comparison.n_cells, 'cell')} each, A is {', '.join(results)}."
    if comparison.changes.empty:
        yield "Settings, code and environment are the same."
    for name in comparison.without_settings:
        yield f"{name}: some cells have no cell.json beside the results, so not all settings are compared."


def _changes(comparison: Comparison) -> Table:
    changes = comparison.changes
    texts = changes.assign(line=_lines(changes), a=changes["a"].map(_text), b=changes["b"].map(_text))
    header = CHANGE_HEADER if comparison.n_cells > 1 else CHANGE_HEADER[:-1]
    rows = []
    for key, same in texts.groupby(["kind", "name", "a", "b"], sort=False):
        seeds = same["seed"].astype(str).groupby(same["line"], sort=False).agg(", ".join)
        cells = ", ".join(f"{line} ({own})" for line, own in seeds.items())
        where = "all" if len(same) == comparison.n_cells else cells
        rows.append(Row((*map(str, key), where)[: len(header)]))
    return Table("Settings, code and environment", header, tuple(rows))


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return NONE if value is None else text


def _costs(costs: pd.DataFrame) -> Table:
    rows = [
        Row((line, COSTS[name], f"{a:,.1f}", f"{b:,.1f}", f"{b / a:.2f}" if a else NONE))
        for line, name, a, b in zip(_lines(costs), costs["name"], costs["a"], costs["b"], strict=True)
    ]
    right = frozenset(COST_HEADER[2:])
    return Table("Cost of training, mean over seeds", COST_HEADER, tuple(rows), right=right)


def _lines(table: pd.DataFrame) -> list[str]:
    """Names of methods, with their groups if there are several."""
    groups = keys(table[GROUP])
    if groups.nunique() == 1:
        return list(table["line"])
    return [f"{line}, {group_title(group)}" for line, group in zip(table["line"], groups, strict=True)]


def _values(pair: Pair, values: pd.DataFrame, columns: Sequence[Column]) -> Table:
    names: dict[tuple[str, ...], str] = {column[1:]: column.title for column in columns}
    shown = _select(values, columns)
    rows, notes, missing = [], {}, {}
    why_not = incomparable(pair)
    for i, record in enumerate(shown.to_dict("records")):
        title = names[tuple(str(record[name]) for name in QUANTITY)] + arrow(shown[i : i + 1])
        if math.isnan(record["value_a"]) and math.isnan(record["value_b"]):
            missing[title] = [("", record["note"])]
        else:
            rows.append(Row((title, *_numbers(record), record["verdict"] or NONE)))
            notes[title] = [("", "" if record["note"] == why_not else record["note"])]
    common = {note for ((_, note),) in notes.values()}
    title_a, title_b = _line_title(pair.a), _line_title(pair.b)
    return Table(
        title_a if title_a == title_b else f"A: {title_a}; B: {title_b}",
        VALUE_HEADER,
        tuple(rows),
        right=frozenset(VALUE_HEADER[1:5]),
        notes=(
            *([f"Not compared: {why_not}."] if why_not else []),
            *(filter(None, common) if len(common) == 1 else footnotes(notes)),
            *footnotes(missing),
        ),
    )


def _numbers(record: dict[Hashable, Any]) -> Iterator[str]:
    """Both values, their difference and its interval."""
    digits = decimals(pd.Series([record["value_a"], record["value_b"]], dtype=float))
    for side in "ab":
        yield Entry.of(record[f"value_{side}"], record[f"ci_low_{side}"], record[f"ci_high_{side}"]).line(
            digits
        )
    difference, low, high = (
        NONE if math.isnan(record[name]) else f"{record[name]:+.{digits}f}"
        for name in ("difference", "ci_low", "ci_high")
    )
    yield difference
    yield NONE if low == NONE else f"{low} to {high}"


def _line_title(rows: pd.DataFrame) -> str:
    """Name a method, its group and its seeds."""
    key = list(rows[LINE].iloc[0])
    seeds = sorted(set(rows["seed"]))
    listed = f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
    return f"{row_name(key)}, {group_title(key[: len(GROUP)])}, {listed}"


def _cell_title(key: tuple[str | int, ...]) -> str:
    """Name a cell by the values of `results.compare.CELL`."""
    return f"{row_name(key[:-1])}, {group_title(key[: len(GROUP)])}, seed {key[-1]}"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'s' * (n != 1)}"
