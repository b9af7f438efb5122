"""Download of one file: resumed where it was cut off, and complete once it has its name."""

import os
import time
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from lordbench.utils import files
from lordbench.utils.progress import Track, untracked
from lordbench.utils.version import __version__

OFFLINE = "LORDBENCH_OFFLINE"
TIMEOUT = 30.0  # seconds without an answer after which a server is unreachable, or a connection dropped
PAUSES = (1.0, 3.0, 10.0, 30.0)  # seconds to wait after each dropped connection, before the next try
BLOCK = 1 << 20
MARKS = ("ETag", "Last-Modified")  # distinguish the versions of a file under one address
PARTIAL, RANGE_REFUSED, SERVER_ERRORS = 206, 416, 500


def offline() -> bool:
    """Whether the user forbids downloads: `LORDBENCH_OFFLINE=1`."""
    return os.environ.get(OFFLINE, "") not in ("", "0")


def download(
    url: str, path: Path, track: Track[int] = untracked, *, size: int | None = None, timeout: float = TIMEOUT
) -> None:
    """Download a file, of `size` bytes if that is known, to `path`, replacing an existing one.

    It grows as `<name>.part` and is renamed when complete. A later call resumes an unfinished download if
    the server still has the same file, and starts again otherwise. A dropped connection is retried with
    growing pauses. Only one process may download to a path at a time.

    Raises:
        OSError: the server is unreachable, refuses, keeps dropping the connection or has another file; or
            the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _PartialFile(url, path.with_name(f"{path.name}.part"), size, timeout)
    if not part.is_complete():
        # Connect first: a progress bar for an unreachable server would only flicker.
        response = part.connect()
        for _ in track(part.fill(response), f"{path.name}, MiB", -(-part.size // BLOCK)):
            pass
    with part.path.open("rb") as written:
        os.fsync(written.fileno())
    part.path.replace(path)
    part.note.unlink(missing_ok=True)


class _DroppedError(OSError):
    """The connection ended before the file did."""


class _PartialFile:
    """A growing file, beside it a JSON note of the size and the marks of the file on the server."""

    def __init__(self, url: str, path: Path, expected: int | None, timeout: float) -> None:
        self.url, self.path, self.expected, self.timeout = url, path, expected, timeout
        self.note = path.with_name(f"{path.name}.json")
        self.size = 0
        self.marks: dict[str, str] = {}
        try:
            note = files.read_json(self.note)
            size, marks = int(note["size"]), dict(note["marks"])
        except (OSError, ValueError, KeyError, TypeError):
            return  # Without a valid note, the bytes may be of another file.
        if expected in (None, size):
            self.size, self.marks = size, marks

    def received(self) -> int:
        return self.path.stat().st_size if self.marks and self.path.exists() else 0

    def is_complete(self) -> bool:
        """Whether an earlier call received every byte, but was stopped before it renamed the file."""
        return bool(self.marks) and self.path.exists() and self.received() == self.size

    def connect(self) -> Any:
        """Request the missing bytes; all of them where the file has changed or ranges are not supported."""
        start = self.received()
        headers = {"User-Agent": f"lordbench/{__version__}"}
        if start:
            mark = next(self.marks[name] for name in MARKS if name in self.marks)
            headers |= {"Range": f"bytes={start}-", "If-Range": mark}
        try:
            response = urlopen(Request(self.url, headers=headers), timeout=self.timeout)
        except HTTPError as error:
            if not start or error.code != RANGE_REFUSED:
                raise
            self._discard()
            return self.connect()
        except HTTPException as error:
            raise ConnectionError(f"invalid answer: {error or type(error).__name__}") from error
        if not start or response.status != PARTIAL:
            self._begin(response)
        elif not self._resumes(response, start):
            # A server that ignores If-Range.
            response.close()
            self._discard()
            return self.connect()
        return response

    def fill(self, response: Any) -> Iterator[int]:
        """Write the file, through dropped connections; yields once for every block."""
        shown = 0
        for pause in (*PAUSES, None):
            try:
                for received in self._receive(response or self._reconnect()):
                    blocks = -(-received // BLOCK)
                    yield from range(shown, blocks)
                    shown = max(shown, blocks)
                return
            except _DroppedError:
                if pause is None:
                    raise
                response = None
                time.sleep(pause)

    def _begin(self, response: Any) -> None:
        """Start an empty file, and note its size and marks."""
        stated = response.headers["Content-Length"]
        size = self.expected if stated is None else int(stated)
        if size is None:
            # A truncated file would look complete.
            raise OSError("the server does not state the size of the file")
        if self.expected not in (None, size):
            raise OSError(f"the file on the server has {size:,} bytes, not {self.expected:,}")
        if response.headers.get_content_type() == "text/html":
            raise OSError("the server sent a web page instead of the file")
        headers = {name: response.headers[name] for name in MARKS}
        # Different files may share a weak ETag.
        marks = {name: mark for name, mark in headers.items() if mark and not mark.startswith("W/")}
        # In this order: bytes of one file never lie beside the note of another.
        self.path.write_bytes(b"")
        files.write_json(self.note, {"size": size, "marks": marks})
        self.size, self.marks = size, marks

    def _resumes(self, response: Any, start: int) -> bool:
        """Whether a response holds the rest of the same file."""
        same = all(response.headers[name] in (None, mark) for name, mark in self.marks.items())
        return same and response.headers["Content-Range"] == f"bytes {start}-{self.size - 1}/{self.size}"

    def _discard(self) -> None:
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

    def _receive(self, response: Any) -> Iterator[int]:
        """Append the response to the file; yields the bytes received so far."""
        with response, self.path.open("ab") as file:
            yield file.tell()
            while file.tell() <= self.size and (block := _read_block(response)):
                file.write(block)
                yield file.tell()
            received = file.tell()
        if received < self.size:
            # Python's reader takes a closed connection for the end of the file.
            raise _DroppedError(f"the connection was dropped after {received:,} of {self.size:,} bytes")
        if received > self.size:
            self._discard()
            raise OSError(f"the server sent more than {self.size:,} bytes")


def _read_block(response: Any) -> bytes:
    try:
        block: bytes = response.read(BLOCK)
    except (OSError, HTTPException) as error:
        raise _DroppedError(f"the connection was dropped: {error or type(error).__name__}") from error
    return block
