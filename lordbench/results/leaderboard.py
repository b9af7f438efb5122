"""Leaderboards: rows of many runs merged, averaged over seeds, and laid out one table row per method."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lordbench.config.controls import NAME as CONTROL
from lordbench.evaluation.statistics import student_test
from lordbench.results.loading import read_results, results_file
from lordbench.results.names import FOR_TESTING, GROUP, LINE, QUANTITY, is_for_testing, row_name
from lordbench.results.rows import COLUMNS, SCHEMA_VERSION
from lordbench.results.samples import samples_key
from lordbench.utils.errors import UserError
from lordbench.utils.names import shown

Record = dict[Hashable, Any]
"""A row, by the names of its columns."""
DATA = ["dataset", "data_settings", "preset"]
"""Rows with the same values here must have been made on the same images: the preset sets their size."""
DECLARED = ["section", "title"]
"""Columns with what plug-ins declare of the column that shows a value."""
PIXELS = "pixels"
"""What probes predict from the images themselves. Codes that keep a label as well have kept all; of a leak it
is no bound to be reached, but the most that can leak."""
REFERENCES = {
    "copy": "floor: copy of B",
    "copy of A": "floor: copy of A",
    "random": "floor: random view of B's class",
    "class mean": "floor: mean image of B's class",
    "input": "floor: the input unchanged",
    "other expressions": "floor: mean of A's other expressions",
    "nearest class": "floor: nearest training class, content of A",
    "chance": "floor: chance",
    "mean": "floor: mean image",
    "true image blurred 0.7 px": "true image, blurred 0.7 px",
    "true image blurred 1 px": "true image, blurred 1 px",
    "true image with noise 0.05": "true image, noise 0.05",
    "real": "ceiling: real images",
    "class from pixels": PIXELS,
    "content from pixels": PIXELS,
    "from pixels": PIXELS,
    "from random order": "floor: random order",
    "from small pixels": "pixels, 16 x 16",
}
"""Subjects that involve no method, and their names as table rows. A subject may have a restriction behind a
comma. Experiments of plug-ins name theirs `floor: NAME` or `ceiling: NAME`."""
REFERENCES_CODES = "encoded"
REFERENCES_STAND_FOR = {
    "mean": r"reconstruction",
    "class from pixels": r"class from (class|content)",
    "content from pixels": r"content from (class|content)",
    "from pixels": r"from (class|content), .*",
    # Not in leakage, where a random order is the ideal.
    "from random order": r"from class, class|from content, (?!class$).*",
    "from small pixels": r"from class, class|from content, (?!class$).*",
}
"""References appear in an experiment's columns of these codes and of subjects that match and end with the
reference's restriction. The default is transfers. Those that a plug-in names appear in all columns of the
experiment."""
FLOOR, CEILING = "floor: ", "ceiling: "
"""Names of references that a method should be better than, or cannot be better than, begin so."""
_SETS = r"fid|[fk]d_\w+"
WON_BY_CONSTRUCTION = {
    "floor: copy of A": rf".*/(content_agreement|{_SETS})",
    "floor: copy of B": rf".*/((class|source)_agreement|{_SETS})",
    "floor: random view of B's class": (
        rf".*/((class|source|domain|style)_agreement|expression_accuracy|{_SETS})"
    ),
    "floor: mean image of B's class": r".*/(class|source)_agreement",
    "floor: the input unchanged": (
        rf"expression-transfer/(identity_accuracy|{_SETS})|clustered-domain/(style|view)_agreement"
    ),
    "floor: mean of A's other expressions": r".*/identity_accuracy",
    "floor: nearest training class, content of A": r".*/(content|source)_agreement",
}
"""Quantities, as EXPERIMENT/METRIC, in which a floor is perfect because it does only half of the task: there
methods need not be better."""
COLLAPSED = "reconstruction", "encoded", "reconstruction", "collapsed"
"""The quantity, as in `QUANTITY`, that is 1 for a collapsed training."""
ENDS = {"value": "", "ci_low": "_ci_low", "ci_high": "_ci_high", "mark": "_mark"}
"""What names of columns of a wide table end in, by the column of aggregated and marked results."""
OLDER_CELLS = "older cells of the same name and seed are left out"


def collect(paths: Iterable[Path]) -> pd.DataFrame:
    """Merge run folders and results CSVs; of the same measurement, the row started last is kept.

    Damaged files are named in warnings, and left out. Rows have `rows.COLUMNS`, in an order that does not
    depend on that of `paths`.

    Raises:
        UserError: a path holds no results, a file cannot be read (see `read_results`), or the rows cannot be
            compared: several protocol versions, several or unknown schema versions, or one data set with
            several fingerprints under one preset, which sets the image size.
    """
    return merge(
        {shown(str(file)): read_results(file) for file in sorted({results_file(path) for path in paths})}
    )


def merge(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Merge tables of rows, by the name of the file or folder that each comes from: see `collect`."""
    filled = [table.assign(file=name) for name, table in tables.items() if len(table)]
    if not filled:
        raise UserError("there are no results yet", "`lordbench run` writes them as its cells finish.")
    rows = pd.concat(filled, ignore_index=True)
    _require_one(rows, "protocol_version", "results of different protocol versions")
    _require_one(rows, "schema_version", "results of different schema versions")
    if rows["schema_version"].iloc[0] != SCHEMA_VERSION:
        raise UserError(
            f"{rows['file'].iloc[0]}: schema version {rows['schema_version'].iloc[0]}, not {SCHEMA_VERSION}",
            "Run `lordbench run` again with this version of lordbench; trained cells are kept.",
        )
    for (dataset, *_), same in rows.groupby(DATA, sort=True):
        _require_one(same, "data_fingerprint", f"data set {dataset}: results on different data")
    # Of a cell that was evaluated twice, in copies of its run folder: values rather than none, then all rows
    # of the evaluation with more values. The larger sum decides the rest, so that no order of files matters.
    rows = rows.assign(has_value=rows["value"].notna())
    evaluation = rows.groupby(["file", "cell", "experiment"], sort=False)
    rows = rows.assign(
        n_values=evaluation["has_value"].transform("sum"), total=evaluation["value"].transform("sum")
    )
    rows = rows.sort_values(["started", "has_value", "n_values", "total"], kind="stable")
    key = ["cell", *QUANTITY]
    rows = rows.drop_duplicates(key, keep="last").sort_values([*LINE, "seed", *key], kind="stable")
    return rows[list(COLUMNS)].reset_index(drop=True)


