"""Comparison of two cells or runs: matching cells, their settings, cost and values."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lordbench.results import leaderboard
from lordbench.results.cells import Settings, cell_records, read_settings
from lordbench.results.damage import warn_of_damage
from lordbench.results.differences import TIE, Difference, difference, values_by_seed
from lordbench.results.loading import SampleFiles
from lordbench.results.names import GROUP, LINE, QUANTITY, row_name
from lordbench.results.run_folder import CellFolder
from lordbench.results.scales import scale_of
from lordbench.utils.errors import UserError

CELL = [*LINE, "seed"]
"""Columns by which cells of two runs are matched."""
VALUES = ("value_a", "ci_low_a", "ci_high_a", "value_b", "ci_low_b", "ci_high_b")
COLUMNS = [
    *QUANTITY, "unit", "higher_is_better", *VALUES,
    "difference", "ci_low", "ci_high", "n_seeds", "verdict", "note",
]  # fmt: skip
"""Columns of `contrast`."""
ORDER = ("better", "worse", "differs", TIE, "", "equal")
"""Verdicts, the most interesting first."""
GROUND = {
    "protocol_version": "measured by other protocols",
    "data_fingerprint": "on other data",
    "split": "with other splits",
}
"""Columns that must agree for values to be called better or worse, and the reason given if they do not."""
OTHER_POLICY = "measured in other ways: see `policy` in results.csv"
CHOSEN = "; chosen: "
"""Precedes what a probe chose by itself in the policy of a row."""
WHERE = [*GROUP, "line"]
"""Columns that locate a table row: its group and its name."""
ROW_SETTINGS = {
    "cell": ("dataset", "data_settings", "split", "preset", "method", "variant", "labels", "seed"),
    "data": ("data_fingerprint",),
    "code": ("protocol_version", "method_source", "lordbench_version", "git_sha"),
    "environment": ("device", "precision", "threads", "torch_version", "cuda_version"),
}
"""Columns of rows that describe a cell and its provenance, by kind."""
COSTS = ("train_seconds", "train_images_per_second", "peak_memory_mib")


@dataclass(frozen=True)
class Side:
    """One side: the newest cell of each table row and seed, and settings by cell id, where available."""

    name: str
    rows: pd.DataFrame
    files: SampleFiles
    settings: dict[str, Settings]

    @property
    def cells(self) -> pd.DataFrame:
        """The first row of each cell."""
        return self.rows.drop_duplicates("cell")


class Pair(NamedTuple):
    """Rows of two methods that are compared, of matching cells only."""

    a: pd.DataFrame
    b: pd.DataFrame


class Matched(NamedTuple):
    """Pairs to compare, and the cells that only one side has, by their values of `CELL`."""

    pairs: list[Pair]
    only_a: list[tuple[str | int, ...]]
    only_b: list[tuple[str | int, ...]]


@dataclass(frozen=True)
class Comparison:
    """Two sides, and what differs between them: tables as from `changes`, `costs` and, per pair, `contrast`.

    `without_settings` names the sides whose complete settings are not available.
    """

    a: Side
    b: Side
    matched: Matched
    changes: pd.DataFrame
    costs: pd.DataFrame
    values: list[tuple[Pair, pd.DataFrame]]
    without_settings: list[str]

    @property
    def n_cells(self) -> int:
        """Number of matching cells."""
        return sum(pair.a["cell"].nunique() for pair in self.matched.pairs)

    @property
    def verdicts(self) -> pd.Series[str]:
        """The verdicts on all quantities of which either side has a value."""
        tables = (table[table[["value_a", "value_b"]].notna().any(axis=1)] for _, table in self.values)
        verdicts: pd.Series[str] = pd.concat([pd.Series(dtype=str), *(table["verdict"] for table in tables)])
        return verdicts

    @property
    def identical(self) -> bool:
        """Whether both sides have the same cells, made in the same way, with exactly the same values."""
        return bool((self.verdicts == "equal").all()) and self.changes.empty and not any(self.matched[1:])


def compare(a: Side, b: Side) -> Comparison:
    """Compare two sides in everything that is known of their matching cells."""
    matched = match(a, b)
    pairs = matched.pairs
    values = [(pair, contrast(pair, a.files, b.files)) for pair in pairs]
    without_settings = [
        side.name
        for i, side in enumerate((a, b))
        if any(not pair[i]["cell"].isin(list(side.settings)).all() for pair in pairs)
    ]
    return Comparison(a, b, matched, changes(pairs, a, b), costs(pairs), values, without_settings)


def read_side(name: str) -> Side:
    """Read one side of a comparison.

    `name` is a cell's folder (`runs/cells/ID`), a run folder, a results CSV, or one of the latter two with a
    colon and the beginning of a cell's id (`runs:6203`). UserError: it does not exist, holds no results yet,
    or an id matches no cell or several.
    """
    path, prefix = Path(name), ""
    if not path.exists() and ":" in name:
        before, _, prefix = name.rpartition(":")
        path = Path(before)
    if not path.exists():
        raise UserError(
            f"{name}: no such file or folder",
            "Name a cell's folder (RUN/cells/ID), a run folder, a results CSV, or RUN:BEGINNING-OF-ID.",
        )
    folder = CellFolder(path.resolve())
    if folder.description.is_file() or folder.is_trained():
        warn_of_damage([folder])
        rows = folder.rows()
        if rows.empty:
            hint = "Resume it with the `lordbench run` that started it."
            raise UserError(f"{name}: this cell has no results yet", hint)
        own = read_settings(folder.description)
        by_id = {} if own is None else {rows["cell"].iloc[0]: own}
        return Side(name, leaderboard.merge({name: rows}), SampleFiles([folder.path.parents[1]]), by_id)
    rows = leaderboard.collect([path])
    rows = _select_cell(rows, name, prefix) if prefix else leaderboard.latest_cells(rows)
    settings = {record.settings.id: record.settings for record in cell_records([path])}
    return Side(name, rows, SampleFiles([path]), settings)


def _select_cell(rows: pd.DataFrame, name: str, prefix: str) -> pd.DataFrame:
    selected = rows[rows["cell"].str.startswith(prefix)]
    ids = list(selected["cell"].unique())
    if len(ids) != 1:
        listed = ", ".join(sorted(ids or rows["cell"].unique()))
        raise UserError(
            f"{name}: {'several cells have' if ids else 'no cell has'} an id that begins so",
            f"{'They' if ids else 'The cells there'} are: {listed}.",
        )
    return selected.reset_index(drop=True)


def match(a: Side, b: Side) -> Matched:
    """Match a single cell with a single cell whatever they are, and the cells of runs by `CELL`."""
    if len(a.cells) == len(b.cells) == 1:
        return Matched([Pair(a.rows, b.rows)], [], [])
    keys_a, keys_b = (
        pd.Series(list(side.rows[CELL].itertuples(index=False, name=None)), side.rows.index, dtype=object)
        for side in (a, b)
    )
    common = set(keys_a) & set(keys_b)
    by_line = dict(list(b.rows[keys_b.isin(common)].groupby(LINE)))
    pairs = [
        Pair(rows, by_line[line]) for line, rows in a.rows[keys_a.isin(common)].groupby(LINE, sort=False)
    ]
    only_a, only_b = (list(dict.fromkeys(keys[~keys.isin(common)])) for keys in (keys_a, keys_b))
    return Matched(pairs, only_a, only_b)


def contrast(pair: Pair, files_a: SampleFiles, files_b: SampleFiles) -> pd.DataFrame:
    """Compare the values of a pair.

    If both were scored on the same samples of the same seeds, the interval of their paired difference decides
    (`differences.difference`). Values by other protocols, on other data or with other splits are not
    compared. Of several seeds, those with a collapsed training on either side are left out, if others are
    left.

    Returns:
        A row for each quantity that either has, with `COLUMNS`: values are means over seeds, with their
        intervals; `difference` is a - b, `ci_low` and `ci_high` its interval if it is paired; `verdict` on
        a is one of `ORDER`, which sorts the rows: `differs` for metrics without a direction of merit, `equal`
        if all values are exactly the same, and empty if they cannot be compared; `note` says why.
    """
    why_not, (pair, left_out) = incomparable(pair), _without_collapsed(pair)
    a, b = (dict(list(leaderboard.with_samples(rows).groupby(QUANTITY, sort=False))) for rows in pair)
    records = []
    for key in a | b:
        both = Pair(a[key] if key in a else b[key][:0], b[key] if key in b else a[key][:0])
        result = _contrast(both, files_a, files_b, why_not)
        result["note"] = "; ".join(filter(None, [result["note"], left_out]))
        records.append(dict(zip(QUANTITY, key, strict=True)) | result)
    records.sort(key=lambda record: ORDER.index(record["verdict"]))
    return pd.DataFrame.from_records(records, columns=COLUMNS)


def _without_collapsed(pair: Pair) -> tuple[Pair, str]:
    """The pair without the seeds of collapsed trainings, as tables average, and a note on these."""
    seeds = {
        int(seed)
        for rows in pair
        for seed in rows.loc[rows["cell"].isin(leaderboard.collapsed_cells(rows)), "seed"]
    }
    a, b = (rows[~rows["seed"].isin(seeds)] for rows in pair)
    which = f"seed {', '.join(map(str, sorted(seeds)))}"
    if seeds and (a.empty or b.empty):
        return pair, f"a training of {which} has collapsed"
    return (Pair(a, b), f"without {which}, where a training has collapsed") if seeds else (pair, "")


def incomparable(pair: Pair) -> str:
    """Why the values of a pair must not be called better or worse; empty if they may."""
    reasons = []
    for name, reason in GROUND.items():
        a, b = ("/".join(sorted(map(str, rows[name].unique()))) for rows in pair)
        if a != b:
            reasons.append(f"{reason} ({a} and {b})")
    return "; ".join(reasons)


def _contrast(pair: Pair, files_a: SampleFiles, files_b: SampleFiles, why_not: str) -> dict[str, Any]:
    """Compare one quantity, of which one side may have no rows at all."""
    valued = [rows[rows["value"].notna()] for rows in pair]
    records = [rows.to_dict("records") for rows in valued]
    a, b = ((leaderboard.mean_value(own), *leaderboard.interval(own)) for own in records)
    first = pair.a if len(pair.a) else pair.b
    direction = leaderboard.direction(first.to_dict("records"))
    result: dict[str, Any] = {
        "unit": first["unit"].iloc[0],
        "higher_is_better": direction,
        **dict(zip(VALUES, (*a, *b), strict=True)),
        **Difference(a[0] - b[0], n_seeds=min(map(len, valued)))._asdict(),
    }
    policies = [{policy.partition(CHOSEN)[0] for policy in rows["policy"]} for rows in valued]
    reason = _missing(pair) or why_not or (OTHER_POLICY if policies[0] != policies[1] else "")
    if reason:
        return result | {"note": reason}
    exact = [set(rows[["seed", "value", "n"]].itertuples(index=False, name=None)) for rows in valued]
    if exact[0] == exact[1]:
        return result | {"difference": 0.0, "verdict": "equal"}
    values_a, values_b = map(values_by_seed, records)
    scale = scale_of(str(first["metric"].iloc[0]), pd.concat([rows["value"] for rows in valued]))
    paired = difference(values_a, values_b, files_a, direction is not False, files_b, scale=scale)
    result |= {"note": paired.note} if np.isnan(paired.ci_low) else paired._asdict()
    if direction is None and result["verdict"] in ("better", "worse"):
        result["verdict"] = "differs"
    return result


def _missing(pair: Pair) -> str:
    """Why one side or both have no value; empty if both have one."""
    reasons = {}
    for side, rows in zip("AB", pair, strict=True):
        if rows["value"].isna().all():
            notes = "; ".join(dict.fromkeys(filter(None, rows["note"]))) or "no value"
            reasons[side] = notes if len(rows) else "not measured"
    if len(reasons) == 2 and reasons["A"] == reasons["B"]:
        return f"neither has it: {reasons['A']}"
    return "; ".join(f"{side} has none: {reason}" for side, reason in reasons.items())


def changes(pairs: Iterable[Pair], a: Side, b: Side) -> pd.DataFrame:
    """List the settings that differ between matching cells: complete ones if both have theirs, else in rows.

    Columns are `kind` (`cell`, `method`, `data`, `preset`, `code`, `environment`), `name` (nested ones
    dotted), its value in `a` and `b` (None if missing), and `WHERE` and `seed` of the cell in a.
    """
    records = []
    for pair in pairs:
        cells = (rows.drop_duplicates("cell").sort_values("seed").to_dict("records") for rows in pair)
        for rows in zip(*cells, strict=True):
            settings = [side.settings.get(row["cell"]) for side, row in zip((a, b), rows, strict=True)]
            complete = None not in settings
            first, second = (
                _row_settings(row) | (_file_settings(own) if own is not None and complete else {})
                for row, own in zip(rows, settings, strict=True)
            )
            where = _where(rows[0]) | {"seed": int(rows[0]["seed"])}
            for kind, name in first | second:
                values = {"a": first.get((kind, name)), "b": second.get((kind, name))}
                if values["a"] != values["b"]:
                    records.append({"kind": kind, "name": name} | values | where)
    # As objects from the start: pandas would turn None into NaN in a column of text.
    return pd.DataFrame(records, columns=["kind", "name", "a", "b", *WHERE, "seed"], dtype=object)


def costs(pairs: Iterable[Pair]) -> pd.DataFrame:
    """Compare the cost of training: `WHERE`, `name` of `COSTS`, and means over the cells of `a` and `b`."""
    records = []
    for pair in pairs:
        a, b = (rows.drop_duplicates("cell") for rows in pair)
        where = _where(a.to_dict("records")[0])
        records += [where | {"name": name, "a": a[name].mean(), "b": b[name].mean()} for name in COSTS]
    return pd.DataFrame.from_records(records, columns=[*WHERE, "name", "a", "b"])


def _where(row: Mapping[Hashable, Any]) -> dict[str, Any]:
    return {name: row[name] for name in GROUP} | {"line": row_name([row[name] for name in LINE])}


def _row_settings(row: Mapping[Hashable, Any]) -> dict[tuple[str, str], Any]:
    columns = [(kind, name) for kind, names in ROW_SETTINGS.items() for name in names]
    return {(kind, name): None if row[name] == "" else row[name] for kind, name in columns}


def _file_settings(settings: Settings) -> dict[tuple[str, str], Any]:
    parts = {"method": settings.settings, "data": settings.data_settings, "preset": settings.sizes}
    return {(kind, name): value for kind, values in parts.items() for name, value in _dotted(values)}


def _dotted(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
