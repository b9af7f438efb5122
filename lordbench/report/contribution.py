"""Contributions to the reference: runs are checked, and merged into its archives."""

from __future__ import annotations

import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from lordbench.config import registry
from lordbench.config.component import Kind
from lordbench.config.presets import presets
from lordbench.config.summaries import is_shipped
from lordbench.report.leaderboard import all_tables
from lordbench.report.stored_tables import TABLES_FORMAT
from lordbench.results.archives import SUFFIX, TABLES, archives_in, unpacked
from lordbench.results.cells import CellRecord, cell_records
from lordbench.results.differences import Differences
from lordbench.results.leaderboard import collect, merge, of_newest_cells
from lordbench.results.loading import SampleFiles, read_results, results_file
from lordbench.results.names import GROUP, is_for_testing, label
from lordbench.results.reference import sizes_of
from lordbench.results.run_folder import CellFolder, Store
from lordbench.utils.errors import UserError
from lordbench.utils.files import component_name, replacing, write_text
from lordbench.utils.version import PROTOCOL_VERSION

PATH = re.compile(r'"(?:[\w-]+:)?(?:[A-Za-z]:\\\\|/|~)[^"]*"')
"""A path that is not relative, as a value in JSON, maybe behind the name of a component."""
KEPT = (".json", ".npz")
DROPPED = ("failure.json", "progress.json")


class Added(NamedTuple):
    """An archive that was written, with the number of its cells, and of those that are new."""

    archive: Path
    cells: int
    new: int


def add(runs: Sequence[Path], folder: Path, models: bool = False) -> list[Added]:
    """Check run folders and merge their cells into the archives in `folder`, one for each group of results.

    With `models`, the trained model of each method's first seed goes into an archive in `folder/models`.

    Raises:
        UserError: a cell cannot be part of the reference; nothing has been written then.
    """
    records, rows = cell_records(runs), collect(runs)
    if problems := list(_problems(records, rows, models)):
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise UserError(f"not added:\n{listed}", "Mend these, and add the runs again.")
    together = _with_archives(rows, folder)
    groups = {
        _archive_name(*map(str, group)): [r for r in records if r.settings.id in set(own["cell"])]
        for group, own in rows.groupby(GROUP, sort=False)
    }
    merged = {name: _of_archive(together, folder / name, chosen) for name, chosen in groups.items()}
    added = []
    for name, chosen in groups.items():
        added.append(_merged(folder / name, merged[name], chosen))
        if models:
            _write_models(folder / "models" / name, chosen)
    return added


