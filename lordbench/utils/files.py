"""Where lordbench keeps its files, and how it writes them: whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import platformdirs

UNFINISHED = ".writing-"
"""Beginning of the names of files that are being written."""
LARGEST_JSON = 16 << 20
"""Bytes of a JSON file that is read."""
Stamp = tuple[int, int, int]
LONGEST_NAME = 240
"""Bytes; file systems have 255, of which an ending such as `.json` takes some."""


def home() -> Path:
    """Folder of prepared data, rendered sets and weights: `$LORDBENCH_HOME`, or the user's cache folder."""
    chosen = os.environ.get("LORDBENCH_HOME")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("lordbench"))


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it to disk and rename it to `path`.

    A crash in between leaves the old file as it was, never a half-written one. The temporary name keeps
    the suffix of `path`, since writers of arrays and images choose the format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=UNFINISHED, suffix=path.suffix, dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        # mkstemp makes private files; results are meant to be shared, so follow the umask instead.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        os.replace(temporary, path)
        _flush_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished(folder: Path, older_than: float = 0.0) -> None:
    """Remove what killed processes were writing in a folder.

    Args:
        folder: of the files; it need not exist.
        older_than: seconds since the last write, where other processes may be writing there at this moment.
    """
    for path in folder.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime >= older_than:
                path.unlink()


def _flush_folder(folder: Path) -> None:
    """Make a rename outlast a power cut: it is a change of the folder, which is flushed by itself."""
    if os.name == "nt":
        return  # Folders cannot be opened there.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems know no such thing.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically; NaN is refused, since JSON has no such number."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n")


def read_text(path: Path, most: int) -> str:
    """Read a plain file of `most` bytes or fewer as UTF-8.

    Raises:
        OSError: it is not there, or cannot be read.
        ValueError: it is longer, no plain file or no UTF-8.
    """
    # What else may lie there in another's folder, such as a pipe or a device, never ends.
    if path.exists() and not path.is_file():
        raise ValueError(f"{path}: this is no plain file")
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{path}: more than {most:,} bytes")
    return content.decode("utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file of at most `LARGEST_JSON` bytes: what `write_json` writes, and nothing else.

    Raises:
        OSError: it is not there, or cannot be read.
        ValueError: it is no such file.
    """
    text = read_text(path, LARGEST_JSON)
    try:
        value = json.loads(text, parse_constant=_no_number)
        if "\\u" in text:
            # Half of a surrogate pair, which is no text: it could be neither shown nor written.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError(f"{path}: nested too deeply") from None
    return value


def is_regular_file(name: str) -> bool:
    """Whether a name that comes from outside is that of a file in a folder, and leads nowhere else."""
    return (
        name.isprintable()
        and not set(name) & {"/", "\\"}
        and name not in ("", ".", "..")
        and len(name.encode("utf-8")) <= LONGEST_NAME
    )


def child(folder: Path, name: str) -> Path:
    """The path of a file in a folder, by a name that comes from outside; it need not exist.

    Raises:
        FileNotFoundError: the name leads out of the folder, or no file can have it.
    """
    if not is_regular_file(name):
        raise FileNotFoundError(f"{folder}: no file here can be called {name!r}")
    return folder / name


def stamps(folder: Path, pattern: str = "[!.]*") -> dict[Path, Stamp]:
    """When each file of a folder was written, and how long it is: another stamp means another content.

    Args:
        folder: of the files; it need not exist.
        pattern: of their names.

    Returns:
        Stamps by path, in order of the names: nanoseconds, bytes, and the inode, which a renamed file brings.
    """
    found = {}
    for path in sorted(folder.glob(pattern)):
        # One that vanishes at this moment is not there.
        with contextlib.suppress(OSError):
            if path.is_file():
                its = path.stat()
                found[path] = (its.st_mtime_ns, its.st_size, its.st_ino)
    return found


def sha256(path: Path) -> str:
    """Hex sha256 of a file's bytes, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as opened:
        while block := opened.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


PACKAGE = Path(__file__).resolve().parents[1]


def plugin_folder(name: str) -> Path:
    """Find `baselines`, `metrics` or `configs`: beside the package in a checkout, inside it in a wheel."""
    inside = PACKAGE / "plugins" / name
    return inside if inside.is_dir() else PACKAGE.parent / name


def component_name(name: str) -> str:
    """What a component given by its name or its path is called."""
    return Path(name).stem if name.endswith(".py") else name
