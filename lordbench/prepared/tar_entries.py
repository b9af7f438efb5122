"""The files in a gzipped tar archive, one after the other, whatever its headers claim."""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

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
