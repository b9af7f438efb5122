"""The samples behind rows, looked up in the run folders that the rows come from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lordbench import seeds
from lordbench.results.samples import Block, Samples
from lordbench.results.store import Store
from lordbench.statistics import fewest_groups, resampled_means

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
