"""All that is to be said of two cells or runs beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lordbench.results.cells import Settings, cell_records, read_settings
from lordbench.results.damage import warn_of_damage
from lordbench.results.differences import PairedValues, difference, line_of
from lordbench.results.leaderboard import (
    GROUP,
    LINE,
    QUANTITY,
    collect,
    interval,
    latest_cells,
    merge,
    row_name,
)
from lordbench.results.loading import SampleFiles
from lordbench.results.run_folder import CellFolder
from lordbench.results.samples import samples_key
from lordbench.utils.errors import UserError

CELL = [*LINE, "seed"]
"""What makes cells of two sides the same one."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes:
        name: as it was asked for.
        rows: as from `collect`, of each line and seed the newest cell.
        files: where the samples behind them are.
        settings: of its cells by id, of those whose `cell.json` is at hand.
    """

    name: str
    rows: pd.DataFrame
    files: SampleFiles
    settings: dict[str, Settings]

    @property
    def cells(self) -> pd.DataFrame:
        """The first row of each cell."""
        return self.rows.drop_duplicates("cell")


class Pair(NamedTuple):
    """Rows of two lines that are compared, of the cells that belong together only."""

    a: pd.DataFrame
    b: pd.DataFrame


class Matched(NamedTuple):
    """What is compared with what, and the cells that only one side has, by the values of `CELL`."""

    pairs: list[Pair]
    only_a: list[tuple[str | int, ...]]
    only_b: list[tuple[str | int, ...]]


def read_side(name: str) -> Side:
    """Read one side of a comparison.

    Args:
        name: a cell's folder (`runs/cells/ID`), a run folder, a results CSV, or either of these with the
            beginning of a cell's id behind a colon (`runs:6203`).

    Raises:
        UserError: there is no such thing, it holds no results yet, or an id fits no cell or several.
    """
    path, beginning = Path(name), ""
    if not path.exists() and ":" in name:
        before, _, beginning = name.rpartition(":")
        path = Path(before)
    if not path.exists():
        raise UserError(
            f"{name}: no such file or folder",
            "Name a cell's folder (RUN/cells/ID), a run folder, a results CSV, or RUN:BEGINNING-OF-ID.",
        )
    if (path / "cell.json").is_file() or CellFolder(path).is_trained():
        return _cell(name, CellFolder(path.resolve()))
    rows = collect([path])
    rows = _of_cell(rows, name, beginning) if beginning else latest_cells(rows)
    settings = {record.settings.id: record.settings for record in cell_records([path])}
    return Side(name, rows, SampleFiles([path]), settings)


def match(a: Side, b: Side) -> Matched:
    """Find what is compared with what: a cell with a cell as they are, runs by line and seed."""
    if a.cells.shape[0] == b.cells.shape[0] == 1:
        return Matched([Pair(a.rows, b.rows)], [], [])
    of_a, of_b = _keys(a.rows), _keys(b.rows)
    common = set(of_a) & set(of_b)
    pairs = list(_pairs(a.rows[of_a.isin(common)], b.rows[of_b.isin(common)]))
    only_a, only_b = (list(dict.fromkeys(keys[~keys.isin(common)])) for keys in (of_a, of_b))
    return Matched(pairs, only_a, only_b)


def _cell(name: str, folder: CellFolder) -> Side:
    warn_of_damage([folder])
    rows = folder.rows()
    if rows.empty:
        raise UserError(
            f"{name}: this cell has no results yet", "The `lordbench run` that began it goes on with it."
        )
    settings = read_settings(folder.path / "cell.json")
    return Side(
        name,
        merge({name: rows}),
        SampleFiles([folder.path.parents[1]]),
        {} if settings is None else {rows["cell"].iloc[0]: settings},
    )


def _of_cell(rows: pd.DataFrame, name: str, beginning: str) -> pd.DataFrame:
    found = rows[rows["cell"].str.startswith(beginning)]
    ids = list(found["cell"].unique())
    if len(ids) != 1:
        listed = ", ".join(sorted(ids or rows["cell"].unique()))
        raise UserError(
            f"{name}: {'several cells have' if ids else 'no cell has'} an id that begins so",
            f"{'They' if ids else 'The cells there'} are: {listed}.",
        )
    return found.reset_index(drop=True)


def _keys(rows: pd.DataFrame) -> pd.Series[Any]:
    """The values of `CELL` of each row, as a tuple."""
    return pd.Series(list(rows[CELL].itertuples(index=False, name=None)), rows.index, dtype=object)


def _pairs(a: pd.DataFrame, b: pd.DataFrame) -> Iterator[Pair]:
    of_b = dict(list(b.groupby(LINE)))
    for line, rows in a.groupby(LINE, sort=False):
        yield Pair(rows, of_b[line])


COLUMNS = [
    *QUANTITY, "unit", "higher_is_better",
    "value_a", "ci_low_a", "ci_high_a", "value_b", "ci_low_b", "ci_high_b",
    "difference", "ci_low", "ci_high", "n_seeds", "basis", "verdict", "note",
]  # fmt: skip
"""Columns of `contrast`."""
GROUND = {
    "protocol_version": "measured by other protocols",
    "data_fingerprint": "on other data",
    "split": "with other splits",
}
"""What values must share to be called better or worse, and what is said where they do not."""
OTHER_POLICY = "measured in other ways: see `policy` in results.csv"
CHOSEN = "; chosen: "
"""Behind this, the policy of a row says what a probe chose by itself."""
DIRECTIONLESS = {"better": "differs", "worse": "differs", "not told apart": "not told apart"}
"""What a verdict becomes where neither more nor less is of merit."""
ORDER = ("better", "worse", "differs", "not told apart", "", "equal")
"""Verdicts, in the order in which a person wants to see them."""


class Mean(NamedTuple):
    """A value over seeds, with its 95 % interval: NaN for what there is not."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, found: pd.DataFrame) -> Mean:
        """Take the mean over rows, a seed each."""
        return cls(float(found["value"].mean()), *interval(found))


