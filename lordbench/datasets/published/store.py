"""The store of a prepared data set: a folder of memory-mapped images, labels and metadata.

It holds `images.npy` (uint8, NCHW), `labels.npy` (int64, one column a label) and `meta.json`. It is written
under a temporary name and renamed when complete.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from lordbench.data.images import Column, Int64Array, UInt8Array
from lordbench.utils import files
from lordbench.utils.errors import UserError
from lordbench.utils.progress import Track

IMAGES, LABELS, META = "images.npy", "labels.npy", "meta.json"


@dataclass(frozen=True)
class Draft:
    """The content of a store to be written, with the images as a stream in any order.

    Labels are written after the images, so the stream may fill in a column while it is read.

    Attributes:
        columns: labels by name; each of N values.
        image_shape: (C, S, S).
        blocks: rows of some images, int64 (n,), and the images, uint8 (n, C, S, S).
        n_blocks: number of blocks, for the progress bar.
    """

    columns: dict[str, Column]
    image_shape: tuple[int, int, int]
    blocks: Iterable[tuple[Int64Array, UInt8Array]]
    n_blocks: int

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())).values)


@dataclass(frozen=True)
class Store:
    """A store on disk.

    Attributes:
        folder: of its files.
        images: uint8, (N, C, S, S), memory-mapped and read-only.
        columns: labels by name.
        sha256: of `images.npy` when it was written.
        about: its metadata: `name`, `version`, `settings`, `source` and `check`.
    """

    folder: Path
    images: UInt8Array
    columns: dict[str, Column]
    sha256: str
    about: dict[str, Any]

    @property
    def size(self) -> int:
        """Height and width of the images in pixels."""
        return int(self.images.shape[2])


def write(folder: Path, draft: Draft, about: dict[str, Any], track: Track[Any]) -> None:
    """Write a store, replacing an existing one; an interruption leaves the existing one.

    Raises:
        UserError: the disk is too full, or images are missing in the stream.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    half, old = (folder.parent / f".{state}-{folder.name}" for state in ("half", "old"))
    with FileLock(folder.parent / f".{folder.name}.lock"):
        # Left by a killed process: nobody else writes here while we hold the lock.
        for rest in (half, old):
            shutil.rmtree(rest, ignore_errors=True)
        half.mkdir()
        try:
            _fill(half, draft, about, track)
            if folder.exists():
                # A folder cannot be renamed onto another.
                folder.replace(old)
            half.replace(folder)
        finally:
            for rest in (half, old):
                shutil.rmtree(rest, ignore_errors=True)


def read(folder: Path) -> Store | None:
    """Read the store in a folder; None if it does not exist.

    Raises:
        UserError: the store is damaged.
    """
    if not folder.is_dir():
        return None
    try:
        meta = files.read_json(folder / META)
        images: UInt8Array = np.load(folder / IMAGES, mmap_mode="r", allow_pickle=False)
        table = np.load(folder / LABELS, allow_pickle=False)
        columns = {
            entry["name"]: Column(
                np.ascontiguousarray(table[:, k]), None if entry["names"] is None else tuple(entry["names"])
            )
            for k, entry in enumerate(meta["columns"])
        }
        if images.dtype != np.uint8 or images.ndim != 4 or len(images) != len(table):
            raise ValueError(f"{images.shape} images and {table.shape} labels do not match")
        return Store(folder, images, columns, meta["images_sha256"], meta["about"])
    except Exception as error:
        # Damage raises nearly any exception; the remedy is the same.
        raise UserError(
            f"{folder}: this prepared data set is damaged: {error}",
            "Delete the folder and prepare the data set again.",
        ) from error


def _fill(folder: Path, draft: Draft, about: dict[str, Any], track: Track[Any]) -> None:
    checksum = _write_images(folder / IMAGES, draft, track)
    table = np.stack([column.values for column in draft.columns.values()], axis=1)
    with files.replacing(folder / LABELS) as temporary:
        np.save(temporary, table, allow_pickle=False)
    meta = {
        "about": about,
        "columns": [{"name": name, "names": column.names} for name, column in draft.columns.items()],
        "images_sha256": checksum,
    }
    files.write_json(folder / META, meta)


def _write_images(path: Path, draft: Draft, track: Track[Any]) -> str:
    """Write the stream to a plain file: pages of a memory map would count as memory in use.

    Returns:
        sha256 of the file; computed while writing as long as the images come in order.
    """
    shape = (len(draft), *draft.image_shape)
    step = int(np.prod(draft.image_shape))
    _require_room(path.parent, step * len(draft))
    written = np.zeros(len(draft), dtype=bool)
    with path.open("wb") as file:
        header = _header(shape)
        file.write(header)
        start, hashed = len(header), 0
        digest = hashlib.sha256(header)
        label = f"preparing {path.parent.name.removeprefix('.half-')}"
        for rows, block in track(draft.blocks, label, draft.n_blocks):
            if block.dtype != np.uint8 or block.shape[1:] != draft.image_shape or written[rows].any():
                raise ValueError(f"block of {block.dtype} {block.shape} at {rows} does not fit {shape}")
            written[rows] = True
            # Consecutive rows are written at once.
            for run in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(rows) != 1) + 1):
                pixels = np.ascontiguousarray(block[run[0] : run[-1] + 1]).data
                file.seek(start + int(rows[run[0]]) * step)
                file.write(pixels)
                if rows[run[0]] == hashed:
                    digest.update(pixels)
                    hashed += len(run)
        file.flush()
        os.fsync(file.fileno())
    if not written.all():
        raise UserError(
            f"{int((~written).sum())} of {len(written)} images are missing",
            "The files changed while they were read. Run the same command again.",
        )
    return digest.hexdigest() if hashed == len(draft) else files.sha256(path)


def _header(shape: tuple[int, ...]) -> bytes:
    """Return the header of a .npy file of uint8 values."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def _require_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"{folder}: {needed / 2**20:,.0f} MiB are required, {free / 2**20:,.0f} MiB are free",
            "Free disk space, or set LORDBENCH_HOME to another folder.",
        )
