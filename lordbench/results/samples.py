"""Values of the single samples behind a mean, kept for differences on the same samples.

A file is a NumPy archive (`numpy.load(path)`), with three arrays for each way of grouping i = 0, 1, ...:

    i.keys     str (K,)         CODES/SUBJECT/METRIC of each mean
    i.values   float32 (K, N)   its samples
    i.groups   int64 (F, N)     which samples go together, in each of F ways
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lordbench.files import replacing
from lordbench.images import Int64Array
from lordbench.statistics import Groups

DAMAGED = (ValueError, KeyError, TypeError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error)
"""What NumPy raises on an archive that is cut short, altered, or none at all."""


@dataclass(frozen=True, eq=False)
class Samples:
    """The values that a mean is made of.

    Attributes:
        values: float32 (N,).
        groups: which values go together, int64 (F, N), in each of F ways.
    """

    values: npt.NDArray[np.float32]
    groups: Int64Array

    @classmethod
    def of(cls, values: npt.NDArray[np.floating] | npt.NDArray[np.bool_], groups: Groups) -> Samples:
        """Make samples of values and groups as intervals take them."""
        return cls(np.asarray(values, dtype=np.float32), np.atleast_2d(np.asarray(groups, dtype=np.int64)))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Samples)
            and np.array_equal(self.values, other.values)
            and np.array_equal(self.groups, other.groups)
        )


@dataclass(frozen=True, eq=False)
class Block:
    """Samples of several means over the same things: `values` is float32 (K, N), the rest as in `Samples`."""

    keys: tuple[str, ...]
    values: npt.NDArray[np.float32]
    groups: Int64Array


def samples_key(codes: str, subject: str, metric: str) -> str:
    """Name a mean within its experiment."""
    return f"{codes}/{subject}/{metric}"


def write_samples(path: Path, samples: Mapping[str, Samples]) -> None:
    """Write samples by `samples_key`, atomically; the same samples give the same bytes."""
    alike: dict[tuple[int, bytes], list[str]] = {}
    for key, found in samples.items():
        alike.setdefault((len(found.groups), found.groups.tobytes()), []).append(key)
    arrays: dict[str, Any] = {}
    for i, keys in enumerate(alike.values()):
        arrays[f"{i}.keys"] = np.array(keys)
        arrays[f"{i}.values"] = np.stack([samples[key].values for key in keys])
        arrays[f"{i}.groups"] = samples[keys[0]].groups
    with replacing(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def read_samples(path: Path) -> list[Block]:
    """Read all samples of a file.

    Raises:
        OSError: it is not there, or cannot be read.
        ValueError: it is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return [
                _block(file[f"{i}.keys"], file[f"{i}.values"], file[f"{i}.groups"])
                for i in range(len(file.files) // 3)
            ]
    except DAMAGED as error:
        raise ValueError(f"{path}: damaged: {error}") from error


def _block(keys: npt.NDArray[np.str_], values: npt.NDArray[np.float32], groups: Int64Array) -> Block:
    if values.shape != (len(keys), *groups.shape[1:]) or groups.ndim != 2:
        raise ValueError(f"{len(keys)} keys, values {values.shape} and groups {groups.shape} do not match")
    if values.dtype != np.float32 or groups.dtype != np.int64 or not np.isfinite(values).all():
        raise ValueError(f"values {values.dtype} and groups {groups.dtype}, or values that are not finite")
    return Block(tuple(map(str, keys)), values, groups)
