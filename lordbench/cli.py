"""The command line: parse, call, print; no logic of its own."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from lordbench import __version__
from lordbench.cli_claims import claims
from lordbench.cli_data import data
from lordbench.cli_executors import executor_options
from lordbench.cli_plugins import check, new, plugins_option
from lordbench.cli_report import figure, report
from lordbench.cli_results import compare, differences, leaderboard
from lordbench.cli_status import status
from lordbench.errors import UserError

# Messages and bars go to stderr, so that `lordbench leaderboard --format csv > file` holds the table only.
OUT, ERR = Console(), Console(stderr=True)
EXIT_FAILED_CELLS, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 1, 2, 130


def main() -> None:
    """Entry point: turns errors that a user can mend into a message and exit status 2."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = functools.partial(_show_warning, warnings.showwarning)
            cli(standalone_mode=False)
    except UserError as error:
        ERR.print(f"[bold red]Error:[/] {_plain(error.message)}", soft_wrap=True)
        if error.hint:
            ERR.print(_plain(error.hint), soft_wrap=True)
        sys.exit(EXIT_BAD_INPUT)
    except OSError as error:
        ERR.print(f"[bold red]Error:[/] {_plain(str(error))}", soft_wrap=True)
        ERR.print("Nothing that was finished is lost; the same command goes on from there.")
        sys.exit(EXIT_BAD_INPUT)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_BAD_INPUT)
    except (KeyboardInterrupt, click.Abort):
        ERR.print("\nInterrupted. The same command goes on from the last checkpoint.")
        sys.exit(EXIT_INTERRUPTED)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lordbench")
def cli() -> None:
    """Benchmark methods that split an image into its class and its content.

    \b
    Examples:
      lordbench run                                        three methods on the embedded toy cars
      lordbench run --methods lord,drnet --dataset folder:my_images
      lordbench run --methods "lord,lord[regularizer=kl],./my_method.py" --seeds 0,1,2
      lordbench status runs --watch                        how far is it? (in another terminal)
      lordbench leaderboard runs --format latex
      lordbench differences runs --metric lpips
      lordbench report runs
      lordbench new method my_method.py && lordbench check my_method.py
    """  # noqa: D301


@cli.command()
@click.option(
    "--methods",
    show_default="lord,drnet,mlvae",
    help="Methods, as NAME, NAME[key=value] or FILE.py.",
)
@click.option(
    "--dataset",
    show_default="toycars",
    help="Data set, as NAME, NAME[key=value] or folder:PATH.",
)
@click.option(
    "--pattern", default=None, help='Labels in file names of folder:PATH, e.g. "{class}/{content}.png".'
)
@click.option(
    "--preset",
    default="quick",
    show_default=True,
    help="Sizes and schedules: smoke, quick, paper, or FILE.yaml. Some also say what to run, where no option "
    "does: `lordbench list presets`.",
)
@click.option("--experiments", show_default="all", help="Experiments, separated by commas.")
@click.option("--seeds", default="0", show_default=True, help="Seeds, separated by commas.")
@click.option("--split", type=click.Choice(["samples", "classes"]), show_default="samples",
              help="What is held out: images, or whole classes. As in the data set's official split where it"
              " has one of that kind, else a tenth.")  # fmt: skip
@click.option("--labels", show_default="own",
              help="What methods are told as the class, separated by commas: own (the data set's classes),"
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
    help="Override a setting of the preset (budget.images=5000) or of a method (lord.noise=0.5).",
)
@click.option("--force", is_flag=True, help="Run cells again that are done.")
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
    help="Write event files of what is run: tensorboard --logdir OUT/tensorboard",
)
@plugins_option
def run(
    methods: str | None, dataset: str | None, pattern: str | None, preset: str, experiments: str | None,
    seeds: str, split: str | None, labels: str | None, out: Path, device: str, overrides: tuple[str, ...],
    force: bool, executor: str, executor_settings: dict[str, Any], checkpoint_every: float,
    tensorboard: bool, plugins: tuple[Path, ...],
) -> None:  # fmt: skip
    """Train methods on a data set, run the experiments, and print the comparison.

    What is done already is not done again; an interrupted run goes on where it was.

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
    from lordbench import selectors
    from lordbench.runner import executors
    from lordbench.runner.plan import Request
    from lordbench.runner.session import Manner, run_session
    from lordbench.user_plugins import using

    request = Request(
        methods=None if methods is None else selectors.split_list(methods),
        dataset=dataset,
        preset=preset,
        experiments=None if experiments is None else selectors.split_list(experiments),
        seeds=_integers(seeds),
        split=split,  # type: ignore[arg-type]
        labels=None if labels is None else selectors.split_list(labels),
        data_settings={} if pattern is None else {"pattern": pattern},
        overrides=dict(selectors.assignment(text) for text in overrides),
    )
    chosen = executors.make(executor, executor_settings)
    manner = Manner(chosen, device, force, tensorboard, checkpoint_every)
    with using(plugins):
        ended = run_session(request, out, manner, OUT, ERR)
    if ended.failures:
        sys.exit(EXIT_FAILED_CELLS)


@cli.command("list")
@click.argument("kind", type=click.Choice(["methods", "datasets", "metrics", "experiments", "presets"]))
@plugins_option
def list_(kind: str, plugins: tuple[Path, ...]) -> None:
    """List methods, data sets, metrics, experiments or presets; broken plug-ins with their error.

    \b
    Examples:
      lordbench list methods
      lordbench list metrics --plugins ./my_plugins
    """  # noqa: D301
    from lordbench.report.listing import listing
    from lordbench.user_plugins import using

    with using(plugins):
        OUT.print(listing(kind))


@cli.command()
@click.option("--fetch", is_flag=True, help="Fetch what is missing.")
def weights(fetch: bool) -> None:
    """Show which pretrained weights are found, and where.

    \b
    Examples:
      lordbench weights
      lordbench weights --fetch
    """  # noqa: D301
    from lordbench.report.listing import fetch_weights, weights_table

    if fetch:
        fetch_weights(ERR)
    OUT.print(weights_table())


@cli.command()
def doctor() -> None:
    """Show what this machine can do: device, precision, weights, data sets, versions."""
    from lordbench.report.listing import listing, machine_table, weights_table

    for table in (machine_table(), weights_table(), listing("datasets")):
        OUT.print(table)


for command in (data, status, leaderboard, differences, compare, claims, report, figure, check, new):
    cli.add_command(command)


def _integers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise UserError(f"--seeds {text}: whole numbers separated by commas are expected") from None


def _show_warning(
    others: Callable[..., None], message: Warning | str, category: type[Warning], *where: Any, **more: Any
) -> None:
    """Show a warning of a damaged file as a message for people."""
    from lordbench.results.damage import DamageWarning

    if issubclass(category, DamageWarning):
        ERR.print(f"[yellow]Damaged:[/] {_plain(str(message))}", soft_wrap=True)
    else:
        others(message, category, *where, **more)


def _plain(text: str) -> str:
    """Keep rich from reading selectors such as lord[noise=1] as markup."""
    return text.replace("[", r"\[")
