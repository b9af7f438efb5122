"""The files in an archive or in its unpacked folder, read the same way from either.

Members are read by their exact names and never unpacked to disk, so a name such as `../../x` in an archive
is a name like any other that nobody asks for.
"""

from __future__ import annotations

import gzip
import itertools
import os
import re
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, cast

from lordbench.utils.errors import UserError

BLOCK = 1 << 20
HEADERS = 1 << 20
"""Bytes between one file and the next; a name and what goes with it take some hundred."""
MOST_ENTRIES = 1_000_000
"""Of an archive, whose list of names may unpack to a thousand times its size."""


def entries(path: Path) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
    """Go through the plain files of an archive; each can be read until the next one is asked for.

    Raises:
        ValueError: there are too many, one is sparse, or a header is longer than `HEADERS`.
        OSError: the archive is cut short or damaged; likewise EOFError, zlib.error and tarfile.TarError.
    """
    with gzip.open(path) as unzipped:
        metered = _Metered(unzipped)
        with tarfile.open(fileobj=cast(IO[bytes], metered), mode="r|") as archive:
            for number, entry in enumerate(archive):
                if entry.issparse() or number == MOST_ENTRIES:
                    raise ValueError(f"{entry.name} is sparse, or one of more than {MOST_ENTRIES:,} entries")
                metered.end = entry.offset_data + entry.size + HEADERS
                if entry.isreg():
                    yield entry, archive
                # tarfile keeps all that it has seen, which is of no use here.
                archive.members, archive.pax_headers = [], {}  # type: ignore[attr-defined]
        # Python's tarfile takes a truncated archive for one that ends there; gzip notices.
        while unzipped.read(BLOCK):
            pass


class _Metered:
    """A stream for tarfile, which else reads headers of any length into memory.

    Attributes:
        end: where the next header must have ended.
    """

    def __init__(self, file: gzip.GzipFile) -> None:
        self.file = file
        self.end = HEADERS
        self._at = 0

    def read(self, n: int) -> bytes:
        if self._at > self.end:
            raise ValueError(f"a header of more than {HEADERS:,} bytes")
        content = self.file.read(n)
        self._at += len(content)
        return content


Member = tuple[str, bytes]
# RuntimeError: zipfile's, for an encrypted member.
DAMAGE = (OSError, EOFError, ValueError, RuntimeError, zlib.error, tarfile.TarError, zipfile.BadZipFile)


class Members(ABC):
    """Plain files below a place, named by their POSIX paths there."""

    def __init__(self, place: Path) -> None:
        self.place = place

    @abstractmethod
    def names(self, folder: str) -> list[str]:
        """Names of the files that lie directly in a folder (`""` for the top), in no certain order."""

    @abstractmethod
    def _read(self, wanted: Collection[str], limit: int) -> Iterator[Member]: ...

    def matching(self, folders: Collection[str], pattern: str) -> dict[str, str]:
        """Find the files whose names match, in the first of `folders` that has any.

        Returns:
            From the pattern's first group to the file's full name, in natural order: `9` before `10`.
        """
        for folder in folders:
            found = {
                match[1]: f"{folder}/{name}" if folder else name
                for name in self.names(folder)
                if (match := re.fullmatch(pattern, name))
            }
            if found:
                return {key: found[key] for key in sorted(found, key=_natural)}
        return {}

    def read(self, wanted: Collection[str], limit: int) -> Iterator[Member]:
        """Read files by their full names: name and content, in the order in which the place has them.

        Raises:
            UserError: a file cannot be read, or is larger than `limit` bytes; names it.
        """
        try:
            yield from self._read(wanted, limit)
        except DAMAGE as error:
            raise damaged(self.place, error) from error

    def chunks(self, wanted: Collection[str], limit: int, n: int) -> Iterator[Iterable[Member]]:
        """Read files `n` at a time. A chunk may be sent to another process, which then does the reading."""
        names = iter(wanted)
        while chunk := list(itertools.islice(names, n)):
            yield Chunk(self, chunk, limit)


