"""Kill a run at random moments, restart it until it ends, and compare it with an uninterrupted one.

    python tests/support/crashes.py --kills 100

A seeded coin decides who is killed, by SIGKILL: the run itself or one of its workers.
`tests/robustness/test_crashes.py` does this a few times; the numbers in docs/reliability.md are of a hundred
kills.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
from commandline import STAMPS

from lordbench.results.rows import read_csv
from lordbench.training.checkpoints import read_tensors
from lordbench.utils.files import read_json

CHECKPOINT_SECONDS = 1.0


class Grid:
    """A command that ends with the same results, however often it is killed.

    Args:
        command: `lordbench run` and its options, all but the folder.
        folder: for run folders.
        jobs: number of cells at a time; with one there are no workers.
    """

    def __init__(self, command: list[str], folder: Path, jobs: int = 2) -> None:
        self.command = [sys.executable, "-m", "lordbench", *command]
        self.command += ["-j", str(jobs), "--checkpoint-every", str(CHECKPOINT_SECONDS)]
        self.jobs = jobs
        self.folder = folder

    def begin(self, name: str) -> subprocess.Popen[bytes]:
        """Start the command in a run folder."""
        return subprocess.Popen(
            [*self.command, "--out", str(self.folder / name)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
        )

    def unbroken(self) -> float:
        """Run it to its end; return the seconds that it took."""
        began = time.monotonic()
        assert self.begin("unbroken").wait() == 0
        return time.monotonic() - began

    def broken(self, name: str, kills: int, longest: float, chance: random.Random) -> tuple[int, int]:
        """Run it to its end, with kills; return how many hit the run, and how many workers.

        Args:
            name: of the run folder.
            kills: maximum number.
            longest: longest time between two kills in seconds; each is uniform in [0, longest].
            chance: random generator of times and victims.
        """
        runs = workers = 0
        process = self.begin(name)
        while runs + workers < kills:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0, longest))
            if process.poll() is not None:
                break
            victims = [] if self.jobs == 1 or chance.random() < 0.5 else workers_of(self.folder / name)
            if victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(chance.choice(victims), signal.SIGKILL)
                    workers += 1
                continue
            process.kill()
            process.wait()
            runs += 1
            process = self.begin(name)
        code = process.wait()
        # A cell whose worker was killed three times has failed; the next run tries again.
        for _ in range(2):
            code = self.begin(name).wait() if code == 1 else code
        assert code == 0, code
        return runs, workers


def workers_of(root: Path) -> list[int]:
    """Process ids of the running workers."""
    found = []
    for path in root.glob("cells/*/progress.json"):
        with contextlib.suppress(OSError, ValueError):
            found.append(read_json(path)["pid"])
    return sorted(found)


def unlike(one: Path, other: Path) -> list[str]:
    """List the differences between two run folders: values, samples, pictures, curves and trained weights."""
    found = []
    rows = [read_csv(root / "results.csv").drop(columns=STAMPS) for root in (one, other)]
    if not rows[0].equals(rows[1]):
        found.append("results.csv")
    names = [sorted(str(path.relative_to(root)) for path in root.glob("cells/*/*")) for root in (one, other)]
    found += [f"{name}: in one only" for name in sorted(set(names[0]) ^ set(names[1]))]
    leftovers = [
        path for path in other.rglob("*") if path.name.startswith((".writing-", "progress", "check"))
    ]
    found += [f"{path}: left over" for path in leftovers]
    for name in sorted(set(names[0]) & set(names[1])):
        a, b = one / name, other / name
        if a.suffix in (".npz", ".png", ".csv") and a.read_bytes() != b.read_bytes():
            found.append(name)
        if a.suffix == ".safetensors" and not _same_tensors(a, b):
            found.append(name)
    return found


def _same_tensors(a: Path, b: Path) -> bool:
    (one, _), (other, _) = read_tensors(a), read_tensors(b)
    return one.keys() == other.keys() and all(
        np.array_equal(one[name].numpy(), other[name].numpy()) for name in one
    )


@click.command()
@click.option("--kills", default=100, show_default=True)
@click.option("--jobs", default=2, show_default=True, help="Cells at a time.")
@click.option("--seed", default=0, show_default=True, help="Of the moments.")
@click.option("--longest", default=20.0, show_default=True, help="Seconds between two kills, at most.")
@click.option("--methods", default="lord,drnet,mlvae", show_default=True)
@click.option("--experiments", default="content-transfer,reconstruction", show_default=True)
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="For the run folders.")
def main(
    kills: int, jobs: int, seed: int, longest: float, methods: str, experiments: str, folder: Path | None
) -> None:
    """Kill a smoke grid again and again, and compare."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        command = ["run", "--preset", "smoke", "--methods", methods, "--experiments", experiments]
        grid = Grid(command, Path(temporary), jobs)
        click.echo(f"unbroken: {grid.unbroken():.0f} s")
        runs = workers = bad = grids = 0
        while runs + workers < kills:
            name = f"broken-{grids}"
            more = grid.broken(name, kills - runs - workers, longest, chance)
            runs, workers, grids = runs + more[0], workers + more[1], grids + 1
            different = unlike(Path(temporary) / "unbroken", Path(temporary) / name)
            bad += bool(different)
            click.echo(
                f"{name}: run killed {more[0]} times, workers {more[1]}; {', '.join(different) or 'the same'}"
            )
    click.echo(f"{runs} kills of the run, {workers} of workers, over {grids} grids: {bad} ended otherwise")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