def _with_archives(rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Rows, and those of other cells in the archives in a folder; UserError if they cannot be compared."""
    try:
        kept = {path.name: read_results(results_file(unpacked(path))) for path in archives_in(folder)}
        merge({"these runs": rows, **kept})  # Also what is left out below must be comparable.
        others = {name: own[~own["cell"].isin(rows["cell"])] for name, own in kept.items()}
        return merge({"these runs": rows, **others})
    except UserError as error:
        hint = f"Archives in {folder} of another protocol, or of other images, have to be deleted first."
        raise UserError(f"not added: {error.message}", hint) from None


def _archive_name(dataset: str, data_settings: str, split: str, preset: str) -> str:
    parts = (label(dataset, data_settings), split, preset)
    return re.sub(r"[^A-Za-z0-9]+", "-", " ".join(parts)).strip("-").lower() + SUFFIX


def _problems(records: Sequence[CellRecord], rows: pd.DataFrame, models: bool) -> Iterator[str]:
    """Why cells, or with `models` their models, cannot be part of the reference."""
    by_cell = {str(cell): own for cell, own in rows.groupby("cell", sort=False)}
    for cell_id in by_cell.keys() - {record.settings.id for record in records}:
        yield f"{cell_id}: its folder is missing, or its cell.json is missing or damaged"
    for record in records:
        cell, own = record.settings, by_cell.get(record.settings.id)
        title = f"{cell.title} ({cell.id})"
        yield from (f"{title}: {found}" for found in record.damage)
        experiments = map(component_name, cell.experiments)
        missing = [name for name in experiments if record.folder.measurements(name) is None]
        if own is None or missing:
            yield f"{title}: not finished: {', '.join(missing) or 'not trained'}"
            continue
        for name in map(component_name, cell.experiments):
            if lost := [
                file for file in record.folder.files(name) if not (record.folder.path / file).exists()
            ]:
                yield f"{title}: missing: {', '.join(lost)}"
        if models and not record.folder.is_trained():
            yield f"{title}: its model is missing"
        first = own.iloc[0]
        if first["protocol_version"] != PROTOCOL_VERSION:
            yield f"{title}: protocol {first['protocol_version']}, not {PROTOCOL_VERSION}"
        if not first["git_sha"] or first["git_sha"].endswith("+"):
            yield f"{title}: made by code that is not a commit ({first['git_sha'] or 'no checkout'})"
        if is_for_testing(cell.preset_name) or cell.preset_name not in presets():
            yield f"{title}: preset {cell.preset_name}: no unchanged preset of lordbench, or one for testing"
        yield from (f"{title}: {found}" for found in _strays(record, own))


def _strays(record: CellRecord, rows: pd.DataFrame) -> Iterator[str]:
    """Components that do not ship with lordbench, and paths of the machine."""
    description = record.folder.description.read_text(encoding="utf-8")
    if found := PATH.search(description):
        yield f"a path of the machine: {found[0]}"
    dataset = record.settings.dataset
    measured = rows["metric"].str.partition(".")[0]
    # Rows with a title are of metrics that do not ship, which may be unknown here.
    metrics = set(measured[measured.isin(list(registry.available("metrics"))) | (rows["title"] != "")])
    used: dict[Kind, set[str]] = {
        "methods": {record.settings.method_name},
        "experiments": {*rows["experiment"]},
        "metrics": metrics,
        "datasets": set() if dataset.startswith("folder:") else {dataset},
    }
    for kind, names in used.items():
        for name in sorted(names):
            component = registry.available(kind).get(name)
            if component is None or not is_shipped(component):
                yield f"{name} is not part of lordbench: add its file first"


def _of_archive(rows: pd.DataFrame, archive: Path, records: Sequence[CellRecord]) -> pd.DataFrame:
    """Those rows that are of an archive, if it exists, or of records; UserError if sizes differ.

    Of cells of one name and seed the newest takes the place of the others.
    """
    kept = [unpacked(archive)] if archive.exists() else []
    together = [*cell_records(kept), *records]
    if len({sizes_of(record.settings) for record in together}) > 1:
        message = f"not added: {archive.name} has results of a preset of that name with other sizes"
        raise UserError(message, "Delete the archive first, or run with the sizes of its results.")
    own = rows[rows["cell"].isin([record.settings.id for record in together])]
    return own[of_newest_cells(own)]


def _merged(archive: Path, rows: pd.DataFrame, records: Sequence[CellRecord]) -> Added:
    """Write an archive with these rows, of its own cells, if it exists, and of those of records."""
    with tempfile.TemporaryDirectory() as temporary:
        store = Store(Path(temporary))
        if archive.exists():
            shutil.copytree(unpacked(archive) / "cells", store.root / "cells")
        before = {folder.path.name for folder in store.cells()}
        for record in records:
            _copy(record.folder, store.cell(record.settings.id))
        for folder in store.cells():
            if folder.path.name not in set(rows["cell"]):
                shutil.rmtree(folder.path)
        store.write_rows(rows)
        compared = Differences(rows, SampleFiles([store.root]))
        write_text(store.root / TABLES, TABLES_FORMAT.dump_json(all_tables(rows, compared)).decode())
        cells = {folder.path.name for folder in store.cells()}
        _write_archive(archive, store.root)
    return Added(archive, len(cells), len(cells - before))


def _copy(source: CellFolder, target: CellFolder) -> None:
    target.path.mkdir(parents=True, exist_ok=True)
    for path in source.path.iterdir():
        if path.suffix in KEPT and path.name not in DROPPED:
            shutil.copyfile(path, target.path / path.name)


def _write_models(archive: Path, records: Sequence[CellRecord]) -> None:
    """Write the model of the first seed of each method, of those in the archive, too, with its settings."""
    kept = cell_records([unpacked(archive)]) if archive.exists() else []
    first: dict[str, CellRecord] = {}
    for record in sorted([*records, *kept], key=lambda record: record.settings.seed):
        first.setdefault(record.settings.label, record)
    with tempfile.TemporaryDirectory() as temporary:
        for record in first.values():
            target = Store(Path(temporary)).cell(record.settings.id)
            target.path.mkdir(parents=True, exist_ok=True)
            for path in (record.folder.description, record.folder.model):
                shutil.copyfile(path, target.path / path.name)
        _write_archive(archive, Path(temporary))


def _write_archive(archive: Path, folder: Path) -> None:
    """Archive a folder; the same files give the same bytes."""
    with replacing(archive) as temporary, tarfile.open(temporary, "w:xz", preset=9) as opened:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            # Only name, size and content: times and owners would differ from machine to machine.
            member = tarfile.TarInfo(path.relative_to(folder).as_posix())
            member.size = path.stat().st_size
            with path.open("rb") as file:
                opened.addfile(member, file)
