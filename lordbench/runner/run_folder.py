"""Who may write where: one run at a time in a run folder, one process at a time in a cell."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from lordbench.errors import UserError
from lordbench.files import forget_unfinished
from lordbench.results.store import Store

PATIENCE_SECONDS = 1.0
"""A run that begins asks this long for its folder, since `lordbench status` holds the lock for a moment."""

UNFINISHED_SECONDS = 600.0
"""What was being written this long ago is not being written any more: reports write here without the lock."""


class RunFolder:
    """Holds a run folder for one run at a time, and checks that it can be written.

    Raises:
        UserError: another run holds it, or it cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock = FileLock(Store(root).lock)

    def __enter__(self) -> Store:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.lock.acquire(timeout=PATIENCE_SECONDS)
            forget_unfinished(self.root, UNFINISHED_SECONDS)
        except Timeout:
            raise UserError(
                f"{self.root}: another run is writing here",
                "Wait for it, or choose another folder with --out.",
            ) from None
        except (OSError, NotImplementedError) as error:
            raise UserError(
                f"{self.root}: cannot write here: {error}", "Choose another folder with --out, or make room."
            ) from None
        return Store(self.root)

    def __exit__(self, *exception: object) -> None:
        self.lock.release()


def cell_lock(store: Store, cell_id: str) -> FileLock:
    """The lock that a process holds while it runs a cell; it ends with the process, however that ends.

    A run that was killed may have left workers behind, on this machine or on another one of a cluster: who
    comes after them waits until they have ended, and goes on from what they have written.
    """
    path = store.cell_locks / cell_id
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path)