def _require_one(rows: pd.DataFrame, column: str, what: str) -> None:
    files = rows.groupby(column)["file"].unique()
    if len(files) > 1:
        sources = "".join(f"\n  {version}: {', '.join(sorted(its))}" for version, its in files.items())
        raise UserError(f"{what} do not compare:{sources}", "Leave all but one of them out.")


def aggregate(rows: pd.DataFrame, apart: Sequence[str] = ()) -> pd.DataFrame:
    """Average collected rows over seeds; with `seed` among the columns `apart`, nothing is averaged.

    Collapsed trainings are counted, and left out of the mean unless all have collapsed. With one seed a value
    keeps its own interval; with several it is Student's t interval over the seeds' values.

    Returns:
        Rows in the order of `by_seed`, with the columns of `LINE`, `apart` and `QUANTITY`, `value`, `ci_low`,
        `ci_high` (float64, NaN if missing), `n_seeds` (seeds with a value whose training has not collapsed),
        `n_collapsed` (seeds whose training has), `higher_is_better` (bool or None), `unit`, `notes`,
        `searched` (of the rows, each text once), `reference` (bool: see `by_seed`), and `section` and
        `title`, what plug-ins declare.
    """
    lines = [*LINE, *apart]
    keys, values = [*lines, *QUANTITY], as_records(by_seed(rows))
    # Counted in whole rows of the table: a seed may lack even the row of a quantity.
    collapsed: dict[Hashable, dict[int, bool]] = {}
    for (*line, seed), own in grouped(values, [*lines, "seed"]).items():
        collapsed.setdefault(tuple(line), {})[seed] = any(row["collapsed"] for row in own)
    records = [
        dict(zip(keys, key, strict=True)) | _summary(same, collapsed[key[: len(lines)]])
        for key, same in grouped(values, keys).items()
    ]
    summary = [
        "value", "ci_low", "ci_high", "n_seeds", "n_collapsed", "higher_is_better", "unit", "notes",
        "searched", "reference", *DECLARED,
    ]  # fmt: skip
    return pd.DataFrame.from_records(records, columns=[*keys, *summary])


