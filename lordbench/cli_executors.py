"""The options of `lordbench run` that say where cells run, and what each gets."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from lordbench.runner import executors

OPTIONS = {
    "jobs": click.option(
        "-j",
        "--jobs",
        type=click.IntRange(min=1),
        show_default="1; ray: as many as fit; slurm: 16",
        help="Cells at a time.",
    ),
    "retries": click.option(
        "--retries",
        type=click.IntRange(min=0),
        show_default="2",
        help="Times that a cell is tried again whose worker was killed; it goes on from its checkpoint.",
    ),
    "address": click.option(
        "--ray-address",
        "address",
        metavar="HOST:PORT",
        show_default="$RAY_ADDRESS, or a cluster on this machine alone",
        help="ray: the cluster.",
    ),
    "cpus_per_cell": click.option(
        "--cpus-per-cell", type=click.IntRange(min=1), help="ray, slurm: CPU cores of each cell."
    ),
    "gpus_per_cell": click.option(
        "--gpus-per-cell",
        type=float,
        help="ray: GPUs of each cell, also a part of one such as 0.25; slurm: whole.",
    ),
    "memory_gb": click.option(
        "--memory-per-cell", "memory_gb", type=float, metavar="GB", help="ray, slurm: memory."
    ),
    "partition": click.option("--partition", help="slurm: where to submit."),
    "minutes": click.option(
        "--time-limit",
        "minutes",
        type=click.IntRange(min=1),
        metavar="MINUTES",
        help="slurm: of a job; a cell that needs longer goes on in the next.",
    ),
    "cluster": click.option(
        "--slurm-cluster",
        "cluster",
        type=click.Choice(["slurm", "local"]),
        help="slurm: local tries submitit out without a cluster.",
    ),
}
"""By the setting that each gives, of one executor or several."""


def executor_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options; it gets `executor` and `executor_settings`, those that were given."""

    @functools.wraps(command)
    def gathering(*, executor: str, **values: Any) -> None:
        settings = {name: values.pop(name) for name in OPTIONS}
        given = {name: value for name, value in settings.items() if value is not None}
        command(executor=executor, executor_settings=given, **values)

    for option in reversed(OPTIONS.values()):
        gathering = option(gathering)
    return click.option(
        "--executor",
        type=click.Choice(executors.NAMES),
        default="local",
        show_default=True,
        help="Where cells run: on this machine, on a Ray cluster, or as Slurm jobs.",
    )(gathering)
