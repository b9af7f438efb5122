"""A user's copy of the official files: found by name, verified by published checksums."""

import hashlib
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from lordbench.data.sniffing import GZIP, TAR, ZIP, kind_of_file
from lordbench.datasets.published.archives import Folder, Members, open_archive, other_kind
from lordbench.utils.errors import MissingDataError, UserError
from lordbench.utils.progress import Track, untracked

BLOCK = 1 << 20
SUBFOLDERS = ("", "Img", "Anno", "Eval")  # below the user's folder; as in CelebA's own download
# Kinds that a reader opens by the ending of the official name; copies of archives are packed in other ways.
ARCHIVES = {".zip": (ZIP, GZIP, TAR), ".tar.gz": (ZIP, GZIP, TAR), ".gz": (GZIP,)}
Check = Literal["checksums", "count", "none"]


@dataclass(frozen=True)
class OfficialFile:
    """A file as its owners publish it; without `md5` where none is known, and `url` where they offer none."""

    name: str
    md5: str = ""
    url: str = ""


@dataclass
class Source:
    """The path that a user names, and how it is read, by `workers` processes that decode images.

    Attributes:
        path: an official file, or a folder that holds the official files or their unpacked content.
        verify: whether to compare checksums and counts with the published ones.
    """

    path: Path
    verify: bool = True
    track: Track[Any] = untracked
    workers: int = 1
    _unchecked: list[str] = field(default_factory=list)

    @property
    def check(self) -> Check:
        """How the files were verified: by checksums, by the number of images, or not at all."""
        return "none" if not self.verify else "count" if self._unchecked else "checksums"

    def file(self, official: OfficialFile) -> Path | None:
        """Find an official file, None if it does not exist; UserError if its checksum is wrong."""
        base = self.path.parent if self.path.is_file() else self.path
        for folder in SUBFOLDERS:
            if (base / folder / official.name).is_file():
                return self._checked(base / folder / official.name, official)
        return None

    def require(self, official: OfficialFile) -> Path:
        """Find an official file; UserError if it does not exist, or its checksum is wrong."""
        if path := self.file(official):
            return path
        raise self.not_found(official.name)

    def members(self, official: OfficialFile) -> Members:
        """Open an official archive: the user's file whatever its name, or the one in the user's folder.

        Without either, the folder is taken for the unpacked archive. UserError if the checksum is wrong.
        """
        if not self.path.exists():
            raise MissingDataError(f"{self.path}: no such file or folder")
        path = self._checked(self.path, official) if self.path.is_file() else self.file(official)
        if path is None:
            self._unchecked.append(official.name)
            return Folder(self.path)
        return open_archive(path)

    def not_found(self, what: str) -> MissingDataError:
        """Return the error of a path that lacks required files."""
        return MissingDataError(
            f"{self.path}: {what} not found",
            "Give --from the official file, or the folder that holds it or its unpacked content.",
        )

    def _checked(self, path: Path, official: OfficialFile) -> Path:
        refuse_other_kinds(path, official)
        if not self.verify or not official.md5:
            self._unchecked.append(official.name)
            return path
        digest = md5(path, self.track)
        if digest != official.md5:
            raise UserError(
                f"{path}: the md5 is {digest}, the official file's is {official.md5}",
                "The download is incomplete or another file: get it again, or use it with --no-verify.",
            )
        return path


def refuse_other_kinds(path: Path, official: OfficialFile) -> None:
    """Raise UserError if a file is plainly another kind of file than the official one, such as a web page."""
    allowed = next((kinds for ending, kinds in ARCHIVES.items() if official.name.endswith(ending)), ())
    kind = kind_of_file(path)
    if kind and kind not in allowed:
        raise other_kind(path, kind)


def md5(path: Path, track: Track[Any] = untracked) -> str:
    """Return the hex md5 of a file."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        blocks = iter(partial(file.read, BLOCK), b"")
        for block in track(blocks, f"checking {path.name}, MiB", -(-path.stat().st_size // BLOCK)):
            digest.update(block)
    return digest.hexdigest()
