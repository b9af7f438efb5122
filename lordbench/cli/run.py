"""`lordbench run`."""

import sys
from pathlib import Path
from typing import Any

import click

from lordbench.cli.completion import completes
from lordbench.cli.console import (
    COUNT,
    ERR,
    EXIT_FAILED,
    OUT,
    PATH,
    PATTERN_HELP,
    HomePath,
    integers,
    plugins_option,
)
from lordbench.runner import executors
from lordbench.utils.errors import UserError

TRACKERS = ("tensorboard", "wandb", "mlflow")
EXECUTOR_SETTINGS = (
    "jobs", "retries", "address", "cpus_per_cell", "gpus_per_cell", "memory_gb", "partition", "minutes",
    "cluster",
)  # fmt: skip


@click.command()
@click.option("--config", type=HomePath(exists=True, dir_okay=False, path_type=Path), metavar="FILE.yaml",
              help="Run file with the settings of a run, such as the run.yaml that each run leaves in its"
              " folder. Options given here override it.")  # fmt: skip
@click.option("--methods", multiple=True, show_default="lord,drnet,mlvae",
              shell_complete=completes("methods"),
              help="Methods, separated by commas: NAME, NAME[key=value] or FILE.py"
              " (repeatable).")  # fmt: skip
@click.option("--dataset", multiple=True, show_default="toycars", shell_complete=completes("datasets"),
              help="Data set: NAME, NAME[key=value] or folder:PATH (repeatable).")  # fmt: skip
@click.option("--pattern", help=PATTERN_HELP)
@click.option("--preset", show_default="quick", shell_complete=completes("presets"),
              help="Sizes and schedules: smoke, quick, standard, paper, or FILE.yaml. Some presets also set"
              " defaults of other options: see `lordbench list presets`.")  # fmt: skip
@click.option("--experiments", show_default="all", shell_complete=completes("experiments"),
              help="Experiments, separated by commas.")  # fmt: skip
@click.option("--metrics", shell_complete=completes("metrics"),
              help="Metrics to use besides the default ones, separated by commas: the probes of papers are"
              " probe_dcodr and probe_overlord.")  # fmt: skip
@click.option("--seeds", show_default="0", help="Seeds, separated by commas.")
@click.option("--split", type=click.Choice(["samples", "classes"]), show_default="samples",
              help="What is held out: images, or whole classes; as in the data set's official split if it has"
              " one of that kind, else a tenth.")  # fmt: skip
@click.option("--labels", show_default="own",
              help="Class labels given to methods, separated by commas: own (the data set's classes),"
              " clusters or clusters[k=12] (of each domain, found without labels), truth (the true styles of"
              " each domain).")  # fmt: skip
@click.option("--out", type=PATH, show_default="runs", help="Run folder.")
@click.option("--columns", metavar="NAME[,NAME]", shell_complete=completes("metrics"),
              help="Metrics of the summary, named as in `lordbench leaderboard --metric`."
              "  [default: few columns of each experiment]")  # fmt: skip
@click.option("--against", metavar="RUNS[,RUNS]",
              help="Show the results beside those of other run folders; `reference`: those that ship with"
              " lordbench.")  # fmt: skip
@click.option("--device", show_default="auto", help="auto, cpu, cuda or cuda:N.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE",
              help="Override a setting of the preset (budget.images=5000) or of a method (lord.noise=0.5);"
              " repeatable.")  # fmt: skip
@click.option("--force", is_flag=True, help="Run finished cells again.")
@click.option("--dry-run", is_flag=True,
              help="Only print the plan, with times estimated from a few training steps; write nothing"
              " to the run folder.")  # fmt: skip
@click.option("--only-evaluate", is_flag=True,
              help="Only run experiments, on trained cells. The exit status is 1 if a cell is not"
              " trained.")  # fmt: skip
@click.option("--executor", type=click.Choice(executors.NAMES), show_default="local",
              help="Where cells run: on this machine, on a Ray cluster, or as Slurm jobs.")  # fmt: skip
@click.option("-j", "--jobs", type=COUNT,
              show_default="as many as there are CPU cores and memory for; 1 on a GPU; ray: as many as"
              " fit; slurm: 16",
              help="Cells at a time.")  # fmt: skip
@click.option("--retries", type=click.IntRange(min=0), show_default="2",
              help="Retries for a cell whose worker was killed; a training resumes from its"
              " checkpoint.")  # fmt: skip
@click.option("--ray-address", "address", metavar="HOST:PORT",
              show_default="$RAY_ADDRESS, or a cluster on this machine alone",
              help="ray: the cluster.")  # fmt: skip
@click.option("--cpus-per-cell", type=COUNT, show_default="1", help="ray, slurm: CPU cores of each cell.")
@click.option("--gpus-per-cell", type=float, show_default="0",
              help="ray, slurm: GPUs of each cell; with ray also a fraction such as 0.25.")  # fmt: skip
