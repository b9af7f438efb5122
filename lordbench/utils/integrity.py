"""Checksums: files of results that were altered since they were written are found when they are read.

A JSON document and the metadata of a safetensors file carry their own checksum, so no crash can separate the
two; that of `results.csv` is in a file beside it. Checksums guard against accidents (a truncated file, a
flipped bit, an edit by hand), not against forgery. Files without one are accepted.
"""

import contextlib
import functools
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from lordbench.utils.errors import UserError
from lordbench.utils.files import Stamp, read_json, sha256, stamp, write_json, write_text

CHECKSUM = "sha256"  # key of a document's checksum: that of its other fields, as JSON with sorted keys
ALTERED = "altered since it was written"


def with_checksum(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with its checksum."""
    return {**document, CHECKSUM: _hash(document)}


def verified(document: object) -> dict[str, Any]:
    """Return a document without its checksum; ValueError if it was altered or is no JSON object."""
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    rest = {key: value for key, value in document.items() if key != CHECKSUM}
    if CHECKSUM in document and document[CHECKSUM] != _hash(rest):
        raise ValueError(ALTERED)
    return rest


def write_with_checksum(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document with its checksum as JSON, atomically."""
    write_json(path, with_checksum(document))


def read_verified(path: Path) -> dict[str, Any]:
    """Read a JSON document and check its checksum; ValueError names a damaged file."""
    try:
        return verified(read_json(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def read_metadata(path: Path) -> dict[str, str]:
    """Read the metadata of a safetensors file, and none of its tensors; errors as in `open_safetensors`."""
    with open_safetensors(path, "numpy") as file:
        return verified(file.metadata() or {})


@contextlib.contextmanager
def open_safetensors(path: Path, framework: str) -> Iterator[Any]:
    """Open a safetensors file; UserError if it does not exist or is damaged.

    A ValueError inside the block means that it is damaged, too.
    """
    hint = "The next `lordbench run` of the cell moves it aside and repeats what is lost."
    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except (SafetensorError, OSError, ValueError) as error:
        problem = error if isinstance(error, ValueError) else f"cannot be read: {error}"
        raise UserError(f"{path}: {problem}", hint) from None


def is_altered(path: Path, checksum: str) -> bool:
    """Whether a file, which must exist, has another sha256; each version of a file is read once."""
    return _sha256(path, stamp(path)) != checksum


@functools.lru_cache(maxsize=65_536)
def _sha256(path: Path, _: Stamp) -> str:
    return sha256(path)


def checksum_file(path: Path) -> Path:
    """The file beside `path` that holds its checksum, as `sha256sum -c` reads it."""
    return path.with_name(f"{path.name}.sha256")


def write_text_with_checksum(path: Path, text: str) -> None:
    """Write a text, and its checksum to `checksum_file`."""
    # Removed first: a crash in between leaves a file without a checksum, never one that looks damaged.
    checksum_file(path).unlink(missing_ok=True)
    write_text(path, text)
    write_text(checksum_file(path), f"{hashlib.sha256(text.encode()).hexdigest()}  {path.name}\n")


def differs_from_checksum(path: Path) -> bool:
    """Whether a file differs from its checksum file; False without one."""
    while (checksum := _read_checksum(path)) is not None and sha256(path) != checksum:
        # If the checksum has changed, another process has just written both.
        if _read_checksum(path) == checksum:
            return True
    return False


def _read_checksum(path: Path) -> str | None:
    try:
        return checksum_file(path).read_text(encoding="utf-8", errors="replace").partition(" ")[0]
    except FileNotFoundError:
        return None


def _hash(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode("ascii")).hexdigest()
