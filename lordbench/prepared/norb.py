"""NORB's binary matrix format: a header in little-endian int32, then the values; gzipped or not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import numpy.typing as npt

from lordbench.images import UInt8Array
from lordbench.prepared.members import damaged

KINDS: dict[int, np.dtype[Any]] = {0x1E3D4C55: np.dtype("u1"), 0x1E3D4C54: np.dtype("<i4")}
"""Types of the values by the magic number; NORB's other types are not used by smallNORB."""
LEAST_DIMENSIONS = 3
"""A header lists this many sizes at least; those beyond `ndim` mean nothing."""


@contextmanager
def opened(path: Path) -> Iterator[tuple[IO[bytes], np.dtype[Any], tuple[int, ...]]]:
    """Open a file: the stream behind its header, the type of the values, and the shape.

    Raises:
        UserError: the file is damaged, truncated, or goes on behind its last value; names it.
    """
    try:
        opener = cast(Callable[[Path, str], IO[bytes]], gzip.open if path.suffix == ".gz" else open)
        with opener(path, "rb") as file:
            magic, n_sizes = _integers(file, 2)
            if magic not in KINDS or not 1 <= n_sizes <= 4:
                raise ValueError(f"magic number {magic:#x} and {n_sizes} dimensions are not smallNORB's")
            sizes = _integers(file, max(LEAST_DIMENSIONS, n_sizes))[:n_sizes]
            yield file, KINDS[magic], tuple(sizes)
            # Reading on also makes gzip compare its own checksum.
            if file.read(1):
                raise ValueError("it goes on behind its last value")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise damaged(path, error) from error


def matrix(path: Path, shape: tuple[int, ...], limit: int) -> npt.NDArray[np.int32]:
    """Read a whole file of int32 values, whose shape must be (n, *shape) with n up to `limit`.

    Raises:
        UserError: the file is damaged or has another shape; names it.
    """
    with opened(path) as (file, kind, found):
        _expect(kind, found, np.dtype("<i4"), shape, limit)
        values = _exactly(file, 4 * int(np.prod(found)))
    return np.frombuffer(values, "<i4").reshape(found)


def images(path: Path, shape: tuple[int, ...], n: int) -> Iterator[UInt8Array]:
    """Read a file of uint8 values one entry at a time: `n` arrays of `shape`.

    Raises:
        UserError: the file is damaged or has another shape; names it.
    """
    with opened(path) as (file, kind, found):
        _expect(kind, found, np.dtype("u1"), shape, n)
        if found[0] != n:
            raise ValueError(f"{found[0]} entries, where the labels are of {n}")
        for _ in range(n):
            yield np.frombuffer(_exactly(file, int(np.prod(shape))), np.uint8).reshape(shape)


def _expect(
    kind: np.dtype[Any], found: tuple[int, ...], wanted: np.dtype[Any], shape: tuple[int, ...],
    limit: int,
) -> None:  # fmt: skip
    if kind != wanted or found[1:] != shape or not 1 <= found[0] <= limit:
        raise ValueError(f"{kind} {found} where {wanted} {('up to', limit, *shape)} is expected")


def _integers(file: IO[bytes], n: int) -> list[int]:
    return [int(value) for value in np.frombuffer(_exactly(file, 4 * n), "<i4")]


def _exactly(file: IO[bytes], n: int) -> bytes:
    content = file.read(n)
    if len(content) != n:
        raise EOFError("it ends too early")
    return content
