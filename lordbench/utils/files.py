"""Where lordbench keeps its files, and how it reads and writes them: atomically, and of bounded size."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import platformdirs
from safetensors import SafetensorError

PACKAGE = Path(__file__).resolve().parents[1]
UNFINISHED = ".writing-"  # prefix of the temporary names of files that are being written
LARGEST_JSON = 16 << 20  # bytes
LONGEST_NAME = 240  # bytes without an ending such as `.json`; file systems allow 255 with it
Stamp = tuple[int, int, int]
"""Time of the last write in nanoseconds, size in bytes, and inode; another stamp means other content."""


def home() -> Path:
    """Folder of prepared data, rendered sets and weights: `$LORDBENCH_HOME`, or the user's cache folder."""
    folder = os.environ.get("LORDBENCH_HOME")
    return Path(folder).expanduser() if folder else Path(platformdirs.user_cache_dir("lordbench"))


def plugin_folder(name: str) -> Path:
    """Find `baselines`, `metrics` or `configs`: beside the package in a checkout, inside it in a wheel."""
    inside = PACKAGE / "plugins" / name
    return inside if inside.is_dir() else PACKAGE.parent / name


def expanded(path: Path | str) -> Path:
    """Return the path that a user gave, with `~` at its start as the home folder."""
    return Path(os.path.expanduser(path))


def component_name(name: str) -> str:
    """Return the name of a component given by its name or its path."""
    return Path(name).stem if name.endswith(".py") else name


class WriteError(OSError):
    """A file could not be written, e.g. on a full disk; the message names it and the cause."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it to disk and rename it to `path`.

    A crash in between leaves the old file. The temporary name keeps the suffix, since writers of arrays and
    images choose the format by it. WriteError: the disk is full, or refuses the file.
    """
    try:
        with _replacing(path) as temporary:
            yield temporary
    except (OSError, SafetensorError) as error:
        # Libraries name the temporary file, or none; numpy only says how much of an array was written.
        cause = getattr(error, "strerror", None) or f"{error}; is the disk full?"
        raise WriteError(f"{path}: cannot be written: {cause}") from error


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
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
    """Remove temporary files and folders of killed processes; younger ones, in seconds, may be in use."""
    for path in folder.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime >= older_than:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, atomically; NaN is refused, since JSON has no such number."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n")


def read_text(path: Path, most: int) -> str:
    """Read a regular file of at most `most` bytes as UTF-8; ValueError for any other file."""
    # A pipe or a device in somebody else's folder would never end.
    if path.exists() and not path.is_file():
        raise ValueError(f"{path}: not a regular file")
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{path}: more than {most:,} bytes")
    return content.decode("utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file of at most `LARGEST_JSON` bytes; ValueError if it is larger or not valid."""

    def refuse(constant: str) -> float:
        raise ValueError(f"{constant} is not a JSON number")

    text = read_text(path, LARGEST_JSON)
    try:
        value = json.loads(text, parse_constant=refuse)
        if "\\u" in text:
            # Half of a surrogate pair could be neither shown nor written.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError(f"{path}: nested too deeply") from None
    return value


def is_plain_name(name: str) -> bool:
    """Whether an untrusted name is a plain file name, which leads nowhere outside its folder."""
    plain = name.isprintable() and not set(name) & {"/", "\\"} and name not in ("", ".", "..")
    return plain and len(name.encode("utf-8")) <= LONGEST_NAME


def child(folder: Path, name: str) -> Path:
    """Return a path in a folder by an untrusted name; FileNotFoundError if `is_plain_name` refuses it."""
    if not is_plain_name(name):
        raise FileNotFoundError(f"{folder}: {name!r} is not a file name")
    return folder / name


def stamps(folder: Path, pattern: str = "[!.]*") -> dict[Path, Stamp]:
    """Return a stamp of each file in a folder, which need not exist, in order of the names."""
    result = {}
    for path in sorted(folder.glob(pattern)):
        # A file may vanish between the listing and this call.
        with contextlib.suppress(OSError):
            if path.is_file():
                result[path] = stamp(path)
    return result


def stamp(path: Path) -> Stamp:
    """Return the stamp of a file, which must exist."""
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def sha256(path: Path) -> str:
    """Return the hex sha256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as opened:
        while block := opened.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _flush_folder(folder: Path) -> None:
    """Flush a folder to disk, so that a rename in it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems do not support it.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
