"""Download of the official files of a published data set, where its owners offer plain addresses."""

import itertools
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from lordbench.datasets.published.dataset import PublishedDataset
from lordbench.datasets.published.source import OfficialFile, md5, refuse_other_kinds
from lordbench.utils import files
from lordbench.utils.download import OFFLINE, download, offline
from lordbench.utils.errors import UserError
from lordbench.utils.locks import locked
from lordbench.utils.progress import Track, untracked


def default_folder(dataset: PublishedDataset) -> Path:
    """Return the folder that files are fetched to unless the user names one."""
    return files.home() / "downloads" / dataset.name


def fetch(
    dataset: PublishedDataset, folder: Path, track: Track[Any] = untracked, only: Collection[str] = ()
) -> Iterator[str]:
    """Fetch the official files, or `only` some, that are not in the folder yet; yield the result of each.

    Of several processes one fetches while the others wait. A file with a wrong checksum is moved aside as
    `<name>.wrong`, never deleted: it may be the user's. UserError if the set is not offered for download,
    `only` names other files, a server is unreachable, or a checksum is wrong.
    """
    if not dataset.fetchable:
        problem = f"does not fetch this data set: {dataset.terms or 'its owners offer no plain address'}"
        raise UserError(f"{dataset.name}: lordbench {problem}", dataset.instructions())
    names = [official.name for official in dataset.official]
    if unknown := sorted(set(only) - set(names)):
        problem = f"{dataset.name}: {unknown[0]} is not one of its official files"
        raise UserError(problem, f"There are: {', '.join(names)}.")
    requested = [official for official in dataset.official if not only or official.name in only]
    try:
        with locked(folder / ".fetch.lock"):
            for i, official in enumerate(requested, 1):
                yield f"{i} of {len(requested)}: {official.name}: {_fetched(official, folder, track)}"
    except OSError as error:
        raise UserError(f"{folder}: cannot be used: {error}", "Name another folder with --to.") from error


def _fetched(official: OfficialFile, folder: Path, track: Track[Any]) -> str:
    path = folder / official.name
    exists = path.is_file()
    if not exists:
        _download(official, path, track)
    if official.md5:
        _verify(official, path, track)
    else:
        refuse_other_kinds(path, official)
    check = "checksum correct" if official.md5 else "complete; no checksum is known"
    return f"{'already exists' if exists else 'fetched'}, {check}"


def _download(official: OfficialFile, path: Path, track: Track[Any]) -> None:
    if offline():
        raise UserError(
            f"{official.name}: not fetched, because {OFFLINE} is set",
            f"Unset it, or get {official.url} in another way.",
        )
    try:
        download(official.url, path, track)
    except OSError as error:
        raise UserError(
            f"{official.url}: {error}",
            "Run the same command again later to resume. If the address is out of date, get the file in "
            f"another way and put it into {path.parent}",
        ) from error


def _verify(official: OfficialFile, path: Path, track: Track[Any]) -> None:
    digest = md5(path, track)
    if digest == official.md5:
        return
    candidates = (path.with_name(f"{path.name}.wrong{'' if i == 1 else f'-{i}'}") for i in itertools.count(1))
    aside = next(candidate for candidate in candidates if not candidate.exists())
    path.replace(aside)
    raise UserError(
        f"{path}: the md5 is {digest}, the official file's is {official.md5}",
        f"It was moved aside as {aside.name}. Run the same command again to fetch the file anew; if the same"
        " checksum comes again, its owners have changed it.",
    )
