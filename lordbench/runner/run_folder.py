"""Writing run folders: one run at a time in a folder, one process at a time in a cell, and repairs."""

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from filelock import Timeout
from pydantic import TypeAdapter, ValidationError

from lordbench.results.damage import damage
from lordbench.results.run_folder import CellFolder, Store
from lordbench.runner.cell import Cell
from lordbench.training import DataSpec
from lordbench.training.checkpoints import read_tensors
from lordbench.utils.errors import UserError
from lordbench.utils.files import remove_unfinished
from lordbench.utils.integrity import ALTERED, differs_from_checksum, read_metadata, write_with_checksum
from lordbench.utils.locks import locked

PATIENCE_SECONDS = 1.0
"""How long a new run waits for the lock of its folder: `lordbench status` holds it for a moment."""
UNFINISHED_SECONDS = 600.0
"""Age at which a temporary file is abandoned; reports write to the folder without the lock."""
_SPEC = TypeAdapter(DataSpec)


@contextlib.contextmanager
def open_run_folder(root: Path) -> Iterator[Store]:
    """Lock a run folder for one run, and yield its store.

    Raises:
        UserError: another run holds the folder, or it cannot be written or locked.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(Store(root).lock, PATIENCE_SECONDS))
            remove_unfinished(root, UNFINISHED_SECONDS)
        except Timeout:
            hint = "Wait for it, or choose another folder with --out."
            raise UserError(f"{root}: another run is writing here", hint) from None
        except OSError as error:
            hint = "Choose another folder with --out, or make room."
            raise UserError(f"{root}: cannot write here: {error}", hint) from None
        yield Store(root)


def forget_progress(store: Store) -> None:
    """Remove the progress of interrupted runs, whose cells `lordbench status` would take for running."""
    for folder in store.cells():
        folder.progress.unlink(missing_ok=True)


def cell_lock(store: Store, cell_id: str, timeout: float = -1) -> contextlib.AbstractContextManager[None]:
    """The lock that a process holds while it runs a cell, see `locked`; it ends with the process.

    A killed run may have left workers, on this machine or another one of a cluster: whoever runs the cell
    next waits until they have ended, and continues from what they have written.
    """
    return locked(store.cell_locks / cell_id, timeout)


def repair(cells: Iterable[Cell], store: Store, note: Callable[[str], None]) -> None:
    """Move damaged files of cells aside, so that exactly what is missing or damaged is pending.

    `note` receives a line for each damaged file, `results.csv` included.
    """
    if store.results.exists() and differs_from_checksum(store.results):
        note(f"{store.results}: {ALTERED}; `lordbench run` writes it again from the cells")
    for cell in cells:
        # A cell whose lock is held is being run by another process, which repairs it.
        with contextlib.suppress(Timeout), cell_lock(store, cell.id, timeout=0):
            folder = store.cell(cell.id)
            for problem in damage(folder, read_tensors):
                note(str(problem))
                for path in problem.aside:
                    folder.move_aside(path)
            # These missing files do not need the cell to be run.
            if folder.is_trained() and not folder.description.exists():
                describe(cell, folder)
            if folder.is_trained() and not folder.curve.exists() and (curve := folder.trained_curve()):
                folder.write_curve(curve)


def describe(cell: Cell, folder: CellFolder) -> None:
    """Write `cell.json`: all fields of a cell."""
    write_with_checksum(folder.description, cell.model_dump(mode="json"))


def encode_spec(spec: DataSpec) -> dict[str, str]:
    """Safetensors metadata that lets a model be loaded without its data."""
    return {"spec": json.dumps(asdict(spec), sort_keys=True)}


def read_spec(folder: CellFolder) -> DataSpec:
    """The data that a cell's model was built for.

    Raises:
        UserError: the model's file is damaged.
    """
    try:
        return _SPEC.validate_json(read_metadata(folder.model).get("spec", ""))
    except ValidationError as error:
        message = f"{folder.model}: its data specification is not readable: {error}"
        raise UserError(message, "Run again with --force.") from None
