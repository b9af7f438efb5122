"""Watchers that hand curves, values and pictures of a cell to an experiment tracker."""

from __future__ import annotations

import contextlib
import os
import re
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PIL import Image

from lordbench.results.run_folder import Store
from lordbench.runner.cell import Cell
from lordbench.runner.watchers import Watcher
from lordbench.training.loop import Context
from lordbench.utils.errors import UserError, did_you_mean, require_extra
from lordbench.utils.files import component_name

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FLUSH_SECONDS = 10
PROJECT = "lordbench"


class Tracker(Watcher):
    """Sends one cell to a tracker. Each attempt sends the whole curve up to the checkpoint again.

    Tags are `PHASE/TERM` and `PHASE/images per second` at the steps of the phase, as in `curve.csv`; at the
    end `EXPERIMENT/CODES/SUBJECT/METRIC` for every value with a direction of merit, the cell's
    hyperparameters, and the pictures.

    Attributes:
        package: that it needs.
    """

    package: ClassVar[str]

    def __init__(self, cell: Cell, store: Store) -> None:
        self.cell, self.store, self.folder = cell, store, store.cell(cell.id)
        name = f"{cell.label} {cell.dataset} {cell.split} seed {cell.seed}"
        # Only characters that every file system takes.
        self.name = re.sub(r"[^A-Za-z0-9_.=,-]+", "-", name).strip("-")

    @abstractmethod
    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Send values at a step of their phase."""

    @abstractmethod
    def measurements(self, values: Mapping[str, float]) -> None:
        """Send the measured values of a finished cell."""

    @abstractmethod
    def picture(self, path: Path) -> None:
        """Send a picture, a PNG file."""

    @abstractmethod
    def close(self, *, failed: bool) -> None:
        """Finish."""

    def follow(self, context: Context) -> None:
        self.context, self.written = context, 0

    def phase(self, name: str, steps: int, done: int, epoch_steps: float) -> None:
        self._catch_up()

    def step(self, done: int, images: int, loss: float | None) -> None:
        if loss is None:
            return  # The curve grows at steps with a loss only.
        progress = self.context.progress
        rate = (progress.images - self.images) / max(progress.seconds - self.seconds, 1e-9)
        self._catch_up()
        self.scalars({f"{progress.phase}/images per second": rate}, done)

    def end(self, *, failed: bool) -> None:
        """Send measurements and pictures, unless the cell failed."""
        if not failed:
            self.measurements(self._measured())
            for path in self.folder.pictures():
                self.picture(path)
        self.close(failed=failed)

    @property
    def parameters(self) -> dict[str, bool | str | float | int]:
        """Hyperparameters of the cell."""
        cell = self.cell
        parameters: dict[str, Any] = {"method": cell.label, "dataset": cell.dataset, "split": cell.split}
        parameters |= {"preset": cell.preset_name, "seed": cell.seed}
        for name, value in cell.settings.items():
            plain = isinstance(value, bool | str | float | int)
            parameters[f"{cell.method_name}.{name}"] = value if plain else str(value)
        return parameters

    def _catch_up(self) -> None:
        """Send the rows of the training curve that are not sent yet."""
        progress = self.context.progress
        for record in progress.history[self.written :]:
            terms = {term: float(value) for term, value in record.items() if term not in ("phase", "step")}
            tags = {f"{record['phase']}/{term}": value for term, value in terms.items()}
            self.scalars(tags, int(record["step"]))
        self.written = len(progress.history)
        self.seconds, self.images = progress.seconds, progress.images

    def _measured(self) -> dict[str, float]:
        values = {}
        names = map(component_name, self.cell.experiments)
        for m in (m for name in names for m in self.folder.measurements(name) or []):
            if m.value is not None and m.higher_is_better is not None:
                values[m.full_name] = m.value
        return values


class EventFiles(Tracker):
    """Writes TensorBoard's event files.

    Each attempt at a cell starts a file that makes TensorBoard drop earlier attempts. So no step appears
    twice, and none is missing if an earlier attempt ran without event files.
    """

    package = "tensorboard"

    def begin(self) -> None:
        from torch.utils.tensorboard import SummaryWriter

        path = self.store.event_files / f"{self.name}-{self.cell.id}"
        self.writer: SummaryWriter = SummaryWriter(str(path), purge_step=0, flush_secs=FLUSH_SECONDS)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        for tag, value in values.items():
            self.writer.add_scalar(tag, value, int(step))

    def measurements(self, values: Mapping[str, float]) -> None:
        # In the same folder: by default, TensorBoard shows hyperparameters as a separate run.
        self.writer.add_hparams(self.parameters, dict(values), run_name=".")

    def picture(self, path: Path) -> None:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        self.writer.add_image(path.stem, pixels, dataformats="HWC")

    def close(self, *, failed: bool) -> None:
        self.writer.close()


class Wandb(Tracker):
    """Logs to Weights & Biases, to the project in $WANDB_PROJECT, by default `lordbench`.

    With `WANDB_MODE=offline` everything stays in `OUT/wandb`, for `wandb sync`. An attempt that resumes a
    cell is a run of its own, in the same group.
    """

    package = "wandb"

    def begin(self) -> None:
        import wandb

        self.run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=self.name,
            group=self.cell.id,
            dir=str(self.store.root.resolve()),
            config=self.parameters,
            settings=wandb.Settings(silent=True, console="off"),
        )

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        # Steps count within a phase; wandb's own would have to grow over all phases.
        axes = {f"{tag.partition('/')[0]}/step": step for tag in values}
        for tag in values:
            self.run.define_metric(tag, step_metric=f"{tag.partition('/')[0]}/step")
        self.run.log({**values, **axes})

    def measurements(self, values: Mapping[str, float]) -> None:
        self.run.summary.update(dict(values))

    def picture(self, path: Path) -> None:
        import wandb

        self.run.log({f"pictures/{path.stem}": wandb.Image(str(path))})

    def close(self, *, failed: bool) -> None:
        self.run.finish(exit_code=int(failed))


class Mlflow(Tracker):
    """Logs to the MLflow server in $MLFLOW_TRACKING_URI; by default to files in `OUT/mlruns`.

    The experiment is the one in $MLFLOW_EXPERIMENT_NAME, by default `lordbench`.
    """

    package = "mlflow"

    def begin(self) -> None:
        from mlflow import MlflowClient, MlflowException

        # Since 3.17 MLflow asks for this before it writes files; a database would need more packages.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        files = (self.store.root.resolve() / "mlruns").as_uri()
        self.client: Any = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI", files))
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        experiment = self.client.get_experiment_by_name(name)
        if experiment is None:
            # Another worker may make it at the same moment.
            with contextlib.suppress(MlflowException):
                self.client.create_experiment(name)
            experiment = self.client.get_experiment_by_name(name)
        tags = {"mlflow.runName": self.name, "cell": self.cell.id}
        self.run: str = self.client.create_run(experiment.experiment_id, tags=tags).info.run_id
        for key, value in self.parameters.items():
            self.client.log_param(self.run, key, value)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        for tag, value in values.items():
            self.client.log_metric(self.run, _plain(tag), float(value), step=int(step))

    def measurements(self, values: Mapping[str, float]) -> None:
        self.scalars(values, 0)

    def picture(self, path: Path) -> None:
        self.client.log_artifact(self.run, str(path), "pictures")

    def close(self, *, failed: bool) -> None:
        self.client.set_terminated(self.run, "FAILED" if failed else "FINISHED")


def _plain(tag: str) -> str:
    """A tag in the characters that MLflow takes."""
    return re.sub(r"[^\w\-./ :]", "-", tag)


TRACKERS: dict[str, type[Tracker]] = {"tensorboard": EventFiles, "wandb": Wandb, "mlflow": Mlflow}


def require_trackers(names: tuple[str, ...]) -> None:
    """Raise UserError if a tracker is unknown, or its package is not installed."""
    for name in names:
        if name not in TRACKERS:
            message = f"unknown tracker {name!r}{did_you_mean(name, TRACKERS)}"
            raise UserError(message, f"There are: {', '.join(TRACKERS)}.")
        require_extra(TRACKERS[name].package, name, f"--{name} needs the package {TRACKERS[name].package}")
