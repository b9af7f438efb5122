"""The store of a prepared data set: a folder of memory-mapped images, labels and metadata.

It holds `images.npy` (uint8, NCHW), `labels.npy` (int64, one column a label) and `meta.json`. It is written
under a temporary name and renamed when complete.
"""

import hashlib
import io
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lordbench.data.images import Column, Int64Array, UInt8Array
from lordbench.utils import files
from lordbench.utils.errors import UserError
from lordbench.utils.locks import locked
from lordbench.utils.progress import Track

IMAGES, LABELS, META = "images.npy", "labels.npy", "meta.json"


@dataclass(frozen=True)
class Draft:
    """The content of a store to be written: N values of each label, and the images in blocks in any order.

    A block has the rows of some images, int64 (n,), and the images, uint8 (n, *image_shape). Labels are
    written last, so the blocks may fill in a column.
    """

    columns: dict[str, Column]
    image_shape: tuple[int, int, int]
    blocks: Iterable[tuple[Int64Array, UInt8Array]]
    n_blocks: int


@dataclass(frozen=True)
class Store:
    """A store on disk.

    Attributes:
        images: uint8, (N, C, S, S), memory-mapped and read-only.
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


def write(
    folder: Path, draft: Draft, about: dict[str, Any], track: Track[Any], *, replace: bool = True
) -> Store:
    """Write a store, replacing an existing one; an error or interruption leaves the existing one.

    With `replace=False` a store that another process has written in the meantime is kept, and returned.
    """
    half, old = (folder.parent / f".{state}-{folder.name}" for state in ("half", "old"))
    with locked(folder.parent / f".{folder.name}.lock"):
        # Left by a killed process: nobody else writes here while we hold the lock.
        _restore(folder, old)
        shutil.rmtree(half, ignore_errors=True)
        if not replace and (existing := read(folder)):
            return existing
        half.mkdir()
        try:
            checksum = _write_images(half / IMAGES, draft, track)
            with files.replacing(half / LABELS) as temporary:
                table = np.stack([column.values for column in draft.columns.values()], axis=1)
                np.save(temporary, table, allow_pickle=False)
            columns = [{"name": name, "names": column.names} for name, column in draft.columns.items()]
            files.write_json(half / META, {"about": about, "columns": columns, "images_sha256": checksum})
            if folder.exists():
                # A folder cannot be renamed onto another.
                folder.replace(old)
            half.replace(folder)
        finally:
            _restore(folder, old)
            shutil.rmtree(half, ignore_errors=True)
    store = read(folder)
    assert store is not None
    return store


def _restore(folder: Path, old: Path) -> None:
    """Put the old store back if there is no new one; else delete it."""
    if old.exists() and not folder.exists():
        old.replace(folder)
    shutil.rmtree(old, ignore_errors=True)


def read(folder: Path) -> Store | None:
    """Read the store in a folder; None if it does not exist, UserError if it is damaged."""
    if not folder.is_dir():
        return None
    try:
        meta = files.read_json(folder / META)
        images: UInt8Array = np.load(folder / IMAGES, mmap_mode="r", allow_pickle=False)
        table = np.load(folder / LABELS, allow_pickle=False)
        columns = {
            entry["name"]: Column(values, None if entry["names"] is None else tuple(entry["names"]))
            for entry, values in zip(meta["columns"], np.ascontiguousarray(table.T), strict=True)
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


def _write_images(path: Path, draft: Draft, track: Track[Any]) -> str:
    """Write the images; return the file's sha256, computed on the way as long as they come in order.

    The file is not mapped, since pages of a memory map would count as memory in use.
    """
    n = len(next(iter(draft.columns.values())).values)
    shape, step = (n, *draft.image_shape), int(np.prod(draft.image_shape))
    needed, free = step * n, shutil.disk_usage(path.parent).free
    if free < needed:
        raise UserError(
            f"{path.parent}: {needed / 2**20:,.0f} MiB are required, {free / 2**20:,.0f} MiB are free",
            "Free disk space, or set LORDBENCH_HOME to another folder.",
        )
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": shape})
    header = buffer.getvalue()
    written = np.zeros(n, dtype=bool)
    with path.open("wb") as file:
        file.write(header)
        digest, hashed = hashlib.sha256(header), 0
        label = f"preparing {path.parent.name.removeprefix('.half-')}"
        for rows, block in track(draft.blocks, label, draft.n_blocks):
            if block.dtype != np.uint8 or block.shape[1:] != draft.image_shape or written[rows].any():
                raise ValueError(f"block of {block.dtype} {block.shape} at {rows} does not fit {shape}")
            written[rows] = True
            # Consecutive rows are written at once.
            for run in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(rows) != 1) + 1):
                pixels = np.ascontiguousarray(block[run[0] : run[-1] + 1]).data
                file.seek(len(header) + int(rows[run[0]]) * step)
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
    return digest.hexdigest() if hashed == n else files.sha256(path)
