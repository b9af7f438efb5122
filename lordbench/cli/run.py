"""`lordbench run`."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from lordbench.cli.console import ERR, EXIT_FAILED, OUT, plugins_option
from lordbench.runner import executors
from lordbench.utils.errors import UserError

EXECUTOR_OPTIONS = {
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
        help="Retries for a training whose worker was killed; it resumes from its checkpoint.",
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
        help="ray, slurm: GPUs of each cell; with ray also a fraction such as 0.25.",
    ),
    "memory_gb": click.option(
        "--memory-per-cell", "memory_gb", type=float, metavar="GB", help="ray, slurm: memory of each cell."
    ),
    "partition": click.option("--partition", help="slurm: partition to submit to."),
    "minutes": click.option(
        "--time-limit",
        "minutes",
        type=click.IntRange(min=1),
        metavar="MINUTES",
        help="slurm: time limit of a job; a cell that needs longer resumes in the next job.",
    ),
    "cluster": click.option(
        "--slurm-cluster",
        "cluster",
        type=click.Choice(["slurm", "local"]),
        help="slurm: local runs the jobs on this machine, without Slurm.",
    ),
}
"""Options by the executor setting that each gives; an executor has some of them."""


def executor_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of executors; the command gets `executor`, and `executor_settings` as given."""

    @functools.wraps(command)
    def gather(*, executor: str, **values: Any) -> None:
        settings = {name: values.pop(name) for name in EXECUTOR_OPTIONS}
        settings = {name: value for name, value in settings.items() if value is not None}
        command(executor=executor, executor_settings=settings, **values)

    for option in reversed(EXECUTOR_OPTIONS.values()):
        gather = option(gather)
    return click.option(
        "--executor",
        type=click.Choice(executors.NAMES),
        default="local",
        show_default=True,
        help="Where cells run: on this machine, on a Ray cluster, or as Slurm jobs.",
    )(gather)


@click.command()
@click.option(
    "--methods",
    show_default="lord,drnet,mlvae",
    help="Methods, separated by commas: NAME, NAME[key=value] or FILE.py.",
)
@click.option(
    "--dataset",
    show_default="toycars",
    help="Data set: NAME, NAME[key=value] or folder:PATH.",
)
@click.option(
    "--pattern", default=None, help='Labels in file names of folder:PATH, e.g. "{class}/{content}.png".'
)
@click.option(
    "--preset",
    default="quick",
    show_default=True,
    help="Sizes and schedules: smoke, quick, paper, or FILE.yaml. Some presets also set defaults of other"
    " options: see `lordbench list presets`.",
)
@click.option("--experiments", show_default="all", help="Experiments, separated by commas.")
@click.option("--seeds", default="0", show_default=True, help="Seeds, separated by commas.")
@click.option("--split", type=click.Choice(["samples", "classes"]), show_default="samples",
              help="What is held out: images, or whole classes; as in the data set's official split if it has"
              " one of that kind, else a tenth.")  # fmt: skip
@click.option("--labels", show_default="own",
              help="Class labels given to methods, separated by commas: own (the data set's classes),"
              " clusters or clusters[k=12] (of each domain, found without labels), truth (the true styles of"
              " each domain).")  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Run folder."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a setting of the preset (budget.images=5000) or of a method (lord.noise=0.5); repeatable.",
)
@click.option("--force", is_flag=True, help="Run finished cells again.")
@executor_options
@click.option(
    "--checkpoint-every",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="What a killed training loses at most.",
)
@click.option(
    "--tensorboard",
    is_flag=True,
    help="Also write event files for `tensorboard --logdir OUT/tensorboard`.",
)
@plugins_option
def run(
    methods: str | None, dataset: str | None, pattern: str | None, preset: str, experiments: str | None,
    seeds: str, split: str | None, labels: str | None, out: Path, device: str, overrides: tuple[str, ...],
    force: bool, executor: str, executor_settings: dict[str, Any], checkpoint_every: float,
    tensorboard: bool, plugins: tuple[Path, ...],
) -> None:  # fmt: skip
    """Train methods on a data set, run the experiments, and print the comparison.

    Finished cells are not run again; an interrupted run resumes.

    \b
    Examples:
      lordbench run
      lordbench run --preset smoke
      lordbench run --preset ablation --seeds 0,1,2
      lordbench run --methods lord,mlvae --seeds 0,1,2 --out runs/seeds
      lordbench run --dataset folder:faces --pattern "{class}/{content}.png"
      lordbench run --set budget.images=20000 --set lord.decay=1e-4
      lordbench run --dataset drawings2cars --labels own,clusters,truth
      lordbench run --preset paper --dataset kth -j 2 --tensorboard
      lordbench run --preset paper --dataset kth --executor ray --gpus-per-cell 0.25
    """  # noqa: D301
    from lordbench.config import selectors
    from lordbench.config.registry import use_plugins
    from lordbench.runner.plan import Request
    from lordbench.runner.session import RunOptions, run_session

    def names(text: str | None) -> list[str] | None:
        return None if text is None else selectors.split_list(text)

    request = Request(
        methods=names(methods),
        dataset=dataset,
        preset=preset,
        experiments=names(experiments),
        seeds=_integers(seeds),
        split=split,  # type: ignore[arg-type]
        labels=names(labels),
        data_settings={} if pattern is None else {"pattern": pattern},
        overrides=dict(selectors.assignment(text) for text in overrides),
    )
    options = RunOptions(
        executors.make(executor, executor_settings), device, force, tensorboard, checkpoint_every
    )
    with use_plugins(plugins):
        result = run_session(request, out, options, OUT, ERR)
    if result.failures:
        sys.exit(EXIT_FAILED)


def _integers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise UserError(f"--seeds {text}: give whole numbers separated by commas") from None