def as_records(table: pd.DataFrame) -> list[Record]:
    """The rows of a table: what `to_dict` returns, in a fifth of its time."""
    columns = [table[name].to_numpy().tolist() for name in table]
    return [dict(zip(table, row, strict=True)) for row in zip(*columns, strict=True)]


def grouped(records: Iterable[Record], keys: Sequence[str]) -> dict[tuple[Any, ...], list[Record]]:
    """Group rows by columns, in the order in which the groups first appear.

    Not in a data frame: pandas takes a millisecond for each of the thousands of small groups.
    """
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(tuple(record[key] for key in keys), []).append(record)
    return groups


def _summary(same: list[Record], collapsed: Mapping[int, bool]) -> dict[str, Any]:
    """One quantity of one table row, over its seeds; `collapsed` by seed, of the whole row."""
    valued = averaged(same)
    low, high = interval(valued)
    return {
        "value": mean_value(valued),
        "ci_low": low,
        "ci_high": high,
        "n_seeds": sum(not row["collapsed"] for row in valued),
        "n_collapsed": sum(collapsed.values()),
        "higher_is_better": direction(same),
        "unit": same[0]["unit"],
        "notes": "; ".join(_notes(same, valued, collapsed)),
        "searched": "; ".join(sorted({row["searched"] for row in same})),
        "reference": bool(same[0]["reference"]),
        **{name: str(same[-1][name]) for name in DECLARED},
    }


def mean_value(valued: Sequence[Record]) -> float:
    """Mean value of rows; NaN without rows."""
    return float(np.mean([row["value"] for row in valued])) if valued else float("nan")


def direction(rows: Iterable[Record]) -> bool | None:
    """Whether a higher value is better; None if no row says."""
    return next((bool(row["higher_is_better"]) for row in rows if not pd.isna(row["higher_is_better"])), None)


def interval(valued: Sequence[Record]) -> tuple[float, float]:
    """95 % interval of the mean value of rows, one per seed: NaN if there is none."""
    if len(valued) > 1:
        low, high, _ = student_test(np.array([row["value"] for row in valued]))
        return low, high
    if not valued:
        return float("nan"), float("nan")
    return float(valued[0]["ci_low"]), float(valued[0]["ci_high"])


def not_collapsed(rows: Sequence[Record]) -> Sequence[Record]:
    """The rows of trainings that have not collapsed, or all if none is left; rows as from `by_seed`."""
    return [row for row in rows if not row["collapsed"]] or rows


def averaged(rows: Sequence[Record]) -> list[Record]:
    """Those rows of one quantity and table row, as from `by_seed`, whose values the table averages."""
    return [row for row in not_collapsed(rows) if not pd.isna(row["value"])]


def _notes(same: Sequence[Record], valued: Sequence[Record], collapsed: Mapping[int, bool]) -> Iterator[str]:
    yield from dict.fromkeys(row["note"] for row in same if row["note"])
    seeds = [str(seed) for seed, has_collapsed in sorted(collapsed.items()) if has_collapsed]
    all_collapsed = len(seeds) == len(collapsed)
    of_seeds = len(collapsed) if all_collapsed else len(collapsed) - len(seeds)
    if 0 < len(valued) < of_seeds:
        yield f"mean of {len(valued)} of {of_seeds} seeds"
    if seeds:
        left_out = "" if all_collapsed or any(row["collapsed"] for row in valued) else ", not averaged"
        yield f"collapsed: seed {', '.join(seeds)}{left_out}"
    if same[0]["reference"]:
        return
    if len({row["method_source"] for row in same}) > 1:
        yield "the method's source differs between seeds"
    if len(precisions := sorted({row["precision"] for row in same})) > 1:
        yield f"trained in different precision: {', '.join(precisions)}"


