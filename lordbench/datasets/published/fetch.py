"""Fetching the official files of a published set, where its owners offer them at plain addresses."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock

from lordbench.datasets.published.dataset import PublishedDataset
from lordbench.datasets.published.source import OfficialFile, md5
from lordbench.utils import files
from lordbench.utils.download import OFFLINE, download, offline
from lordbench.utils.errors import UserError
from lordbench.utils.progress import Track, untracked


def default_folder(dataset: PublishedDataset) -> Path:
    """Where files are fetched to if the user names no folder."""
    return files.home() / "downloads" / dataset.name


def fetch(
    dataset: PublishedDataset, folder: Path, track: Track[Any] = untracked, only: Collection[str] = ()
) -> Iterator[str]:
    """Fetch the official files, or `only` some, that are not in the folder yet; yield what became of each.

    Of several processes one fetches while the others wait. A file whose checksum is not the official one
    is set aside as `<name>.wrong`, never deleted: it may be the user's.

    Raises:
        UserError: the set is not offered for download, `only` names other files, a server is out of reach,
            or a checksum is wrong.
    """
    if not dataset.fetchable:
        reason = dataset.terms or "its owners offer no plain address"
        raise UserError(f"{dataset.name}: lordbench does not fetch this data set: {reason}", dataset.way())
    names = [official.name for official in dataset.official]
    if unknown := sorted(set(only) - set(names)):
        raise UserError(
            f"{dataset.name}: {unknown[0]} is not one of its official files",
            f"There are: {', '.join(names)}.",
        )
    wanted = [official for official in dataset.official if not only or official.name in only]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".fetch.lock"):
            for i, official in enumerate(wanted, 1):
                yield f"{i} of {len(wanted)}: {official.name}: {_fetched(official, folder, track)}"
    except OSError as error:
        raise UserError(f"{folder}: cannot be used: {error}", "Name another folder with --to.") from error


def _fetched(official: OfficialFile, folder: Path, track: Track[Any]) -> str:
    path = folder / official.name
    there = path.is_file()
    if not there:
        _download(official, path, track)
    if official.md5:
        _verify(official, path, track)
    return f"{'already there' if there else 'fetched'}, {_checked(official)}"


def _download(official: OfficialFile, path: Path, track: Track[Any]) -> None:
    if offline():
        raise UserError(
            f"{official.name}: not fetched, as {OFFLINE} is set",
            f"Unset it, or get {official.url} in another way.",
        )
    try:
        download(official.url, path, track)
    except OSError as error:
        raise UserError(
            f"{official.url}: {error}",
            "Run the same command again later: it goes on with what came so far. Where the address is no"
            f" longer right, get the file in another way and put it into {path.parent}",
        ) from error


def _verify(official: OfficialFile, path: Path, track: Track[Any]) -> None:
    found = md5(path, track)
    if found == official.md5:
        return
    names = (f"{path.name}.wrong{'' if i == 1 else f'-{i}'}" for i in itertools.count(1))
    aside = next(place for name in names if not (place := path.with_name(name)).exists())
    path.replace(aside)
    raise UserError(
        f"{path}: the md5 is {found}, the official file's is {official.md5}",
        f"It was set aside as {aside.name}. Run the same command again to fetch the file anew; if the same"
        " checksum comes again, its owners have changed it.",
    )


def _checked(official: OfficialFile) -> str:
    return "checksum right" if official.md5 else "complete; no checksum is known"
