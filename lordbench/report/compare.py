"""Two cells or runs side by side: tables of what differs between them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import pandas as pd

from lordbench.report.boards import Entry, arrow, decimals, group_title, number, remarks
from lordbench.report.quantities import Column, choose, titled, titles
from lordbench.report.tables import Sheet, csv, markdown_sheet
from lordbench.results.compare import COLUMNS, ORDER, Comparison, Pair, incomparable
from lordbench.results.leaderboard import GROUP, LINE, QUANTITY, row_name

LEGEND = (
    "A is better or worse, or differs, where a 95 % interval says so. Paired: both were scored on the same "
    "samples of the same seeds, and the interval of the difference leaves out 0 (one seed: of these very "
    "trainings, bootstrap over classes and what else goes together; several: Student's t over the seeds' "
    "differences). By intervals: those of the two values do not overlap, which tells less apart. No interval "
    "is corrected for the number of comparisons."
)
NOTHING_MATCHES = (
    "No cell of A has its like in B: the same method on the same data, split, preset and seed. Name two "
    "cells to compare them as they are."
)
NONE = "–"
NOT_COMPARED = "not compared"
VALUE_HEADER = ("", "A", "B", "A - B", "95 % interval", "A is", "by")
CHANGE_HEADER = ("of", "what differs", "A", "B", "cells")
COST_HEADER = ("line", "", "A", "B", "B / A")
WORDS = {
    "train_seconds": "seconds",
    "train_images_per_second": "images per second",
    "peak_memory_mib": "peak memory, MiB",
}
"""What the columns of costs are called."""


def sheets(comparison: Comparison, metrics: Sequence[str], everything: bool) -> list[Sheet]:
    """Make the tables of a comparison.

    Args:
        comparison: as from `comparing.compare`.
        metrics: names of the quantities to show, as `quantities.choose` takes them.
        everything: whether to show all quantities; else, without metrics, those of the headline.

    Raises:
        UserError: a metric is unknown here.
    """
    columns = chosen_columns(comparison, metrics, everything)
    made = [Sheet("What is compared", notes=tuple(_overview(comparison)))]
    made += [
        Sheet(f"Only in {name}", notes=tuple(cell_title(key) for key in keys))
        for name, keys in zip("AB", comparison.matched[1:], strict=True)
        if keys
    ]
    if len(comparison.changes):
        made.append(_changes(comparison))
    if len(comparison.costs):
        made.append(_costs(comparison.costs))
    if not comparison.identical:
        made += (_values(pair, values, columns) for pair, values in comparison.values)
        made.append(Sheet("How to read it", notes=(LEGEND,)))
    return made


def chosen_columns(comparison: Comparison, metrics: Sequence[str], everything: bool) -> list[Column]:
    """The quantities to show, with their titles."""
    rows = pd.concat([comparison.a.rows, comparison.b.rows], ignore_index=True)
    if metrics:
        return choose(rows, metrics)
    headline, there = titles(rows), dict.fromkeys(rows[QUANTITY].itertuples(index=False, name=None))
    keys = [key for key in headline if key in there]
    if everything:
        keys += [key for key in there if key not in headline]
    return titled([Column("", *key) for key in keys], headline)


def chosen_values(values: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """The lines of some quantities, in the order of `columns` among those of one verdict."""
    places = {column[1:]: i for i, column in enumerate(columns)}
    keys = pd.Series(list(values[QUANTITY].itertuples(index=False, name=None)), values.index, dtype=object)
    order = pd.DataFrame({"verdict": values["verdict"].map(ORDER.index), "place": keys.map(places)})
    return values.loc[order.dropna().sort_values(["verdict", "place"], kind="stable").index]


def _overview(comparison: Comparison) -> Iterator[str]:
    for name, side in (("A", comparison.a), ("B", comparison.b)):
        yield f"{name}: {side.name}, {_count(len(side.cells), 'cell')}"
    if not comparison.n_cells:
        yield NOTHING_MATCHES
        return
    verdicts = comparison.verdicts.replace("", NOT_COMPARED)
    values = _count(len(verdicts), "value")
    if comparison.identical:
        yield f"They are the same: {values} {'is' if len(verdicts) == 1 else 'are'} equal."
    else:
        counts = verdicts.value_counts()
        said = [f"{name} in {counts[name]}" for name in (v or NOT_COMPARED for v in ORDER) if name in counts]
        yield f"Of {values} of {_count(comparison.n_cells, 'cell')} each, A is {', '.join(said)}."
    if comparison.changes.empty:
        yield "Settings, code and environment are the same."
    for name in comparison.without_settings:
        yield f"{name}: not each cell has its cell.json beside the results, so not all settings are compared."


def _changes(comparison: Comparison) -> Sheet:
    lines: list[tuple[str, ...]] = []
    texts = comparison.changes.assign(
        line=_lines(comparison.changes),
        a=comparison.changes["a"].map(_text),
        b=comparison.changes["b"].map(_text),
    )
    for key, same in texts.groupby(["kind", "name", "a", "b"], sort=False):
        where = "all" if len(same) == comparison.n_cells else ", ".join(_seeds(same))
        lines.append((*map(str, key), where))
    if comparison.n_cells == 1:
        lines = [line[:-1] for line in lines]
    return Sheet("Settings, code and environment", CHANGE_HEADER[: len(lines[0])], tuple(lines))


def _lines(table: pd.DataFrame) -> list[str]:
    """Names of lines, with their groups where there are several."""
    if len(table[GROUP].drop_duplicates()) == 1:
        return list(table["line"])
    groups = table[GROUP].itertuples(index=False, name=None)
    return [f"{line}, {group_title(group)}" for line, group in zip(table["line"], groups, strict=True)]


def _seeds(cells: pd.DataFrame) -> Iterator[str]:
    for line, its in cells.groupby("line", sort=False):
        yield f"{line} ({', '.join(map(str, its['seed']))})"


def _costs(costs: pd.DataFrame) -> Sheet:
    lines = [
        (line, WORDS[name], f"{a:,.1f}", f"{b:,.1f}", f"{b / a:.2f}" if a else NONE)
        for line, name, a, b in zip(_lines(costs), costs["name"], costs["a"], costs["b"], strict=True)
    ]
    return Sheet("Cost of training, mean over seeds", COST_HEADER, tuple(lines), frozenset(COST_HEADER[2:]))


def _values(pair: Pair, values: pd.DataFrame, columns: Sequence[Column]) -> Sheet:
    called: dict[tuple[str, ...], str] = {column[1:]: column.title for column in columns}
    shown = chosen_values(values, columns)
    lines, notes, neither = [], {}, {}
    why_not = incomparable(pair)
    for place, one in zip(shown.index, shown.to_dict("records"), strict=True):
        title = called[tuple(str(one[name]) for name in QUANTITY)] + arrow(shown.loc[[place]])
        if not (math.isnan(one["value_a"]) and math.isnan(one["value_b"])):
            lines.append((title, *_numbers(one), one["verdict"] or NONE, one["basis"]))
            notes[title] = "" if one["note"] == why_not else one["note"]
        else:
            neither[title] = one["note"]
    title_a, title_b = line_title(pair.a), line_title(pair.b)
    return Sheet(
        title_a if title_a == title_b else f"A: {title_a}; B: {title_b}",
        VALUE_HEADER,
        tuple(lines),
        frozenset(VALUE_HEADER[1:5]),
        (*([f"Not compared: {why_not}."] if why_not else []), *_remarks(notes), *_by_quantity(neither)),
    )


def _remarks(notes: dict[str, str]) -> Iterator[str]:
    """Each note once; one of all quantities without their names."""
    common = set(notes.values()) - {""}
    if len(set(notes.values())) == 1:
        yield from common
    else:
        yield from _by_quantity(notes)


def _by_quantity(notes: dict[str, str]) -> tuple[str, ...]:
    return remarks({title: [("", note)] for title, note in notes.items()})


def _numbers(one: dict[Hashable, Any]) -> Iterator[str]:
    """Both values, their difference and its interval."""
    digits = decimals(pd.Series([one["value_a"], one["value_b"]], dtype=float))
    for side in "ab":
        entry = Entry.of(one[f"value_{side}"], one[f"ci_low_{side}"], one[f"ci_high_{side}"])
        reach = "" if entry.reach is None else f" ±{entry.reach:.{digits}f}"
        yield NONE if entry.value is None else f"{number(entry.value, digits)}{reach}"
    yield NONE if math.isnan(one["difference"]) else f"{one['difference']:+.{digits}f}"
    yield (
        NONE if math.isnan(one["ci_low"]) else f"{one['ci_low']:+.{digits}f} to {one['ci_high']:+.{digits}f}"
    )


def _text(value: Any) -> str:
    if value is None:
        return NONE
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def line_title(rows: pd.DataFrame) -> str:
    """Name the line of some rows, and its seeds."""
    key = rows[LINE].iloc[0]
    seeds = sorted(set(rows["seed"]))
    listed = f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
    return f"{row_name(list(key))}, {group_title(list(key[GROUP]))}, {listed}"


def cell_title(key: tuple[str | int, ...]) -> str:
    """Name a cell by the values of `sides.CELL`."""
    return f"{row_name(key[:-1])}, {group_title(key[: len(GROUP)])}, seed {key[-1]}"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'s' * (n != 1)}"


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
