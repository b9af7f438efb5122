"""The files in an archive or in its unpacked folder, read the same way from either.

Members are read by their exact names and never unpacked to disk, so a name such as `../../x` is harmless.
"""

import gzip
import itertools
import os
import re
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import IO, cast

from lordbench.data.sniffing import TAR, ZIP, Kind, kind_of, kind_of_file
from lordbench.utils.errors import UserError

HEADERS = 1 << 20  # bytes between one file of a tar archive and the next; a header takes some hundred
MOST_ENTRIES = 1_000_000  # of a tar archive, whose list of names may unpack to a thousand times its size
# RuntimeError: zipfile's, for an encrypted member.
DAMAGE = (OSError, EOFError, ValueError, RuntimeError, zlib.error, tarfile.TarError, zipfile.BadZipFile)

Member = tuple[str, bytes]  # name and content of a file
Chunk = Callable[[], Iterator[Member]]  # reads some files when it is called


class Members(ABC):
    """The files of a folder or an archive, named by their POSIX paths in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def names(self, folder: str) -> list[str]:
        """Return the names of the files directly in a folder (`""` for the top), in any order."""

    @abstractmethod
    def _read(self, names: Collection[str], limit: int) -> Iterator[Member]: ...

    def matching(self, folders: Collection[str], pattern: str) -> dict[str, str]:
        """Find the files whose names match a pattern, in the first of `folders` that has any.

        Returns full names by the pattern's first group, in natural order: `9` before `10`.
        """
        for folder in folders:
            matches = {
                match[1]: f"{folder}/{name}" if folder else name
                for name in self.names(folder)
                if (match := re.fullmatch(pattern, name))
            }
            if matches:
                return {key: matches[key] for key in sorted(matches, key=_natural)}
        return {}

    def read(self, names: Collection[str], limit: int) -> Iterator[Member]:
        """Read files by their full names, in the order of the archive.

        UserError names a file that cannot be read, or is larger than `limit` bytes.
        """
        try:
            yield from self._read(names, limit)
        except DAMAGE as error:
            raise damaged(self.path, error) from error

    def chunks(self, names: Collection[str], limit: int, n: int) -> Iterator[Chunk]:
        """Read files `n` at a time; a chunk sent to another process is read there."""
        remaining = iter(names)
        while chunk := list(itertools.islice(remaining, n)):
            yield partial(self.read, chunk, limit)


class Folder(Members):
    """An unpacked folder."""

    def names(self, folder: str) -> list[str]:
        path = self.path / folder
        return [entry.name for entry in os.scandir(path) if entry.is_file()] if path.is_dir() else []

    def _read(self, names: Collection[str], limit: int) -> Iterator[Member]:
        for name in names:
            with (self.path / name).open("rb") as file:
                yield name, _limited(file, limit, self.path / name)


class Archive(Members):
    """An archive, which may hold several files of one name."""

    @property
    @abstractmethod
    def _all_names(self) -> list[str]: ...

    def names(self, folder: str) -> list[str]:
        prefix = f"{folder}/" if folder else ""
        try:
            paths = [name.removeprefix("./") for name in self._all_names]
        except DAMAGE as error:
            raise damaged(self.path, error) from error
        below = [path.removeprefix(prefix) for path in paths if path.startswith(prefix) and path[-1:] != "/"]
        direct = sorted(name for name in below if "/" not in name)
        for name, following in itertools.pairwise(direct):
            if name == following:
                raise UserError(
                    f"{self.path}: it contains {prefix}{name} twice",
                    "This is not the official file. Get it again from its owners.",
                )
        return direct


class Zip(Archive):
    """A zip archive."""

    @property
    def _all_names(self) -> list[str]:
        return _open_zip(self.path).namelist()

    def _read(self, names: Collection[str], limit: int) -> Iterator[Member]:
        archive = _open_zip(self.path)
        stored_names = {name.removeprefix("./"): name for name in archive.namelist()}
        for name in names:
            try:
                member = archive.getinfo(stored_names[name])
                # Other methods may need gigabytes of memory to unpack a single byte.
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise ValueError("its compression is not deflate")
                with archive.open(member) as file:
                    yield name, _limited(file, limit, self.path / name)
            except DAMAGE as error:
                raise damaged(self.path / name, error) from error


class TarGz(Archive):
    """A tar archive, gzipped or not, read from start to end: once for the names, once for the files."""

    @cached_property
    def _all_names(self) -> list[str]:
        return [entry.name for entry, _ in _tar_entries(self.path)]

    def _read(self, names: Collection[str], limit: int) -> Iterator[Member]:
        wanted = frozenset(names)
        for entry, archive in _tar_entries(self.path):
            if (name := entry.name.removeprefix("./")) in wanted:
                file = archive.extractfile(entry)
                assert file is not None
                yield name, _limited(file, limit, self.path / name)

    def chunks(self, names: Collection[str], limit: int, n: int) -> Iterator[Chunk]:
        """Read files `n` at a time in this process: a compressed stream can only be read from its start."""
        stream = self.read(names, limit)
        while chunk := list(itertools.islice(stream, n)):
            yield partial(iter, chunk)


def open_archive(path: Path) -> Archive:
    """Open an archive by its content: copies are packed in other ways than their names say."""
    return Zip(path) if kind_of_file(path) == ZIP else TarGz(path)


def other_kind(path: Path, kind: Kind) -> UserError:
    """Return the error of a file that is something else than its name says."""
    return UserError(f"{path}: this is not the file, it is {kind.name}", kind.hint)


def other_version(path: Path, problem: str) -> UserError:
    """Return the error of a readable file that differs from the official one, as a resized copy does."""
    return UserError(
        f"{path}: {problem}",
        "This copy was changed by others, for example resized. Get the official file from its owners, or"
        " use the images as your own, with those of each class in a sub-folder: --dataset folder:PATH.",
    )


def damaged(path: Path, error: Exception) -> UserError:
    """Return the error of a file that cannot be read."""
    return UserError(
        f"{path}: this file cannot be read: {error or type(error).__name__}",
        "It is truncated or damaged. Get it again from its owners.",
    )


def _open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip archive; its list of names, which takes a second for 200,000, is read once a process."""
    stat = path.stat()
    return _open_unchanged_zip(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=1)