@dataclass(frozen=True)
class Chunk:
    """Some files of a place, read when they are iterated."""

    members: Members
    wanted: list[str]
    limit: int

    def __iter__(self) -> Iterator[Member]:
        return self.members.read(self.wanted, self.limit)


class Folder(Members):
    """An unpacked folder."""

    def names(self, folder: str) -> list[str]:
        here = self.place / folder
        return [entry.name for entry in os.scandir(here) if entry.is_file()] if here.is_dir() else []

    def _read(self, wanted: Collection[str], limit: int) -> Iterator[Member]:
        for name in wanted:
            with (self.place / name).open("rb") as file:
                yield name, _limited(file, limit, self.place / name)


class Zip(Members):
    """A zip archive."""

    def names(self, folder: str) -> list[str]:
        try:
            names = _archive(self.place).namelist()
        except DAMAGE as error:
            raise damaged(self.place, error) from error
        return _directly_in(folder, names, self.place)

    def _read(self, wanted: Collection[str], limit: int) -> Iterator[Member]:
        archive = _archive(self.place)
        there = {name.removeprefix("./"): name for name in archive.namelist()}
        for name in wanted:
            try:
                member = archive.getinfo(there[name])
                # The others may ask for gigabytes to unpack a single byte.
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise ValueError("it is compressed in another way than by deflate")
                with archive.open(member) as file:
                    yield name, _limited(file, limit, self.place / name)
            except DAMAGE as error:
                raise damaged(self.place / name, error) from error


class TarGz(Members):
    """A gzipped tar archive, read from front to end: once for the names, once for what is wanted."""

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self._listed: list[str] | None = None

    def names(self, folder: str) -> list[str]:
        if self._listed is None:
            try:
                self._listed = [entry.name for entry, _ in entries(self.place)]
            except DAMAGE as error:
                raise damaged(self.place, error) from error
        return _directly_in(folder, self._listed, self.place)

    def _read(self, wanted: Collection[str], limit: int) -> Iterator[Member]:
        chosen = frozenset(wanted)
        for entry, archive in entries(self.place):
            if (name := entry.name.removeprefix("./")) in chosen:
                file = archive.extractfile(entry)
                assert file is not None
                yield name, _limited(file, limit, self.place / name)

    def chunks(self, wanted: Collection[str], limit: int, n: int) -> Iterator[Iterable[Member]]:
        """Read files `n` at a time, here: a compressed stream has no places to start from."""
        stream = self.read(wanted, limit)
        while chunk := list(itertools.islice(stream, n)):
            yield chunk


def damaged(path: Path, error: Exception) -> UserError:
    """The error of a file that cannot be read."""
    return UserError(
        f"{path}: this file cannot be read: {error or type(error).__name__}",
        "It is truncated or damaged: get it again from its owners.",
    )


def _archive(path: Path) -> zipfile.ZipFile:
    """Open a zip archive; its list of names, which takes a second for 200,000, is read once a process."""
    state = path.stat()
    return _opened(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1)
def _opened(path: Path, modified: int, size: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


def _limited(file: IO[bytes], limit: int, where: Path) -> bytes:
    content = file.read(limit + 1)
    if len(content) > limit:
        raise UserError(
            f"{where}: more than {limit / 2**20:.0f} MiB, which no file of this data set has",
            "This is not the official file: get it again from its owners.",
        )
    return content


def _directly_in(folder: str, names: list[str], place: Path) -> list[str]:
    prefix = f"{folder}/" if folder else ""
    plain = [name.removeprefix("./") for name in names]
    here = [name.removeprefix(prefix) for name in plain if name.startswith(prefix) and not name.endswith("/")]
    direct = sorted(name for name in here if "/" not in name)
    for one, other in itertools.pairwise(direct):
        if one == other:
            raise UserError(
                f"{place}: {prefix}{one} is in it twice",
                "This is not the official file: get it again from its owners.",
            )
    return direct


def _natural(name: str) -> list[str | tuple[int, str]]:
    # Numbers are compared by their length first, not as integers: a name may have thousands of digits.
    parts = re.split(r"([0-9]+)", name)
    return [(len(part.lstrip("0")), part.lstrip("0")) if i % 2 else part for i, part in enumerate(parts)]
