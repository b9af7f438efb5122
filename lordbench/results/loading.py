"""Reading a results CSV: that of a run folder, or one by itself."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from lordbench.evaluation.measurement import Samples
from lordbench.evaluation.statistics import fewest_groups, resampled_means
from lordbench.results.damage import DamageWarning, warn_of_damage
from lordbench.results.rows import COLUMNS, column_types, read_csv, typed
from lordbench.results.run_folder import CellFolder, Store
from lordbench.results.samples import Block
from lordbench.utils import seeds
from lordbench.utils.errors import UserError
from lordbench.utils.integrity import ALTERED, checksum_file, differs_from_checksum

HINT = "A leaderboard is made of results.csv files as `lordbench run` writes them."


def results_file(path: Path) -> Path:
    """The results CSV of a run folder, or the one that a path names.

    Raises:
        UserError: it is not there.
    """
    file = path / "results.csv" if path.is_dir() else path
    if not file.is_file():
        raise UserError(f"{file}: no such file", "Name a run folder (it holds results.csv) or a results CSV.")
    return file.resolve()


def read_results(file: Path) -> pd.DataFrame:
    """Read a results CSV, and name what is damaged of it and of the cells beside it in warnings.

    In a run folder the cells give the rows where the file is not as it was written.

    Raises:
        UserError: it is not a results CSV or, without cells beside it, not as it was written.
    """
    warn_of_damage(_cells_beside(file))
    try:
        table = read_csv(_whole(file))
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
    return table


def _cells_beside(file: Path) -> list[CellFolder]:
    store = Store(file.parent)
    return store.cells() if file == store.results else []


def _whole(file: Path) -> Path | io.StringIO:
    """The text of a results CSV as it was written."""
    if not differs_from_checksum(file):
        return file
    checksum = checksum_file(file)
    if not _cells_beside(file):
        raise UserError(
            f"{file}: {ALTERED}: its hash is not the one in {checksum.name}",
            f"Copy both again from where they were written; if the change was yours, delete {checksum}.",
        )
    warnings.warn(f"{file}: {ALTERED}; the cells beside it give the rows", DamageWarning, stacklevel=2)
    return io.StringIO(Store(file.parent).rows().to_csv(index=False))


TOLERANCE = 1e-5
"""Samples are float32: their mean is the row's value up to this, of the largest sample."""
NOT_KEPT = "samples were not kept, or their file is not beside results.csv"


class Value(NamedTuple):
    """A row's value, and where the samples behind it are."""

    value: float
    n: int
    seed: int
    cell: str
    experiment: str
    samples: str


class NoSamplesError(Exception):
    """The samples behind a value cannot be had; says why."""


class Resampled(NamedTuple):
    """Means of several keys over the same resamples of their groups: (R, K); none of a single group."""

    means: npt.NDArray[np.float64] | None
    n_groups: int


class SampleFiles:
    """Finds the samples of values, and resamples them; each file is read once, each block resampled once.

    Args:
        paths: run folders, or results CSVs in them, as given to `collect`.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        folders = (path if path.is_dir() else path.parent for path in paths)
        self._stores = [Store(folder) for folder in dict.fromkeys(folder.resolve() for folder in folders)]
        self._blocks: dict[tuple[Path, str], list[Block]] = {}
        self._resampled: dict[int, Resampled] = {}

    def samples(self, value: Value) -> Samples:
        """The samples behind a value.

        Raises:
            NoSamplesError: there are none, or not those of the value.
        """
        block, place = self._find(value)
        return Samples(block.values[place], block.groups)

    def resampled(self, value: Value) -> tuple[npt.NDArray[np.float64] | None, int]:
        """Means of a value's samples over resampled groups, float64 (R,), and the number of groups.

        All values of a seed and experiment with equal groups see the same resamples, whatever the method and
        whichever other values there are. There is nothing to resample in a single group: None.

        Raises:
            NoSamplesError: as for `samples`.
        """
        block, place = self._find(value)
        if id(block) not in self._resampled:
            groups = tuple(block.groups)
            fewest, means = fewest_groups(groups), None
            if fewest > 1:
                generator = seeds.numpy_generator(value.seed, "paired", value.experiment)
                means = resampled_means(block.values.T.astype(np.float64), groups, generator)
            self._resampled[id(block)] = Resampled(means, fewest)
        found = self._resampled[id(block)]
        return None if found.means is None else found.means[:, place], found.n_groups

    def _find(self, value: Value) -> tuple[Block, int]:
        """The block that holds a value's samples, and their place in it."""
        reason = NOT_KEPT
        for store in self._stores:
            try:
                blocks = self._read(store, value)
            except OSError:
                continue
            except ValueError:
                reason = "the file of samples is damaged"
                continue
            places = [(b, b.keys.index(value.samples)) for b in blocks if value.samples in b.keys]
            if not places:
                reason = "a value of a whole set"
            for block, place in places:
                if _belong(block.values[place], value):
                    return block, place
                reason = "the samples kept are those of another value"
        raise NoSamplesError(reason)

    def _read(self, store: Store, value: Value) -> list[Block]:
        folder = store.cell(value.cell)
        key = (folder.path, value.experiment)
        if key not in self._blocks:
            self._blocks[key] = folder.samples(value.experiment)
        return self._blocks[key]


def _belong(samples: npt.NDArray[np.float32], value: Value) -> bool:
    reach = TOLERANCE * float(np.abs(samples).max(initial=0))
    return len(samples) == value.n and abs(float(samples.mean(dtype=np.float64)) - value.value) <= reach