def by_seed(rows: pd.DataFrame) -> pd.DataFrame:
    """Reduce rows, as from `collect`, to one per table row, quantity and seed; reduced rows stay as they are.

    Of several cells with the same name and seed, the one started last is kept, whole. `REFERENCES` are the
    same for all methods of a seed: they are taken once, as methods of that name, in the columns that they are
    compared in.

    Returns:
        Rows with `rows.COLUMNS`, `reference` (bool: no method, but a control, floor or ceiling), `collapsed`
        (bool: by the cell's value of `COLLAPSED`), and `samples`. Within a group methods stand in the order
        in which they were first started, then controls, floors and ceilings; each sorted by quantity and
        seed.
    """
    if "collapsed" in rows:
        return rows
    collapsed = collapsed_cells(rows)
    # Without references, concatenation makes floats of whole numbers.
    rows = _references_once(latest_cells(with_samples(rows.reset_index(drop=True))))
    rows = rows.astype({"seed": "int64", "n": "int64"})
    rows["reference"] = rows["rank"] > 0
    rows["collapsed"] = rows["cell"].isin(list(collapsed)) & ~rows["reference"]
    rows["first"] = rows.groupby(LINE)["started"].transform("min")
    order = [*GROUP, "rank", "first", *LINE[len(GROUP) :], *QUANTITY, "seed"]
    rows = rows.sort_values(order, kind="stable", ignore_index=True)
    return rows[[*COLUMNS, "reference", "collapsed", "samples"]]


def collapsed_cells(rows: pd.DataFrame) -> set[str]:
    """The ids of cells whose training has collapsed, in rows as from `collect`."""
    is_verdict = (rows[QUANTITY] == list(COLLAPSED)).all(axis=1)
    return set(rows.loc[is_verdict & (rows["value"] == 1), "cell"])


