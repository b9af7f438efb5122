"""TensorBoard: a cell's training curve as it grows, its measurements and pictures, as event files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from lordbench.errors import require_package
from lordbench.results.store import Store
from lordbench.runner.identity import Cell
from lordbench.runner.watchers import Watcher
from lordbench.training import Context

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FLUSH_SECONDS = 10


def require_tensorboard() -> None:
    """Check that event files can be written.

    Raises:
        UserError: the package is not installed.
    """
    require_package(
        "tensorboard",
        "--tensorboard needs the package tensorboard, which is not installed",
        "Install it: pip install 'lordbench[tensorboard]'.",
    )


class EventFiles(Watcher):
    """Writes what TensorBoard shows of one cell.

    Each attempt at a cell begins a file that tells TensorBoard to forget the attempts before, and that holds
    the whole curve up to the checkpoint. So no step is there twice, and none is missing where an attempt
    before was made without event files.

    Tags are `PHASE/TERM` and `PHASE/images per second` at the steps of the phase, as in `curve.csv`; at the
    end `EXPERIMENT/SUBJECT/CODES/METRIC` of every value with a direction of merit, under the cell's
    hyperparameters, and the pictures.
    """

    def __init__(self, cell: Cell, store: Store) -> None:
        self.cell = cell
        self.folder = store.cell(cell.id)
        self.path = store.event_files / folder_name(cell)

    def begin(self) -> None:
        """The cell begins; torch imports tensorboard here and not before."""
        from torch.utils.tensorboard import SummaryWriter

        self.writer: SummaryWriter = SummaryWriter(str(self.path), purge_step=0, flush_secs=FLUSH_SECONDS)

    def follow(self, context: Context) -> None:
        """Its training begins."""
        self.context = context
        self.written = 0

    def phase(self, name: str, steps: int, done: int, epoch_steps: float) -> None:
        """A phase begins, or goes on."""
        progress = self.context.progress
        self._catch_up()
        self.seconds, self.images = progress.seconds, progress.images

    def step(self, done: int, images: int, loss: float | None) -> None:
        """A step has ended; at a logged one the curve has grown."""
        if loss is None:
            return
        progress = self.context.progress
        self._catch_up()
        rate = (progress.images - self.images) / max(progress.seconds - self.seconds, 1e-9)
        self.writer.add_scalar(f"{progress.phase}/images per second", rate, done)
        self.seconds, self.images = progress.seconds, progress.images

    def end(self, *, failed: bool) -> None:
        """The cell has ended: its measurements and pictures follow, unless it failed."""
        if not failed:
            self._add_measurements()
            for path in self.folder.pictures():
                with Image.open(path) as picture:
                    pixels = np.asarray(picture.convert("RGB"))
                self.writer.add_image(path.stem, pixels, dataformats="HWC")
        self.writer.close()

    def _catch_up(self) -> None:
        """Write the lines of the training curve that are not written yet."""
        history = self.context.progress.history
        for record in history[self.written :]:
            for term, value in record.items():
                if term not in ("phase", "step"):
                    self.writer.add_scalar(f"{record['phase']}/{term}", value, int(record["step"]))
        self.written = len(history)

    def _add_measurements(self) -> None:
        values = {
            "/".join(filter(None, (m.experiment, m.subject, m.codes, m.metric))): m.value
            for experiment in self.cell.experiments
            for m in self.folder.measurements(experiment) or []
            if m.value is not None and m.higher_is_better is not None
        }
        cell = self.cell
        named = {
            "method": cell.label,
            "dataset": cell.dataset,
            "split": cell.split,
            "preset": cell.preset_name,
            "seed": cell.seed,
        }
        settings = {f"{cell.method_name}.{name}": _shown(value) for name, value in cell.settings.items()}
        # The same folder: by default, hyperparameters are a run of their own, beside the curve's.
        self.writer.add_hparams(named | settings, values, run_name=".")


def folder_name(cell: Cell) -> str:
    """Name a cell's folder for people, in letters that every file system takes."""
    title = f"{cell.label} {cell.dataset} {cell.split} seed {cell.seed}"
    return f"{re.sub(r'[^A-Za-z0-9_.=,-]+', '-', title).strip('-')}-{cell.id}"


def _shown(value: Any) -> bool | str | float | int:
    return value if isinstance(value, bool | str | float | int) else str(value)