def incomparable(pair: Pair) -> str:
    """Why the values of a pair must not be called better or worse; empty where they may."""
    reasons = []
    for name, what in GROUND.items():
        one, other = ("/".join(sorted(map(str, rows[name].unique()))) for rows in pair)
        if one != other:
            reasons.append(f"{what} ({one} and {other})")
    return "; ".join(reasons)


def contrast(pair: Pair, files_a: SampleFiles, files_b: SampleFiles) -> pd.DataFrame:
    """Set the values of two lines side by side.

    Where both were scored on the same samples of the same seeds, the interval of their paired difference
    decides (`paired.differences`); else whether the 95 % intervals of the two values overlap, which tells
    less apart. Values by other protocols, on other data or with other splits are not compared.

    Args:
        pair: as from `match`.
        files_a: where the samples of a are.
        files_b: those of b.

    Returns:
        A line for each quantity that either has, with `COLUMNS`: values are means over seeds, with their
        intervals; `difference` is a - b, `ci_low` and `ci_high` its interval where it is paired; `n_seeds` is
        the number of seeds compared; `basis` is `paired` or `intervals`; `verdict` on a is `better`, `worse`,
        or `differs` where neither is of merit, `not told apart`, `equal` where all values are the very same,
        or empty where nothing can be said, and `note` says why. What differs stands first.
    """
    why_not = incomparable(pair)
    a, b = (dict(list(_ready(rows).groupby(QUANTITY, sort=False))) for rows in pair)
    records = []
    for key in [*a, *(key for key in b if key not in a)]:
        named = dict(zip(QUANTITY, key, strict=True))
        records.append(named | _beside(a.get(key), b.get(key), files_a, files_b, why_not))
    found = pd.DataFrame.from_records(records, columns=COLUMNS)
    return found.sort_values(
        "verdict", key=lambda its: its.map(ORDER.index), kind="stable", ignore_index=True
    )