def with_samples(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the column `samples`: the `samples_key` of the value in the file of its cell."""
    keys = list(map(samples_key, rows["codes"], rows["subject"], rows["metric"]))
    return rows.assign(samples=keys).astype(dict.fromkeys(("value", "ci_low", "ci_high"), "float64"))


def of_newest_cells(rows: pd.DataFrame) -> pd.Series[bool]:
    """Whether a row is of the cell of its table row and seed that was started last."""
    in_time = rows.sort_values(["started", "cell"], kind="stable")
    return rows["cell"].isin(in_time.drop_duplicates([*LINE, "seed"], keep="last")["cell"])


def latest_cells(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the newest cell of each table row and seed: a changed method is another cell, not another seed."""
    is_newest = of_newest_cells(rows)
    kept = rows[is_newest].copy()
    dropped = rows.loc[~is_newest, LINE].drop_duplicates()
    superseded = pd.MultiIndex.from_frame(kept[LINE]).isin(pd.MultiIndex.from_frame(dropped))
    kept.loc[superseded, "note"] = [
        f"{note}; {OLDER_CELLS}" if note else OLDER_CELLS for note in kept.loc[superseded, "note"]
    ]
    return kept


def _references_once(rows: pd.DataFrame) -> pd.DataFrame:
    """Turn floors and ceilings into methods, one row per seed and quantity.

    `rank` is 0 for methods, 1 for controls, and from 2 the order of floors and ceilings.
    """
    parts = rows["subject"].str.partition(", ")
    is_reference = (rows["codes"] == "") & (
        parts[0].isin(list(REFERENCES)) | parts[0].str.startswith((FLOOR, CEILING))
    )
    rows = rows.assign(has_value=rows["value"].notna(), name=parts[0], rest=parts[1] + parts[2])
    references = rows[is_reference].sort_values(["has_value", "started", "cell"], kind="stable")
    references = references.drop_duplicates([*GROUP, "seed", *QUANTITY], keep="last")
    names = references["name"].map(REFERENCES).fillna(references["name"])
    known = list(dict.fromkeys([*REFERENCES.values(), *sorted(set(names), key=_floors_first)]))
    ranks = [2 + known.index(name) for name in names]
    references = references.assign(method=names, variant="", labels="", rank=ranks)
    others = rows[~is_reference]
    columns = others[[*GROUP, "experiment", "codes", "subject"]].drop_duplicates()
    references = references.drop(columns=["codes", "subject"]).merge(columns, on=[*GROUP, "experiment"])
    fits = list(map(_stands_in, *(references[name] for name in ("name", "rest", "codes", "subject"))))
    references = references[pd.Series(fits, references.index, dtype=bool)]
    others = others.assign(rank=(others["method"] == CONTROL).astype(int))
    return pd.concat([others, references], ignore_index=True)


def _stands_in(name: str, rest: str, codes: str, subject: str) -> bool:
    """Whether a reference, with its restriction, appears in the columns of these codes and subject."""
    if name in REFERENCES:
        pattern = REFERENCES_STAND_FOR.get(name, "transfer.*")
        return bool(codes == REFERENCES_CODES and re.fullmatch(pattern, subject)) and subject.endswith(rest)
    return f", {subject}".endswith(rest)


def _floors_first(name: str) -> tuple[bool, str]:
    return not name.startswith(FLOOR), name


def is_floor(name: str, experiment: str, metric: str) -> bool:
    """Whether a row of that name is a floor that a method should be better than in that quantity."""
    won = WON_BY_CONSTRUCTION.get(name, "")
    return name.startswith(FLOOR) and not re.fullmatch(won, f"{experiment}/{metric}")


def is_ceiling(name: str) -> bool:
    """Whether a row of that name says what can be reached, or what pixels reveal."""
    return name.startswith(CEILING) or name == PIXELS


def is_of_real_images(name: str) -> bool:
    """Whether a row of that name says what real images reach, or what their pixels reveal."""
    return name in (REFERENCES["real"], PIXELS)


def parts(means: pd.DataFrame) -> pd.Series[int]:
    """The part of a table for each of `aggregate`d results: 0 methods, 1 controls, 2 floors and ceilings."""
    return means["reference"].astype(int) * (1 + (means["method"] != CONTROL))


def wide(aggregated: pd.DataFrame) -> pd.DataFrame:
    """Lay out one row per group and method of `aggregate`d rows, in their order: `leaderboard.csv`.

    Returns:
        Columns `dataset`, `data_settings`, `split`, `preset`, `method` (with its variant and its labels;
        references by their name), `n_seeds` (the most of any quantity), `n_collapsed`, `notes`, then for each
        quantity, in alphabetical order, `EXPERIMENT/CODES/SUBJECT/METRIC`, such as
        `content-transfer/encoded/transfer/lpips`, and the same with `_ci_low`, `_ci_high` and, of marked
        results, `_mark`. NaN for missing values.
    """
    names, records = set(), []
    ends = {column: end for column, end in ENDS.items() if column in aggregated}
    for key, line in aggregated.groupby(LINE, sort=False):
        record: dict[str, Any] = dict(zip(LINE, key, strict=True))
        warnings = [FOR_TESTING] if is_for_testing(record["preset"]) else []
        record |= {
            "method": row_name(key),
            "n_seeds": int(line["n_seeds"].max()),
            "n_collapsed": int(line["n_collapsed"].max()),
            "notes": "; ".join(filter(None, [*warnings, notes_with_metrics(line)])),
        }
        for quantity, own in zip(line[QUANTITY].to_numpy(), line[list(ends)].to_numpy(), strict=True):
            name = "/".join(quantity)
            names.add(name)
            record |= {name + end: value for end, value in zip(ends.values(), own, strict=True)}
        records.append(record)
    quantities = [name + end for name in sorted(names) for end in ends.values()]
    return pd.DataFrame(records, columns=[*GROUP, "method", "n_seeds", "n_collapsed", "notes", *quantities])


def notes_with_metrics(line: pd.DataFrame) -> str:
    """The notes on the quantities of a table row, with the metrics that each concerns if not all."""
    notes = line[line["notes"] != ""].groupby("notes", sort=False)["metric"]
    return "; ".join(
        str(note) if len(metrics) == len(line) else f"{', '.join(metrics.unique())}: {note}"
        for note, metrics in notes
    )


def with_notes(notes: pd.Series[str], more: str | pd.Series[str], where: pd.Series[bool]) -> pd.Series[str]:
    """Add to the notes of some results."""
    return notes.mask(where, (notes + "; " + more).str.removeprefix("; "))
