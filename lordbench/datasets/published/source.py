"""Where a user has the official files: found by their names, checked against their published checksums."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lordbench.datasets.published.archives import Folder, Members, TarGz, Zip
from lordbench.utils.errors import MissingDataError, UserError
from lordbench.utils.progress import Track, untracked

BLOCK = 1 << 20
PLACES = ("", "Img", "Anno", "Eval")
"""Where files lie below the given folder; the sub-folders are those of CelebA's own download."""
Check = Literal["checksums", "count", "none"]


@dataclass(frozen=True)
class OfficialFile:
    """A file as its owners publish it.

    Attributes:
        name: of the file.
        md5: published checksum; empty where none is known.
        url: address to download it from; empty where its owners offer none, or want to be asked.
    """

    name: str
    md5: str = ""
    url: str = ""


@dataclass
class Source:
    """The place that a user names, and what is to be done about checksums.

    Attributes:
        path: an official file, or a folder that holds the official files or what was unpacked from them.
        verify: whether to compare checksums and counts with the published ones.
        track: shows progress.
        workers: processes that decode images.
    """

    path: Path
    verify: bool = True
    track: Track[Any] = untracked
    workers: int = 1
    _unchecked: list[str] = field(default_factory=list)

    @property
    def check(self) -> Check:
        """What stands for the files that were taken: their checksums, the number of images, or nothing."""
        if not self.verify:
            return "none"
        return "count" if self._unchecked else "checksums"

    def file(self, official: OfficialFile) -> Path | None:
        """Find an official file and check its sum; None if it is not there.

        Raises:
            UserError: the checksum is wrong; gives both.
        """
        base = self.path.parent if self.path.is_file() else self.path
        for place in PLACES:
            if (base / place / official.name).is_file():
                return self._checked(base / place / official.name, official)
        return None

    def require(self, official: OfficialFile) -> Path:
        """Find an official file and check its sum.

        Raises:
            UserError: it is not there, or its checksum is wrong.
        """
        found = self.file(official)
        if found is None:
            raise self.lacking(official.name)
        return found

    def members(self, official: OfficialFile) -> Members:
        """Open an official archive: the given file whatever its name, the one in the given folder, or the
        folder itself, taken for the archive unpacked.

        Raises:
            UserError: there is no such place, or the checksum is wrong.
        """
        if not self.path.exists():
            raise MissingDataError(f"{self.path}: there is no such file or folder")
        found = self._checked(self.path, official) if self.path.is_file() else self.file(official)
        if found is None:
            self._unchecked.append(official.name)
            return Folder(self.path)
        return Zip(found) if official.name.endswith(".zip") else TarGz(found)

    def lacking(self, what: str) -> MissingDataError:
        """The error of a place that does not hold what is needed."""
        return MissingDataError(
            f"{self.path}: {what} is not there",
            "Give --from the official file, or the folder that holds it or what was unpacked from it.",
        )

    def _checked(self, path: Path, official: OfficialFile) -> Path:
        if not self.verify or not official.md5:
            self._unchecked.append(official.name)
            return path
        found = md5(path, self.track)
        if found != official.md5:
            raise UserError(
                f"{path}: the md5 is {found}, the official file's is {official.md5}",
                "The download is incomplete or another file: get it again; --no-verify takes it as it is.",
            )
        return path


def md5(path: Path, track: Track[Any] = untracked) -> str:
    """Hex md5 of a file's bytes."""
    digest = hashlib.md5(usedforsecurity=False)
    for block in track(_blocks(path), f"checking {path.name}, MiB", -(-path.stat().st_size // BLOCK)):
        digest.update(block)
    return digest.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block
