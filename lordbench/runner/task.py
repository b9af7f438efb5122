"""A cell with all that another process needs to run it: plain data, as JSON, so that no code is sent."""

from __future__ import annotations

import contextlib
import functools
import json
import os
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict

from lordbench.errors import UserError
from lordbench.images import ImageSet
from lordbench.results.store import Store
from lordbench.runner.cell import Outcome, Workshop, run_cell
from lordbench.runner.identity import Cell
from lordbench.runner.plan import load_dataset

PASSED_ON = ("LORDBENCH_", "TORCH_HOME")
"""Beginnings of the names of those environment variables that a worker gets from the run that sends it."""


class Task(BaseModel):
    """What a worker is sent.

    Attributes:
        cell: to be run.
        root: run folder, absolute.
        device: name of the device, as given.
        threads: of each operation on a CPU.
        tensorboard: whether event files are written.
        checkpoint_seconds: between two checkpoints.
        folder: that relative paths, such as a data set's, start from.
        environment: variables that say where data, weights and plug-ins are.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cell: Cell
    root: Path
    device: str
    threads: int
    tensorboard: bool
    checkpoint_seconds: float
    folder: Path
    environment: dict[str, str]

    @classmethod
    def of(cls, cell: Cell, workshop: Workshop, threads: int) -> Task:
        """The task of running a cell as this process would."""
        return cls(
            cell=cell,
            root=workshop.store.root.resolve(),
            device=workshop.device,
            threads=threads,
            tensorboard=workshop.tensorboard,
            checkpoint_seconds=workshop.checkpoint_seconds,
            folder=Path.cwd(),
            environment={key: value for key, value in os.environ.items() if key.startswith(PASSED_ON)},
        )


class Result(BaseModel):
    """What a worker sends back; see `lordbench.runner.cell.Outcome`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Literal["done", "kept", "failed"]
    error: str = ""


def carry_out(task_json: str) -> str:
    """Run a task in this process, a worker's, and return its `Result` as JSON.

    The worker loads the data set by itself, from the cache: images are not sent around.
    """
    task = Task.model_validate_json(task_json)
    os.environ.update(task.environment)
    with contextlib.suppress(OSError):
        # On a machine without this folder, what is named by absolute paths can still be found.
        os.chdir(task.folder)
    torch.set_num_threads(task.threads)
    outcome = _run(task)
    return Result(status=outcome.status, error=outcome.error).model_dump_json()


def _run(task: Task) -> Outcome:
    cell = task.cell
    try:
        images = _images(*cell.data)
    except UserError as error:
        return Outcome(cell, "failed", str(error))
    except Exception as error:
        # As with any other error of a cell: it ends this one only.
        return Outcome(cell, "failed", f"{type(error).__name__}: {error}")
    if images.fingerprint != cell.data_fingerprint:
        return Outcome(cell, "failed", f"{cell.dataset}: the data changed while the run was under way")
    return run_cell(
        cell, images, _workshop(task.root, task.device, task.tensorboard, task.checkpoint_seconds)
    )


@functools.lru_cache(maxsize=1)
def _images(dataset: str, settings: str, size: int) -> ImageSet:
    """The images that a worker's cells are about: as a rule, all its cells are about the same."""
    return load_dataset(dataset, json.loads(settings)).load(size)


@functools.cache
def _workshop(root: Path, device: str, tensorboard: bool, checkpoint_seconds: float) -> Workshop:
    """One a worker process, as its cells share what no method changes."""
    return Workshop(Store(root), device, tensorboard=tensorboard, checkpoint_seconds=checkpoint_seconds)
