"""A local file server with the faults of real ones, for the tests of downloads."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from lordbench.datasets import edges2shoes
from lordbench.datasets.published.source import OfficialFile

NAME = "edges2shoes.tar.gz"
FOLDER = Path("home/downloads/edges2shoes")
FETCHED, PART = FOLDER / NAME, FOLDER / f"{NAME}.part"
FETCH = ("data", "fetch", "edges2shoes")
OLD, NEW = (np.random.default_rng(seed).bytes(300_123) for seed in (0, 1))


@dataclass
class Publisher:
    """The files of the server, and how it answers requests.

    Attributes:
        files: content by path, e.g. `/a.zip`.
        etag: of every file; not sent if empty.
        headers: further headers.
        ranges: whether ranges are supported.
        if_range: whether If-Range is respected.
        says_length: whether Content-Length is sent.
        drops: bytes that each of the next answers sends before the connection is dropped.
        asked: path and Range of every request, in order.
        sent: total bytes of files sent.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    etag: str = '"1"'
    headers: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    if_range: bool = True
    says_length: bool = True
    drops: list[int] = field(default_factory=list)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    sent: int = 0
    address: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers["Range"]
        self.asked.append((request.path, wanted))
        content = self.files.get(request.path)
        if content is None:
            request.send_error(404)
            return
        stale = self.if_range and request.headers["If-Range"] not in (None, self.etag)
        start = int(re.findall(r"\d+", wanted)[0]) if wanted and self.ranges and not stale else None
        if start is not None and start >= len(content):
            request.send_error(416)
            return
        rest = content[start or 0 :]
        request.send_response(200 if start is None else 206)
        if start is not None:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.says_length:
            request.send_header("Content-Length", str(len(rest)))
        if self.etag:
            request.send_header("ETag", self.etag)
        for name, value in self.headers.items():
            request.send_header(name, value)
        request.end_headers()
        rest = rest[: self.drops.pop(0)] if self.drops else rest
        self.sent += len(rest)
        request.wfile.write(rest)


@contextlib.contextmanager
def publishing() -> Iterator[Publisher]:
    """Serve on a free port of this machine until the block ends."""
    publisher = Publisher()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            publisher.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    publisher.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield publisher
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def offer(publisher: Publisher, monkeypatch: pytest.MonkeyPatch, **md5: str) -> None:
    """Let the publisher be that of edges2shoes, with these files (`a_gz` for a.gz) and checksums."""
    names = {name.replace("_", "."): value for name, value in md5.items()}
    listed = [OfficialFile(name, value, f"{publisher.address}/{name}") for name, value in names.items()]
    monkeypatch.setattr(edges2shoes, "ARCHIVE", listed[0])
    monkeypatch.setattr(edges2shoes.Edges2shoes, "official", tuple(listed))


def left() -> list[str]:
    """Names of the files in the folder of downloads, but for the lock."""
    return sorted(path.name for path in FOLDER.iterdir() if path.suffix != ".lock")
