"""The reference: results that ship with lordbench, to stand beside those of a run.

`reference/` has an archive for each data set, split and preset: a run folder without models, curves and
pictures, and with its tables in `leaderboard.json`. Archives are unpacked once, into lordbench's folder of
the user.

    toycars-samples-quick.tar.xz
    models/toycars-samples-quick.tar.xz   the trained method of one seed of each method
"""

from __future__ import annotations

import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from lordbench.results.cells import Settings, cell_records
from lordbench.results.leaderboard import GROUP, LINE, collect, group_title, label, merge, row_name
from lordbench.utils.errors import UserError, did_you_mean
from lordbench.utils.files import UNFINISHED, home, plugin_folder, remove_unfinished, sha256

NAME = "reference"
SUFFIX = ".tar.xz"
TABLES = "leaderboard.json"
MEMBER = re.compile(
    r"(results\.csv(\.sha256)?|leaderboard\.json|cells/[0-9a-f]{16}/[\w-]+\.(json|npz|safetensors))"
)
"""Names of the files in an archive."""
LARGEST = 1 << 30
"""Largest size of an archive's files, unpacked, in bytes."""
SIZES = ("image_size", "budget", "evaluation")
"""Parts of a preset that must be equal for results of one name to be comparable."""
Place = tuple[str, ...]
"""Values of `GROUP`."""


class Beside(NamedTuple):
    """Rows of others that can stand beside one's own, and for each group of one's own that has none, why."""

    rows: pd.DataFrame
    missing: list[str]


def archives(models: bool = False) -> list[Path]:
    """The archives that ship with lordbench: of results, or of trained models."""
    return archives_in(plugin_folder(NAME) / ("models" if models else ""))


def archives_in(folder: Path) -> list[Path]:
    """The archives in a folder, by name."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def reference_runs() -> list[Path]:
    """Run folders with the results that ship with lordbench.

    Raises:
        UserError: none do, or an archive is damaged.
    """
    if not (found := archives()):
        message = "no reference results ship with this version"
        raise UserError(message, "Name run folders or results CSVs of your own instead.")
    return [unpacked(archive) for archive in found]


def runs_named(name: Path | str) -> list[Path]:
    """The runs that a name stands for: those of the reference, or the run folder or results CSV itself.

    Raises:
        UserError: as from `reference_runs`.
    """
    return reference_runs() if str(name) == NAME else [Path(name)]


def unpacked(archive: Path) -> Path:
    """Unpack an archive, unless it is unpacked already, and return the folder.

    Raises:
        UserError: it is damaged, or holds anything but the files of a reference.
    """
    folder = home() / NAME / f"{archive.name.removesuffix(SUFFIX)}-{sha256(archive)[:12]}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_unfinished(folder.parent, older_than=3600.0)
    temporary = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder.parent))
    try:
        _extract(archive, temporary)
        os.replace(temporary, folder)
    except Exception as error:
        # Another process may have unpacked it meanwhile. tarfile raises nearly any exception on damage.
        if not folder.is_dir():
            raise UserError(f"{archive}: cannot be unpacked: {error}", "Install lordbench again.") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _extract(archive: Path, folder: Path) -> None:
    left = LARGEST
    with tarfile.open(archive, "r:xz") as opened:
        for member in opened:
            content = opened.extractfile(member) if MEMBER.fullmatch(member.name) else None
            if content is None or not member.isreg():
                raise ValueError(f"it holds {member.name!r}, which is no file of a reference")
            if (left := left - member.size) < 0:
                raise ValueError(f"it unpacks to more than {LARGEST:,} bytes")
            path = folder / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            with content, path.open("xb") as file:
                shutil.copyfileobj(content, file)


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