@click.option("--memory-per-cell", "memory_gb", type=float, metavar="GB", show_default="slurm: 8",
              help="ray, slurm: memory of each cell.")  # fmt: skip
@click.option("--partition", help="slurm: partition to submit to.")
@click.option("--time-limit", "minutes", type=COUNT, metavar="MINUTES", show_default="240",
              help="slurm: time limit of a job; a cell that needs longer resumes in the next"
              " job.")  # fmt: skip
@click.option("--slurm-cluster", "cluster", type=click.Choice(["slurm", "local"]), show_default="slurm",
              help="slurm: local runs the jobs on this machine, without Slurm.")  # fmt: skip
@click.option("--checkpoint-every", type=click.FloatRange(min=0), show_default="60",
              metavar="SECONDS", help="Time between checkpoints: a killed training loses that, and 25"
              " steps at most.")  # fmt: skip
@click.option("--tensorboard", is_flag=True,
              help="Also write event files for `tensorboard --logdir OUT/tensorboard`.")  # fmt: skip
@click.option("--wandb", is_flag=True, help="Also log to Weights & Biases ($WANDB_PROJECT, $WANDB_MODE).")
@click.option("--mlflow", is_flag=True,
              help="Also log to MLflow: to $MLFLOW_TRACKING_URI, or to files in OUT/mlruns.")  # fmt: skip
@click.option("--pdb", is_flag=True,
              help="Open a debugger where a cell fails; cells run one by one in this process.")  # fmt: skip
@click.option("--verbose", is_flag=True, help="Print all tables, not only the summary.")
@plugins_option
def run(
    config: Path | None,
    force: bool,
    dry_run: bool,
    only_evaluate: bool,
    pdb: bool,
    verbose: bool,
    **given: Any,
) -> None:
    """Train methods on a data set, run the experiments, and print the comparison.

    Finished cells are not run again; an interrupted run resumes.

    \b
    Examples:
      lordbench run
      lordbench run --preset smoke
      lordbench run --preset ablation --seeds 0,1,2 --dry-run
      lordbench run --methods lord,mlvae --seeds 0,1,2 --out runs/seeds
      lordbench run --dataset folder:faces --pattern "{class}/{content}.png"
      lordbench run --set budget.images=20000 --set lord.decay=1e-4
      lordbench run --experiments leakage --metrics probe_dcodr,probe_overlord
      lordbench run --dataset drawings2cars --labels own,clusters,truth
      lordbench run --preset paper --dataset kth -j 2 --tensorboard
      lordbench run --preset paper --dataset kth --executor ray --gpus-per-cell 0.25
      lordbench run --methods ./my_method.py --against reference
      lordbench run --config runs/run.yaml --seeds 3,4
    """  # noqa: D301
    from lordbench.config.registry import use_plugins
    from lordbench.runner.dry_run import dry_run as try_out
    from lordbench.runner.run_file import read_run_file
    from lordbench.runner.session import run_session

    if pdb:
        if given["executor"] not in (None, "local") or given["jobs"] not in (None, 1):
            raise UserError("--pdb debugs in this process", "Leave out --executor and --jobs.")
        given |= {"executor": "local", "jobs": 1}
    run_file = read_run_file(config, changes_of(given), str(config) if config else "lordbench run")
    with use_plugins(run_file.plugins):
        options = run_file.options(
            force=force, only_evaluate=only_evaluate, verbose=verbose, on_error=_debug if pdb else None
        )
        if dry_run:
            try_out(run_file.request(), run_file.out, options, ERR)
            return
        result = run_session(run_file.request(), run_file.out, options, OUT, ERR)
    if result.failures:
        sys.exit(EXIT_FAILED)


def changes_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a run file that options, some or all of those of `run`, give."""
    from lordbench.config import selectors
    from lordbench.utils.settings import distinct

    changes = {name: value for name, value in given.items() if value not in (None, ())}
    executor = {name: changes.pop(name) for name in EXECUTOR_SETTINGS if name in changes}
    trackers = [name for name in TRACKERS if changes.pop(name, False)]
    overrides = distinct(map(selectors.assignment, changes.pop("overrides", ())), "--set")
    if "methods" in changes:
        changes["methods"] = ",".join(changes["methods"])
    if "seeds" in changes:
        changes["seeds"] = integers("--seeds", changes["seeds"])
    for name, values in (("executor_settings", executor), ("trackers", trackers), ("set", overrides)):
        changes |= {name: values} if values else {}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in changes.items()}


def _debug(error: BaseException) -> None:
    """Open the debugger where an error was raised."""
    import pdb
    import traceback

    traceback.print_exception(error)
    pdb.post_mortem(error.__traceback__)
