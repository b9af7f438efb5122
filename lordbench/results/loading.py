"""Reading results: the CSV of a run folder, or one by itself, and the samples behind its values."""

import io
import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import ThreadpoolController

from lordbench.evaluation.measurement import Samples
from lordbench.evaluation.statistics import Resamples, fewest_groups
from lordbench.results.damage import DamageWarning, warn_of_damage
from lordbench.results.rows import COLUMNS, column_types, read_csv, typed
from lordbench.results.run_folder import CellFolder, Store
from lordbench.results.samples import Block
from lordbench.utils import seeds
from lordbench.utils.errors import UserError
from lordbench.utils.integrity import ALTERED, checksum_file, differs_from_checksum

HINT = "A leaderboard is made of results.csv files as `lordbench run` writes them."
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
"""Characters that a terminal would obey."""
DATE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")
TOLERANCE = 1e-5
"""Samples are float32: their mean is the row's value up to this, relative to the largest sample."""


def results_file(path: Path) -> Path:
    """The results CSV of a run folder, or the one at a path; UserError if it does not exist."""
    file = path / "results.csv" if path.is_dir() else path
    if not file.is_file():
        raise UserError(f"{file}: no such file", "Name a run folder (it holds results.csv) or a results CSV.")
    return file.resolve()


def read_results(file: Path) -> pd.DataFrame:
    """Read a results CSV; warn of damage to it and to the cells beside it.

    If the file of a run folder was altered, the rows are read from its cells. UserError: it has none, or the
    file is not a results CSV.
    """
    store = Store(file.parent)
    cells = store.cells() if file == store.results else []
    warn_of_damage(cells)
    try:
        table = read_csv(_altered(file, store, cells) if differs_from_checksum(file) else file)
    except (ValueError, OSError) as error:
        raise UserError(f"{file}: not a readable results CSV: {error}", HINT) from None
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise UserError(f"{file}: not a results CSV: no column {', '.join(missing)}", HINT)
    for name, kind in column_types().items():
        try:
            table[name] = typed(table[name], kind)
        except (ValueError, TypeError) as error:
            raise UserError(f"{file}: column {name}: {error}", HINT) from None
    if problem := next(_problems(table), ""):
        raise UserError(f"{file}: {problem}", HINT)
    return table


def _problems(table: pd.DataFrame) -> Iterator[str]:
    """What rows of the right types cannot contain: `lordbench run` writes none of it."""
    for name, kind in column_types().items():
        if kind == "text" and any(CONTROL.search(text) for text in table[name].unique()):
            yield f"column {name}: control characters"
    for text in table["started"].unique():
        if not DATE.match(text):
            yield f"column started: {text!r} is no date with a time; a row may be truncated"
    if (table["ci_low"] > table["ci_high"]).any():
        yield "an interval ends before it begins: ci_low is above ci_high"


def _altered(file: Path, store: Store, cells: list[CellFolder]) -> io.StringIO:
    """The text of an altered results CSV, from the cells beside it."""
    if not cells:
        checksum = checksum_file(file)
        raise UserError(
            f"{file}: {ALTERED}: its checksum is not the one in {checksum.name}",
            f"Copy both again from where they were written; if the change was yours, delete {checksum}.",
        )
    warnings.warn(f"{file}: {ALTERED}; the rows are read from the cells", DamageWarning, stacklevel=3)
    return io.StringIO(store.rows().to_csv(index=False))


class Value(NamedTuple):
    """A row's value, and which samples are behind it: `samples` is their `samples_key`."""

    value: float
    n: int
    seed: int
    cell: str
    experiment: str
    samples: str


class NoSamplesError(Exception):
    """The samples behind a value are not available; says why."""


class SampleFiles:
    """Finds the samples behind values in run folders (`paths` as for `collect`), and resamples them."""

    def __init__(self, paths: Iterable[Path]) -> None:
        folders = (path if path.is_dir() else path.parent for path in paths)
        self._stores = [Store(folder) for folder in dict.fromkeys(folder.resolve() for folder in folders)]
        self._threads = ThreadpoolController()
        self._blocks: dict[tuple[str, str], tuple[list[Block], str]] = {}
        self._found: dict[Value, tuple[Block, int]] = {}
        self._resamples: dict[tuple[int, str, bytes], Resamples] = {}
        self._resampled: dict[int, tuple[npt.NDArray[np.float64] | None, int]] = {}

    def samples(self, value: Value) -> Samples:
        """The samples behind a value; NoSamplesError if they are lost or belong to another value."""
        block, index = self._find(value)
        return Samples(block.values[index], block.groups)

    def resampled(self, value: Value) -> tuple[npt.NDArray[np.float64] | None, int]:
        """Means of a value's samples over resampled groups, float64 (R,), and the number of groups.

        All values of a seed and experiment with equal groups share their resamples, whatever the method, so
        the difference of two such means is that of the paired samples. A single group cannot be resampled:
        None. Raises NoSamplesError as `samples` does.
        """
        block, index = self._find(value)
        if id(block) not in self._resampled:
            groups = tuple(block.groups)
            fewest, means = fewest_groups(groups), None
            if fewest > 1:
                # As small as these matrices are, threads cost more than they save.
                with self._threads.limit(limits=1):
                    means = self._draws(value, block).means(block.values.T.astype(np.float64))
            self._resampled[id(block)] = means, fewest
        means, n_groups = self._resampled[id(block)]
        return None if means is None else means[:, index], n_groups

    def _draws(self, value: Value, block: Block) -> Resamples:
        """The resamples of a seed, an experiment and a block's groups: drawn once for all methods."""
        key = value.seed, value.experiment, block.groups.tobytes()
        if key not in self._resamples:
            generator = seeds.numpy_generator(value.seed, "paired", value.experiment)
            self._resamples[key] = Resamples(tuple(block.groups), generator)
        return self._resamples[key]

    def _find(self, value: Value) -> tuple[Block, int]:
        """The block that holds a value's samples, and their index in it."""
        if value not in self._found:
            self._found[value] = self._search(value)
        return self._found[value]

    def _search(self, value: Value) -> tuple[Block, int]:
        blocks, reason = self._kept(value.cell, value.experiment)
        candidates = [(b, b.keys.index(value.samples)) for b in blocks if value.samples in b.keys]
        for block, index in candidates:
            samples = block.values[index]
            tolerance = TOLERANCE * float(np.abs(samples).max(initial=0))
            if len(samples) == value.n and abs(samples.mean(dtype=np.float64) - value.value) <= tolerance:
                return block, index
        if candidates:
            reason = "the samples kept are those of another value"
        raise NoSamplesError(reason)

    def _kept(self, cell: str, experiment: str) -> tuple[list[Block], str]:
        """The samples of an experiment of a cell in all run folders, and why a value may have none there."""
        key = cell, experiment
        if key not in self._blocks:
            blocks, reason = list[Block](), "samples were not kept, or their file is not beside results.csv"
            for store in self._stores:
                try:
                    blocks += store.cell(cell).samples(experiment)
                    reason = "a value of a whole set"
                except ValueError:
                    reason = "the file of samples is damaged"
                except OSError:
                    continue
            self._blocks[key] = blocks, reason
        return self._blocks[key]
