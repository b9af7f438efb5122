"""Downloading one file: gone on with where it was cut off; under its name it is complete or not there."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from lordbench.utils import files
from lordbench.utils.progress import Track, untracked
from lordbench.utils.version import __version__

OFFLINE = "LORDBENCH_OFFLINE"
TIMEOUT = 30.0
"""Seconds without an answer after which a server counts as out of reach, or a connection as dropped."""
PAUSES = (1.0, 3.0, 10.0, 30.0)
"""Seconds to wait after each dropped connection, before the next try."""
BLOCK = 1 << 20
MARKS = ("ETag", "Last-Modified")
"""What tells a file on a server from the one that was there before under the same address."""
PARTIAL, RANGE_REFUSED, SERVER_ERRORS = 206, 416, 500


def offline() -> bool:
    """Whether the user wants nothing to be fetched: `LORDBENCH_OFFLINE=1`."""
    return os.environ.get(OFFLINE, "") not in ("", "0")


def download(
    url: str, path: Path, track: Track[int] = untracked, *, size: int | None = None, timeout: float = TIMEOUT
) -> None:
    """Download a file to `path`, in place of one that is there.

    It grows as `<name>.part` and is renamed when complete. What a call leaves unfinished the next one goes on
    with, if the server still has the same file; otherwise it starts again. A dropped connection is tried
    again, with growing pauses. Of several processes, only one may download to a path at a time.

    Args:
        url: address of the file.
        path: where it is to lie; the folder is made.
        track: shows progress.
        size: of the file in bytes, where it is known; not a block more is read from a longer one.
        timeout: seconds without an answer after which to give up.

    Raises:
        OSError: the server is out of reach, refuses, keeps dropping the connection or has another file; or
            the disk is too full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    half = _Half(url, path.with_name(f"{path.name}.part"), size, timeout)
    half.recall()
    if not half.complete:
        # Connect first: a bar for a server out of reach would only flicker.
        answer = half.connect()
        for _ in track(half.fill(answer), f"{path.name}, MiB", -(-half.size // BLOCK)):
            pass
    half.finish(path)


class _DroppedError(OSError):
    """The connection ended before the file did."""


@dataclass
class _Half:
    """A file that is growing, and beside it a note of which file of the server's it is to become.

    Attributes:
        url: address of the file.
        path: of the half file.
        expected: size of the whole file that the caller asks for.
        timeout: seconds to wait for an answer.
        size: of the whole file.
        marks: what the server said to tell the file from others.
    """

    url: str
    path: Path
    expected: int | None
    timeout: float
    size: int = 0
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def note(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    @property
    def at(self) -> int:
        """Bytes that are there."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def complete(self) -> bool:
        """Whether an earlier call got every byte, and was stopped before it gave the file its name."""
        return bool(self.marks) and self.path.exists() and self.at == self.size

    def recall(self) -> None:
        """Read the note; a half file without one is of no use."""
        try:
            noted = files.read_json(self.note)
            size, marks = int(noted["size"]), dict(noted["marks"])
        except (OSError, ValueError, KeyError, TypeError):
            return
        if self.expected in (None, size):
            self.size, self.marks = size, marks

    def connect(self) -> Any:
        """Ask for what is lacking; where the server has another file now, or knows no ranges, for all."""
        at = self.at if self.marks else 0
        headers = {"User-Agent": f"lordbench/{__version__}"}
        if at:
            mark = next(self.marks[name] for name in MARKS if name in self.marks)
            headers |= {"Range": f"bytes={at}-", "If-Range": mark}
        try:
            answer = urlopen(Request(self.url, headers=headers), timeout=self.timeout)
        except HTTPError as error:
            if not at or error.code != RANGE_REFUSED:
                raise
            return self._start_again()
        except HTTPException as error:
            raise ConnectionError(f"no proper answer came: {error or type(error).__name__}") from error
        if not at or answer.status != PARTIAL:
            self._begin(answer)
        elif not self._goes_on(answer, at):
            # A server that overlooks If-Range.
            answer.close()
            return self._start_again()
        return answer

    def fill(self, answer: Any) -> Iterator[int]:
        """Write what comes, through dropped connections; an item for every block that is there."""
        shown = 0
        for pause in (*PAUSES, None):
            try:
                for at in self._receive(answer or self._reconnect()):
                    blocks = -(-at // BLOCK)
                    yield from range(shown, blocks)
                    shown = max(shown, blocks)
                return
            except _DroppedError:
                if pause is None:
                    raise
                answer = None
                time.sleep(pause)

    def finish(self, path: Path) -> None:
        """Give the complete file its name."""
        with self.path.open("rb") as written:
            os.fsync(written.fileno())
        self.path.replace(path)
        self.note.unlink(missing_ok=True)

    def _begin(self, answer: Any) -> None:
        """Start the file, and note which it is to become."""
        stated = answer.headers["Content-Length"]
        size = self.expected if stated is None else int(stated)
        if size is None:
            # A file cut short would look whole.
            raise OSError("the server does not say how long the file is")
        if self.expected not in (None, size):
            raise OSError(f"the file there has {size:,} bytes, not {self.expected:,}")
        if answer.headers.get_content_type() == "text/html":
            raise OSError("a web page came in place of the file")
        said = {name: answer.headers[name] for name in MARKS}
        # A weak ETag may be shared by files that differ.
        marks = {name: mark for name, mark in said.items() if mark and not mark.startswith("W/")}
        # In this order: bytes of one file never lie beside the note of another.
        self.path.write_bytes(b"")
        files.write_json(self.note, {"size": size, "marks": marks})
        self.size, self.marks = size, marks

    def _goes_on(self, answer: Any, at: int) -> bool:
        same = all(answer.headers[name] in (None, mark) for name, mark in self.marks.items())
        return same and answer.headers["Content-Range"] == f"bytes {at}-{self.size - 1}/{self.size}"

    def _start_again(self) -> Any:
        self._forget()
        return self.connect()

    def _forget(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
        self.marks = {}

    def _reconnect(self) -> Any:
        try:
            return self.connect()
        except HTTPError as error:
            if error.code < SERVER_ERRORS:
                raise
            raise _DroppedError(str(error)) from error
        except (URLError, ConnectionError, TimeoutError) as error:
            raise _DroppedError(str(error)) from error

    def _receive(self, answer: Any) -> Iterator[int]:
        """Add what comes to the file; yields how many bytes are there."""
        with answer, self.path.open("ab") as file:
            yield file.tell()
            while file.tell() <= self.size and (block := _block(answer)):
                file.write(block)
                yield file.tell()
            at = file.tell()
        if at < self.size:
            # Python's reader takes a connection that was closed for the end of the file.
            raise _DroppedError(f"the connection was dropped after {at:,} of {self.size:,} bytes")
        if at > self.size:
            self._forget()
            raise OSError(f"more than {self.size:,} bytes came")


def _block(answer: Any) -> bytes:
    try:
        block: bytes = answer.read(BLOCK)
    except (OSError, HTTPException) as error:
        raise _DroppedError(f"the connection was dropped: {error or type(error).__name__}") from error
    return block