def _open_unchanged_zip(path: Path, modified: int, size: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


def _tar_entries(path: Path) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
    """Iterate over the regular files of a tar archive; each can be read until the next one.

    Any of `DAMAGE` if the archive is damaged, has sparse or too many entries, or too long headers.
    """
    opener = cast(Callable[[Path, str], IO[bytes]], open if kind_of_file(path) == TAR else gzip.open)
    with opener(path, "rb") as unzipped:
        stream = _LimitedStream(unzipped)
        with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|") as archive:
            for number, entry in enumerate(archive):
                if entry.issparse() or number == MOST_ENTRIES:
                    raise ValueError(f"{entry.name} is sparse, or one of more than {MOST_ENTRIES:,} entries")
                stream.end = entry.offset_data + entry.size + HEADERS
                if entry.isreg():
                    yield entry, archive
                # tarfile would keep every entry in memory.
                archive.members, archive.pax_headers = [], {}  # type: ignore[attr-defined]
        # tarfile takes a truncated archive for one that ends there; gzip notices.
        while unzipped.read(1 << 20):
            pass


class _LimitedStream:
    """A stream for tarfile, which would read headers of any length into memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.end = HEADERS  # position at which the next header must have ended
        self._position = 0

    def read(self, n: int) -> bytes:
        if self._position > self.end:
            raise ValueError(f"a header of more than {HEADERS:,} bytes")
        content = self.file.read(n)
        self._position += len(content)
        return content


def _limited(file: IO[bytes], limit: int, path: Path) -> bytes:
    content = file.read(limit + 1)
    if len(content) > limit:
        raise UserError(
            f"{path}: more than {limit / 2**20:.0f} MiB, which no file of this data set has",
            "This is not the official file. Get it again from its owners.",
        )
    if kind := kind_of(content):
        raise other_kind(path, kind)
    return content


def _natural(name: str) -> list[str | tuple[int, str]]:
    # Numbers are compared by length first, not as integers: a name may have thousands of digits.
    parts = re.split(r"([0-9]+)", name)
    return [(len(part.lstrip("0")), part.lstrip("0")) if i % 2 else part for i, part in enumerate(parts)]
