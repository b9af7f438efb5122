"""Files of the samples behind means, kept for paired differences.

A file is a NumPy archive (`numpy.load(path)`), with three arrays for each set of groups i = 0, 1, ...:

    i.keys     str (K,)         CODES/SUBJECT/METRIC of each mean
    i.values   float32 (K, N)   its samples
    i.groups   int64 (F, N)     group of each sample, in each of F groupings

It is not compressed: many cells share floors and groups, which an archive of all cells then compresses once.
"""

import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lordbench.data.images import Int64Array
from lordbench.evaluation.measurement import Samples
from lordbench.utils.files import replacing

LARGEST = 1 << 30
"""Largest size of all arrays of a file, unpacked, in bytes."""


@dataclass(frozen=True, eq=False)
class Block:
    """Samples of K means over the same groups: `values` is float32 (K, N), `groups` as in `Samples`."""

    keys: tuple[str, ...]
    values: npt.NDArray[np.float32]
    groups: Int64Array


def samples_key(codes: str, subject: str, metric: str) -> str:
    """Name a mean within its experiment."""
    return f"{codes}/{subject}/{metric}"


def write_samples(path: Path, samples: Mapping[str, Samples]) -> None:
    """Write samples by `samples_key`, atomically; the same samples give the same bytes."""
    keys_by_groups: dict[tuple[int, bytes], list[str]] = {}
    for key, its in samples.items():
        keys_by_groups.setdefault((len(its.groups), its.groups.tobytes()), []).append(key)
    arrays: dict[str, Any] = {}
    for i, keys in enumerate(keys_by_groups.values()):
        arrays[f"{i}.keys"] = np.array(keys)
        arrays[f"{i}.values"] = np.stack([samples[key].values for key in keys])
        arrays[f"{i}.groups"] = samples[keys[0]].groups
    with replacing(path) as temporary:
        np.savez(temporary, **arrays)


def read_samples(path: Path) -> list[Block]:
    """Read all samples of a file; OSError if it cannot be read, ValueError if it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > LARGEST:
                raise ValueError(f"it unpacks to more than {LARGEST:,} bytes")
            return [
                _block(*(_array(archive, f"{i}.{name}.npy") for name in ("keys", "values", "groups")))
                for i in range(len(members) // 3)
            ]
    except OSError:
        raise
    except Exception as error:
        # zipfile and NumPy raise nearly any exception on a truncated or altered archive.
        raise ValueError(f"{path}: damaged: {error}") from error


def _array(archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    """Read one array, after a check of its header: NumPy would allocate whatever size that claims."""
    member = archive.getinfo(name)
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name}: compressed in a way that NumPy does not write")
    with archive.open(member) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{name}: another version of NumPy's format")
        shape, in_columns, dtype = np.lib.format.read_array_header_1_0(file)
        claimed = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or claimed > member.file_size:
            raise ValueError(f"{name}: the header claims {claimed:,} bytes of {member.file_size:,}")
        if dtype.hasobject or not dtype.itemsize:
            # As many values without a size as a header likes take no byte of the file.
            raise ValueError(f"{name}: {dtype} is neither text nor numbers (pickled objects are not read)")
        content = file.read(claimed)
        return np.ndarray(shape, dtype, content, order="F" if in_columns else "C")


def _block(keys: npt.NDArray[np.str_], values: npt.NDArray[np.float32], groups: Int64Array) -> Block:
    if values.shape != (len(keys), *groups.shape[1:]) or groups.ndim != 2:
        raise ValueError(f"{len(keys)} keys, values {values.shape} and groups {groups.shape} do not match")
    if values.dtype != np.float32 or groups.dtype != np.int64 or not np.isfinite(values).all():
        raise ValueError(f"values {values.dtype} and groups {groups.dtype}, or values that are not finite")
    return Block(tuple(map(str, keys)), values, groups)
