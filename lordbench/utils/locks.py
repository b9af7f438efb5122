"""Lock files between processes, of this machine or of several that share a folder."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from lordbench.utils.errors import UserError

HELD = (errno.EAGAIN, errno.EACCES, errno.ENOSYS)
"""Errors of a lock that is held. ENOSYS: without locks in the file system, filelock's file is the lock."""


@contextlib.contextmanager
def locked(path: Path, timeout: float = -1) -> Iterator[None]:
    """Hold a lock file, whose folder is made; it is released with the process at the latest.

    Raises:
        Timeout: another process has held it for `timeout` seconds; negative: wait as long as it takes.
        UserError: the file system has no locks.
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=timeout)
    except OSError as error:
        # Only errors of the lock itself have no file name; those of the file are the caller's.
        if isinstance(error, TimeoutError) or error.filename is not None:
            raise
        raise _no_locks(path, error) from error
    try:
        yield
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Whether a process holds a lock file, on this computer or on one that shares the folder.

    A shared lock is requested and released at once: readers do not disturb each other, and a run that starts
    at this moment tries again (`PATIENCE_SECONDS` of `lordbench.runner.run_folder`). Unlike a process id in a
    file, the lock ends with the process, and is never another process's afterwards.

    Raises:
        UserError: the file system has no locks.
        OSError: the file exists, but cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in HELD:
            raise _no_locks(path, error) from error
        return True
    finally:
        os.close(descriptor)
    return False


def _no_locks(path: Path, error: OSError) -> UserError:
    return UserError(
        f"{path.parent}: files cannot be locked here: {error.strerror}",
        "Mount this file system with locks, or use a folder on another one (--out, --to, LORDBENCH_HOME).",
    )