def _ready(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows as `paired.line_of` takes them."""
    keys = list(map(samples_key, rows["codes"], rows["subject"], rows["metric"]))
    return rows.assign(samples=keys).astype(dict.fromkeys(("value", "ci_low", "ci_high"), "float64"))


def _beside(
    rows_a: pd.DataFrame | None,
    rows_b: pd.DataFrame | None,
    files_a: SampleFiles,
    files_b: SampleFiles,
    why_not: str,
) -> dict[str, Any]:
    """One quantity, of which one side may have no rows at all."""
    first = rows_b if rows_a is None else rows_a
    assert first is not None
    one, other = (first[:0] if rows is None else rows[rows["value"].notna()] for rows in (rows_a, rows_b))
    a, b = Mean.of(one), Mean.of(other)
    directions = first["higher_is_better"].dropna()
    direction = bool(directions.iloc[0]) if len(directions) else None
    shared = {
        "unit": first["unit"].iloc[0],
        "higher_is_better": direction,
        "value_a": a.value, "ci_low_a": a.low, "ci_high_a": a.high,
        "value_b": b.value, "ci_low_b": b.low, "ci_high_b": b.high,
        "difference": a.value - b.value, "ci_low": np.nan, "ci_high": np.nan,
        "n_seeds": min(len(one), len(other)), "basis": "", "verdict": "",
    }  # fmt: skip
    reason = _lacking(_no_value(rows_a), _no_value(rows_b)) or why_not
    if not reason and _policy(one) != _policy(other):
        reason = OTHER_POLICY
    if reason:
        return shared | {"note": reason}
    values_a, values_b = line_of(one), line_of(other)
    if _same(values_a, values_b):
        return shared | {"difference": 0.0, "verdict": "equal", "note": ""}
    found = difference(values_a, values_b, files_a, direction is not False, files_b)
    if np.isnan(found["ci_low"]):
        return shared | _by_intervals(a, b, direction) | {"note": found["note"]}
    names = ("difference", "ci_low", "ci_high", "n_seeds", "note")
    verdict = found["verdict"] if direction is not None else DIRECTIONLESS[found["verdict"]]
    return shared | {name: found[name] for name in names} | {"basis": "paired", "verdict": verdict}


def _no_value(rows: pd.DataFrame | None) -> str:
    """Why a side has no value; empty where it has one."""
    if rows is None:
        return "not measured"
    notes = dict.fromkeys(note for note in rows["note"] if note)
    return "" if rows["value"].notna().any() else "; ".join(notes) or "no value"


def _lacking(why_a: str, why_b: str) -> str:
    """The reasons of both sides, as one sentence."""
    if why_a == why_b:
        return why_a and f"neither has it: {why_a}"
    return "; ".join(f"{name} has none: {why}" for name, why in (("A", why_a), ("B", why_b)) if why)


def _policy(rows: pd.DataFrame) -> set[str]:
    return {policy.partition(CHOSEN)[0] for policy in rows["policy"]}


def _same(a: PairedValues, b: PairedValues) -> bool:
    """Whether two lines have the very same values of the same seeds."""
    return {seed: (its.value, its.n) for seed, its in a.items()} == {
        seed: (its.value, its.n) for seed, its in b.items()
    }


def _by_intervals(a: Mean, b: Mean, direction: bool | None) -> dict[str, Any]:
    """What the intervals of two values say; nothing where one has none."""
    if np.isnan([a.low, b.low]).any():
        return {}
    if a.low <= b.high and b.low <= a.high:
        return {"basis": "intervals", "verdict": "not told apart"}
    better = "better" if (a.value > b.value) == (direction is not False) else "worse"
    return {"basis": "intervals", "verdict": better if direction is not None else DIRECTIONLESS[better]}


WHERE = [*GROUP, "line"]
"""Which line something is said of: its group, and its name."""
CHANGE_COLUMNS = ["kind", "name", "a", "b", *WHERE, "seed"]
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
    return pd.DataFrame(records, columns=CHANGE_COLUMNS, dtype=object)


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
    return {name: row[name] for name in GROUP} | {"line": row_name([row[name] for name in LINE])}


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


@dataclass(frozen=True)
class Comparison:
    """Two sides, and what differs between them.

    Attributes:
        a: one side.
        b: the other.
        matched: which lines are compared, and which cells only one side has.
        changes: as from `changes.changes`.
        costs: as from `changes.costs`.
        values: for each pair of lines, as from `contrast.contrast`.
        without_settings: names of sides whose complete settings are not at hand.
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
        """How many cells are compared with their like."""
        return sum(pair.a["cell"].nunique() for pair in self.matched.pairs)

    @property
    def verdicts(self) -> pd.Series[str]:
        """The verdicts on all quantities of which either side has a value."""
        found = [values[values[["value_a", "value_b"]].notna().any(axis=1)] for _, values in self.values]
        verdicts: pd.Series[str] = pd.concat([pd.Series(dtype=str), *(its["verdict"] for its in found)])
        return verdicts

    @property
    def identical(self) -> bool:
        """Whether both sides have the same cells, made in the same way, with the very same values."""
        return bool((self.verdicts == "equal").all()) and self.changes.empty and not any(self.matched[1:])


def compare(a: Side, b: Side) -> Comparison:
    """Compare two sides: cells that belong together, in all that is known of them."""
    matched = match(a, b)
    return Comparison(
        a,
        b,
        matched,
        changes(matched.pairs, a, b),
        costs(matched.pairs),
        [(pair, contrast(pair, a.files, b.files)) for pair in matched.pairs],
        without_settings(matched.pairs, a, b),
    )
