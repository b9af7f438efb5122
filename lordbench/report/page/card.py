"""The head of the report page: what was run, when, on what, and how to do it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lordbench.config import registry, selectors
from lordbench.report.boards import method_names
from lordbench.results.cells import CellRecord
from lordbench.results.leaderboard import parts
from lordbench.results.names import is_for_testing, label
from lordbench.results.progress import RunPlan
from lordbench.results.run_folder import Store
from lordbench.utils.errors import UserError
from lordbench.utils.integrity import read_verified
from lordbench.utils.settings import read_mapping

MINUTE = 60
VALIDATION = "validation"
"""Beginning of the split of a search, whose trainings no run repeats."""


def card(
    rows: pd.DataFrame, lines: pd.DataFrame, records: Sequence[CellRecord], runs: Sequence[Path]
) -> dict[str, Any]:
    """Facts on collected rows, the `lines` that `by_seed` makes of them, and their cells, for the template.

    Returns:
        `title` (methods and data), `facts` (pairs of a term and a list of texts), `commands`, and
        `for_testing` (whether the numbers mean nothing).
    """
    # Without methods, the controls.
    own = lines[parts(lines) == min(parts(lines))]
    methods = list(dict.fromkeys(method_names(own)["method"]))
    cells = rows.drop_duplicates("cell")
    return {
        "title": f"{_joined(own['method'].unique())} on {_joined(cells['dataset'].unique())}",
        "facts": list(_facts(cells, records, methods, runs)),
        "commands": list(commands(rows, records, runs)),
        "for_testing": any(map(is_for_testing, cells["preset"])),
    }


def commands(rows: pd.DataFrame, records: Sequence[CellRecord], runs: Sequence[Path] = ()) -> Iterator[str]:
    """Commands that train the same cells again, as few as their options allow.

    Experiments are left out where the latest of `runs` left them out: these are all that apply to the data.
    """
    every, unnamed = sorted(registry.available("experiments")), _without_named_experiments(runs)
    planned = {record.settings.id: sorted(record.settings.experiments) for record in records}
    measured = rows.groupby("cell")["experiment"].agg(lambda names: sorted(set(names))).to_dict()
    methods: dict[tuple[str, ...], dict[str, set[int]]] = {}
    for row in rows.drop_duplicates("cell").to_dict("records"):
        if row["split"].startswith(VALIDATION):
            continue
        experiments = planned.get(row["cell"], measured[row["cell"]])
        which = "" if experiments == every or row["cell"] in unnamed else ",".join(experiments)
        data, split = label(row["dataset"], row["data_settings"]), row["split"].split()[-1]
        run = (data, split, row["preset"], row["labels"], which)
        methods.setdefault(run, {}).setdefault(label(row["method"], row["variant"]), set()).add(row["seed"])
    for key, own in methods.items():
        for seeds in dict.fromkeys(map(frozenset, own.values())):
            names = ",".join(name for name, its in own.items() if its == seeds)
            yield shlex.join(_arguments(names, ",".join(map(str, sorted(seeds))), *key))


def _without_named_experiments(runs: Iterable[Path]) -> set[str]:
    """Ids of the cells of the latest run in each folder that named no experiments, itself or by a grid."""
    found: set[str] = set()
    for store in map(Store, runs):
        try:
            settings = read_mapping(store.run_file)
            plan = RunPlan.model_validate(read_verified(store.plan))
        except (UserError, OSError, ValueError):
            continue
        if not settings.get("experiments"):
            # The cells of a grid have the name of the preset that it extends.
            preset = settings.get("preset")
            found |= {cell.id for cell in plan.cells if selectors.parse(cell.preset).name == preset}
    return found


def _arguments(
    methods: str, seeds: str, data: str, split: str, preset: str, labels: str, experiments: str
) -> Iterator[str]:
    yield from ("lordbench", "run", "--methods", methods, "--dataset", data)
    chosen = selectors.parse(preset)
    yield from ("--preset", chosen.name, "--split", split, "--seeds", seeds)
    for name, value in chosen.settings.items():
        yield from ("--set", f"{name}={value}")
    if labels:
        yield from ("--labels", labels)
    if experiments:
        yield from ("--experiments", experiments)


def _facts(
    cells: pd.DataFrame, records: Sequence[CellRecord], methods: Sequence[str], runs: Sequence[Path]
) -> Iterator[tuple[str, list[str]]]:
    sizes = {record.settings.id: record.settings.preset.get("image_size") for record in records}
    data: dict[str, None] = {}
    for row in cells.to_dict("records"):
        size = sizes.get(row["cell"])
        pixels = f", {size} px" if size else ""
        name = label(row["dataset"], row["data_settings"])
        data[f"{name}: {row['split']} split{pixels}, preset {row['preset']} ({row['data_fingerprint']})"] = (
            None
        )
    seeds = sorted(set(map(int, cells["seed"])))
    of_seeds = f"{len(seeds)} seeds" if len(seeds) > 1 else "one seed: no variation between trainings"
    yield "Methods", [", ".join(methods)]
    yield "Data", list(data)
    yield "Seeds", [f"{', '.join(map(str, seeds))} ({of_seeds})"]
    yield "When", [_when(cells, records)]
    hardware = ["device", "precision", "threads"]
    yield (
        "Hardware",
        [
            f"{device}, {precision}, {threads} thread{'' if threads == 1 else 's'} a training"
            for device, precision, threads in cells[hardware].drop_duplicates().itertuples(index=False)
        ],
    )
    versions = ["lordbench_version", "git_sha", "protocol_version", "torch_version", "cuda_version"]
    yield (
        "Versions",
        [
            f"lordbench {version}{f' ({sha})' if sha else ''}, protocol {protocol}, PyTorch {torch}"
            f"{f', CUDA {cuda}' if cuda else ''}"
            for version, sha, protocol, torch, cuda in cells[versions]
            .drop_duplicates()
            .itertuples(index=False)
        ],
    )
    # A page is shared: it does not say where folders lie on this machine.
    yield "From", [run.name if run.is_absolute() else str(run) for run in runs]


def _when(cells: pd.DataFrame, records: Sequence[CellRecord]) -> str:
    """When the first cell began and the last one ended; without run folders, its training."""
    minutes = f"{cells['train_seconds'].sum() / MINUTE:,.0f} min of training"
    timings = {record.settings.id: record.folder.timings().values() for record in records}
    starts = pd.to_datetime(cells["started"], utc=True, format="ISO8601", errors="coerce")
    if starts.isna().all():
        return minutes
    evaluation = {cell: sum(timing.seconds for timing in own) for cell, own in timings.items()}
    seconds = cells["train_seconds"] + cells["cell"].map(evaluation).fillna(0)
    ends = [timing.ended for own in timings.values() for timing in own if timing.ended]
    first, last = starts.min(), max([*ends, (starts + pd.to_timedelta(seconds, unit="s")).max()])
    day = "" if first.date() == last.date() else f"{last:%Y-%m-%d} "
    return f"{first:%Y-%m-%d %H:%M} to {day}{last:%H:%M} UTC; {minutes}"


def _joined(names: Iterable[str], most: int = 4) -> str:
    names = list(names)
    shown = names[:most] + ([f"{len(names) - most} more"] if len(names) > most else [])
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
