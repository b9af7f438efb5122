"""`lordbench run`."""

import sys
from pathlib import Path
from typing import Any

import click

from lordbench.cli.console import COUNT, ERR, EXIT_FAILED, OUT, PATH, plugins_option
from lordbench.runner import executors
from lordbench.utils.errors import UserError


@click.command()
@click.option("--methods", show_default="lord,drnet,mlvae",
              help="Methods, separated by commas: NAME, NAME[key=value] or FILE.py.")  # fmt: skip
@click.option("--dataset", show_default="toycars", help="Data set: NAME, NAME[key=value] or folder:PATH.")
@click.option("--pattern", help='Labels in file names of folder:PATH, e.g. "{class}/{content}.png".')
@click.option("--preset", default="quick", show_default=True,
              help="Sizes and schedules: smoke, quick, paper, or FILE.yaml. Some presets also set defaults of"
              " other options: see `lordbench list presets`.")  # fmt: skip
@click.option("--experiments", show_default="all", help="Experiments, separated by commas.")
@click.option("--seeds", default="0", show_default=True, help="Seeds, separated by commas.")
@click.option("--split", type=click.Choice(["samples", "classes"]), show_default="samples",
              help="What is held out: images, or whole classes; as in the data set's official split if it has"
              " one of that kind, else a tenth.")  # fmt: skip
@click.option("--labels", show_default="own",
              help="Class labels given to methods, separated by commas: own (the data set's classes),"
              " clusters or clusters[k=12] (of each domain, found without labels), truth (the true styles of"
              " each domain).")  # fmt: skip
@click.option("--out", type=PATH, default=Path("runs"), show_default=True, help="Run folder.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE",
              help="Override a setting of the preset (budget.images=5000) or of a method (lord.noise=0.5);"
              " repeatable.")  # fmt: skip
@click.option("--force", is_flag=True, help="Run finished cells again.")
@click.option("--executor", type=click.Choice(executors.NAMES), default="local", show_default=True,
              help="Where cells run: on this machine, on a Ray cluster, or as Slurm jobs.")  # fmt: skip
@click.option("-j", "--jobs", type=COUNT,
              show_default="as many as there are CPU cores for; 1 on a GPU; slurm: 16",
              help="Cells at a time.")  # fmt: skip
@click.option("--retries", type=click.IntRange(min=0), show_default="2",
              help="Retries for a training whose worker was killed; it resumes from its"
              " checkpoint.")  # fmt: skip
@click.option("--ray-address", "address", metavar="HOST:PORT",
              show_default="$RAY_ADDRESS, or a cluster on this machine alone",
              help="ray: the cluster.")  # fmt: skip
@click.option("--cpus-per-cell", type=COUNT, help="ray, slurm: CPU cores of each cell.")
@click.option("--gpus-per-cell", type=float,
              help="ray, slurm: GPUs of each cell; with ray also a fraction such as 0.25.")  # fmt: skip
@click.option("--memory-per-cell", "memory_gb", type=float, metavar="GB",
              help="ray, slurm: memory of each cell.")  # fmt: skip
@click.option("--partition", help="slurm: partition to submit to.")
@click.option("--time-limit", "minutes", type=COUNT, metavar="MINUTES",
              help="slurm: time limit of a job; a cell that needs longer resumes in the next"
              " job.")  # fmt: skip
@click.option("--slurm-cluster", "cluster", type=click.Choice(["slurm", "local"]),
              help="slurm: local runs the jobs on this machine, without Slurm.")  # fmt: skip
@click.option("--checkpoint-every", type=click.FloatRange(min=0), default=60.0, show_default=True,
              metavar="SECONDS", help="What a killed training loses at most.")  # fmt: skip
@click.option("--tensorboard", is_flag=True,
              help="Also write event files for `tensorboard --logdir OUT/tensorboard`.")  # fmt: skip
@click.option("--verbose", is_flag=True, help="Print all tables, not only the summary.")
@plugins_option
def run(
    methods: str | None, dataset: str | None, pattern: str | None, preset: str, experiments: str | None,
    seeds: str, split: str | None, labels: str | None, out: Path, device: str, overrides: tuple[str, ...],
    force: bool, executor: str, checkpoint_every: float, tensorboard: bool, verbose: bool,
    plugins: tuple[Path, ...], **executor_settings: Any,
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
    from lordbench.utils.settings import distinct

    request = Request(
        methods=selectors.listed(methods),
        dataset=dataset,
        preset=preset,
        experiments=selectors.listed(experiments),
        seeds=integers("--seeds", seeds),
        split=split,  # type: ignore[arg-type]
        labels=selectors.listed(labels),
        data_settings={} if pattern is None else {"pattern": pattern},
        overrides=distinct(map(selectors.assignment, overrides), "--set"),
    )
    given = {name: value for name, value in executor_settings.items() if value is not None}
    options = RunOptions(
        executors.make(executor, given), device, force, tensorboard, checkpoint_every, verbose
    )
    with use_plugins(plugins):
        result = run_session(request, out, options, OUT, ERR)
    if result.failures:
        sys.exit(EXIT_FAILED)


def integers(option: str, text: str) -> list[int]:
    """Read whole numbers, separated by commas, of an option; UserError if they are none."""
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise UserError(f"{option} {text}: give whole numbers separated by commas") from None
