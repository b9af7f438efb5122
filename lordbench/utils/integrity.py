"""Seals: a document carries the hash of the rest of it, so that one altered since is found when it is read.

A seal guards against accidents, such as a file cut short, a flipped bit or an edit by hand; not against
forgery, as whoever alters a document on purpose can seal it again. A document without a seal, as older
versions wrote them, is taken as it is.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lordbench.utils import files
from lordbench.utils.files import replacing, sha256, write_text

SEAL = "sha256"
ALTERED = "altered since it was written"


def with_checksum(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document with its seal: the hex sha256 of its JSON with sorted keys, under the key `sha256`."""
    return {**document, SEAL: _hash(document)}


def verified(document: object) -> dict[str, Any]:
    """A document without its seal.

    Raises:
        ValueError: it is altered, or no JSON object.
    """
    if not isinstance(document, dict):
        raise ValueError("no JSON object")
    rest = {key: value for key, value in document.items() if key != SEAL}
    if SEAL in document and document[SEAL] != _hash(rest):
        raise ValueError(ALTERED)
    return rest


def write_with_checksum(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document with its seal as JSON, atomically."""
    files.write_json(path, with_checksum(document))


def read_verified(path: Path) -> dict[str, Any]:
    """Read a JSON document, and check its seal.

    Raises:
        OSError: it is not there, or cannot be read.
        ValueError: it is damaged; names it.
    """
    try:
        return verified(files.read_json(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def is_altered(path: Path, sha256: str) -> bool:
    """Whether a file has another hex sha256; a file is read once, for each time that it was written.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    stat = path.stat()
    return _sha256(path, stat.st_mtime_ns, stat.st_size) != sha256


@functools.lru_cache(maxsize=65_536)
def _sha256(path: Path, written: int, size: int) -> str:
    return files.sha256(path)


def _hash(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode("ascii")).hexdigest()


def checksum_file(path: Path) -> Path:
    """Where the hash of a file is kept."""
    return path.with_name(f"{path.name}.sha256")


@contextlib.contextmanager
def replacing_with_checksum(path: Path) -> Iterator[Path]:
    """As `files.replacing`, and keep the hash.

    The old hash goes first: a crash in between leaves a file without a hash, never a whole one that looks
    damaged.
    """
    checksum_file(path).unlink(missing_ok=True)
    with replacing(path) as temporary:
        yield temporary
        digest = sha256(temporary)
    write_text(checksum_file(path), f"{digest}  {path.name}\n")


def differs_from_checksum(path: Path) -> bool:
    """Whether a file is not the one whose hash is kept; False where none is."""
    kept = _kept(path)
    while kept is not None and sha256(path) != kept:
        again = _kept(path)
        if again == kept:
            return True
        kept = again  # Another process is writing both at this moment.
    return False


def _kept(path: Path) -> str | None:
    try:
        text = checksum_file(path).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    return text.partition(" ")[0]
