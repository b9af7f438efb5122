"""A file with the hash of another one beside it, as `sha256sum` writes it: `sha256sum -c` checks it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from lordbench.files import replacing, sha256, write_text


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
