"""The lock of a run folder, seen from outside: does a run hold it?"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

HELD = (errno.EAGAIN, errno.EACCES, errno.ENOSYS)
"""What asking in vain gives. ENOSYS: a file system without locks; there, filelock's file itself is one."""


def is_held(lock: Path) -> bool:
    """Whether a process holds a lock file, on this machine or on one that shares the folder.

    The lock is asked for as a shared one and given back at once: those who ask do not disturb each other, and
    a run that begins in this very moment tries again (`PATIENCE_SECONDS` of `lordbench.runner.run_folder`).
    Unlike a process id in a file, the lock ends with the process, however that ends, and is never another
    process's afterwards.

    Raises:
        OSError: the file is there, but cannot be read.
    """
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in HELD:
            raise
        return True
    finally:
        os.close(descriptor)
    return False
