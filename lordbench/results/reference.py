"""The reference beside a run: its rows that can be compared, and its trained methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from lordbench.results.archives import archives, unpacked
from lordbench.results.cells import Settings, cell_records
from lordbench.results.leaderboard import collect, merge
from lordbench.results.names import GROUP, LINE, group_title, label, row_name
from lordbench.utils.errors import UserError, did_you_mean

SIZES = ("image_size", "budget", "evaluation")
"""Parts of a preset that must be equal for results of one name to be comparable."""
Place = tuple[str, ...]
"""Values of `GROUP`."""


class Beside(NamedTuple):
    """Rows of others that can stand beside one's own, and for each group of one's own that has none, why."""

    rows: pd.DataFrame
    missing: list[str]


def model_folder(name: str) -> Path:
    """The cell of a trained method that ships with lordbench, such as `lord/toycars`.

    The name is METHOD/DATASET; where several have it, METHOD/DATASET/SPLIT/PRESET.

    Raises:
        UserError: there is none of that name.
    """
    records = cell_records(unpacked(archive) for archive in archives(models=True))
    named: dict[str, dict[str, Path]] = {}
    for each, path in ((record.settings, record.folder.path) for record in records):
        short = f"{each.label}/{label(each.dataset, each.data_variant)}"
        named.setdefault(short, {})[f"{short}/{each.split}/{each.preset_name}"] = path
    known: dict[str, Path] = {}
    for short, paths in named.items():
        known |= paths if len(paths) > 1 else dict.fromkeys([short], *paths.values())
    if name not in known:
        message = f"reference:{name}: no such trained method{did_you_mean(name, known)}"
        raise UserError(message, f"There are: {', '.join(known) or 'none'}.")
    return known[name]


def beside(rows: pd.DataFrame, runs: Sequence[Path], others: Sequence[Path]) -> Beside:
    """Find rows of other run folders that can be compared with collected rows of `runs`.

    They have the same data, split, preset and protocol; then paired differences need equal seeds, too. Of a
    method that both have, only one's own are shown.

    Raises:
        UserError: as from `collect`.
    """
    found = collect(others)
    protocols = {int(table["protocol_version"].iloc[0]) for table in (rows, found)}
    if len(protocols) > 1:
        own, other = (table["protocol_version"].iloc[0] for table in (rows, found))
        return Beside(found.iloc[:0], [f"They are of protocol {other}, and these results of {own}."])
    sizes = {record.settings.id: sizes_of(record.settings) for record in cell_records([*runs, *others])}
    own_groups, groups = (_by_group(table) for table in (rows, found))
    agreeing: list[pd.DataFrame] = []
    missing: list[str] = []
    for group, own in own_groups.items():
        title, other = group_title(group), groups.get(group)
        if other is None:
            there = "; ".join(map(group_title, groups))
            missing.append(f"{title}: no results to compare with. There are: {there}.")
        elif set(own["data_fingerprint"]) != set(other["data_fingerprint"]):
            missing.append(f"{title}: they were made on other images or labels.")
        elif len(_of_cells(own, sizes) | _of_cells(other, sizes)) > 1:
            missing.append(f"{title}: their preset of that name has other sizes.")
        else:
            names, other_names = (pd.MultiIndex.from_frame(table[LINE]) for table in (own, other))
            if common := sorted(map(row_name, set(names) & set(other_names))):
                missing.append(f"{title}: of {', '.join(common)} these results are shown, not theirs.")
            other = other[~other_names.isin(names)]
            agreeing.append(other)
            if len(other) and not set(own["seed"]) & set(other["seed"]):
                seeds = ", ".join(map(str, sorted(set(other["seed"]))))
                missing.append(f"{title}: no paired differences: they have seeds {seeds}.")
    return Beside(pd.concat(agreeing, ignore_index=True) if agreeing else found.iloc[:0], missing)


def sizes_of(settings: Settings) -> str:
    """What must be equal for results of presets of one name to be comparable."""
    return str([settings.preset.get(name) for name in SIZES])


def together(rows: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Merge collected rows with those that stand beside them."""
    return merge({"these results": rows, "the others": others}) if len(others) else rows


def _by_group(rows: pd.DataFrame) -> dict[Place, pd.DataFrame]:
    return {tuple(map(str, group)): own for group, own in rows.groupby(GROUP, sort=False)}


def _of_cells(rows: pd.DataFrame, values: Mapping[str, str]) -> set[str]:
    """The values of those cells of rows that have one."""
    return {values[cell] for cell in rows["cell"].unique() if cell in values}
