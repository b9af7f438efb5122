"""Time and quality of a whole `lordbench run`, of this checkout and of another commit, in turns."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pandas as pd

from benchmarks.page import ROOT, table
from lordbench.evaluation.statistics import student_test


@dataclass(frozen=True)
class Turn:
    """One run: seconds by the clock and of processor time, and the L1 of transfers by method."""

    clock: float
    processor: float
    l1: dict[str, float]


def first_table(against: str, rounds: int, arguments: Sequence[str]) -> str:
    """Return the tables of `rounds` rounds of a run by each commit, in fresh run folders.

    Round 0 trains seed 0, round 1 seed 1, and so on, so that the L1 of transfers is compared by seed. Data
    and weights are prepared before, by this checkout and the other, so that nothing is downloaded or drawn
    in a measured run.

    Raises:
        subprocess.CalledProcessError: a run fails.
    """
    with tempfile.TemporaryDirectory() as temporary, other_checkout(against, Path(temporary)) as other:
        checkouts = {"this commit": ROOT, against: other}
        for i, checkout in enumerate(checkouts.values()):
            run(checkout, Path(temporary) / f"warm-up-{i}", [*arguments, "--preset", "smoke"])
        turns: dict[str, list[Turn]] = defaultdict(list)
        for i in range(rounds):
            for j, (name, checkout) in enumerate(checkouts.items()):
                turn = run(checkout, Path(temporary) / f"runs-{i}-{j}", [*arguments, "--seeds", str(i)])
                click.echo(
                    f"seed {i}, {name}: clock {turn.clock:.0f} s, processor {turn.processor:.0f} s", err=True
                )
                turns[name].append(turn)
    quality = _quality(turns["this commit"], turns[against], against)
    return f"{_times(turns)}\n\nMedians of {rounds} rounds.\n\n{quality}"


def _times(turns: Mapping[str, Sequence[Turn]]) -> str:
    own = _median(turns["this commit"], "clock"), _median(turns["this commit"], "processor")
    rows = []
    for name, measured in turns.items():
        clock, processor = _median(measured, "clock"), _median(measured, "processor")
        each = ", ".join(f"{turn.clock:,.0f}" for turn in measured)
        times = [f"{clock:,.0f}", f"{clock / own[0]:.2f}", f"{processor:,.0f}", f"{processor / own[1]:.2f}"]
        rows.append([name, *times, each])
    header = ["`lordbench run`", "clock, s", "ratio", "processor, s", "ratio", "clock of each round, s"]
    return table(header, rows)


def _quality(own: Sequence[Turn], other: Sequence[Turn], against: str) -> str:
    """Return the L1 of transfers by seed, and the mean difference with its 95 % interval by Student's t."""
    rows = []
    for method in own[0].l1:
        a, b = ([turn.l1[method] for turn in turns] for turns in (own, other))
        differences = np.subtract(a, b)
        interval = "–"
        if len(differences) > 1:
            tested = student_test(differences)
            interval = f"{tested.low:+.4f} to {tested.high:+.4f}"
        values = (", ".join(f"{value:.4f}" for value in side) for side in (a, b))
        rows.append([method, *values, f"{differences.mean():+.4f}", interval])
    header = ["transfer L1 by seed", "this commit", against, "mean difference", "95 % interval"]
    return table(header, rows)


def run(checkout: Path, out: Path, arguments: Sequence[str]) -> Turn:
    """Run the command of a checkout in a process of its own."""
    before, began = _children(), time.perf_counter()
    command = [sys.executable, "-m", "lordbench", "run", "--out", str(out), *arguments]
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    subprocess.run(command, cwd=checkout, env=environment, check=True, stdout=subprocess.DEVNULL)
    clock, processor = time.perf_counter() - began, _children() - before
    rows = pd.read_csv(out / "results.csv", float_precision="round_trip")
    transfers = rows[
        (rows["subject"] == "transfer") & (rows["metric"] == "l1") & (rows["codes"] == "encoded")
    ]
    l1 = {str(method): float(own.mean()) for method, own in transfers.groupby("method", sort=False)["value"]}
    return Turn(clock, processor, l1)


@contextmanager
def other_checkout(commit: str, folder: Path) -> Iterator[Path]:
    """Check a commit out into a folder, for the time of the block."""
    git = ["git", "-C", str(ROOT), "worktree"]
    path = folder / "checkout"
    subprocess.run([*git, "add", "--quiet", "--detach", str(path), commit], check=True)
    try:
        yield path
    finally:
        subprocess.run([*git, "remove", "--force", str(path)], check=True)


def _children() -> float:
    """Processor time in seconds of the processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _median(turns: Sequence[Turn], name: str) -> float:
    return float(statistics.median(getattr(turn, name) for turn in turns))
