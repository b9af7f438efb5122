"""`lordbench search`."""

import re
import sys
from pathlib import Path
from typing import Any

import click

from lordbench.cli.completion import completes
from lordbench.cli.console import COUNT, ERR, EXIT_FAILED, OUT, PATH, integers
from lordbench.cli.run import changes_of, run
from lordbench.utils.errors import UserError, require_extra

AS_IN_RUN = (
    "pattern", "preset", "split", "device", "overrides", "executor", "jobs", "retries", "address",
    "cpus_per_cell", "gpus_per_cell", "memory_gb", "partition", "minutes", "cluster", "checkpoint_every",
    "plugins",
)  # fmt: skip
"""Options that `lordbench run` has with the same meaning."""
UNITS = {"s": 1, "m": 60, "h": 3600}


@click.command()
@click.option("--methods", multiple=True, required=True,
              help="Methods, separated by commas: NAME, NAME[key=value] or FILE.py. Settings that are given"
              " are not searched.")  # fmt: skip
@click.option("--dataset", multiple=True, show_default="toycars", shell_complete=completes("datasets"),
              help="Data set: NAME, NAME[key=value] or folder:PATH.")  # fmt: skip
@click.option("--tries", type=COUNT, show_default="20, unless --time is given", help="Tries of each method.")
@click.option("--time", "time_", metavar="DURATION",
              help="Processor time of each method, after which no round of tries begins: 90s, 30m or"
              " 1h30m.")  # fmt: skip
@click.option("--criterion", default="both", show_default=True,
              help="What is best on the validation images: both (share right in both, in steps"
              " of 0.02, then L1), class, l1, lpips, reconstruction, leak, one-shot, expression, or a"
              " quantity EXPERIMENT/CODES/SUBJECT/METRIC.")  # fmt: skip
@click.option("--random", "random_", type=COUNT, default=8, show_default=True,
              help="Tries before Optuna's sampler takes over: the preset's settings, then random ones, which"
              " are the same for settings that methods share.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Seed of validation images, trials and trainings.")
@click.option("--reserve", "reserved", default="0,1,2", show_default=True, metavar="SEEDS",
              help="Seeds whose test images the search must not see: those of the runs to come.")  # fmt: skip
@click.option("--out", type=PATH, default=Path("search"), show_default=True, help="Folder of the search.")
def search(
    tries: int | None, time_: str | None, criterion: str, random_: int, seed: int, reserved: str, out: Path,
    **given: Any,
) -> None:  # fmt: skip
    """Search the settings of methods, with equal effort, on validation images.

    A part of the training images is held out; test images are not used. Tries are first trained with a ninth
    of the budget, the best third of them with a third, and the best third of those with all of it. A search
    that was killed, or that should go on with more tries, continues with the same command.

    \b
    Examples:
      lordbench search --methods lord,drnet,./mine.py --dataset toycars --tries 20
      lordbench search --methods lord,mlvae --time 30m --out search/timed -j 2
      lordbench search --methods drnet --preset smoke --tries 4 --random 2 --criterion l1
      lordbench run --preset search/best.yaml --methods lord,drnet --seeds 0,1,2
    """  # noqa: D301
    require_extra("optuna", "search", "`lordbench search` needs the package optuna")
    from lordbench.config.registry import use_plugins
    from lordbench.runner.run_file import read_run_file
    from lordbench.search.criterion import parse_criterion
    from lordbench.search.session import SearchRequest, run_search

    seconds = None if time_ is None else _seconds(time_)
    run_file = read_run_file(None, changes_of(given) | {"seeds": [seed]}, "lordbench search")
    request = SearchRequest(
        run_file.request(),
        parse_criterion(criterion),
        tries=20 if tries is None and seconds is None else tries,
        seconds=seconds,
        random=random_,
        reserved=tuple(dict.fromkeys(integers("--reserve", reserved))),
    )
    if not request.reserved:
        raise UserError("--reserve: no seed is given", "Name the seeds of the runs to come, such as 0,1,2.")
    with use_plugins(run_file.plugins):
        failures = run_search(request, out, run_file.options(), OUT, ERR)
    if failures:
        sys.exit(EXIT_FAILED)


search.params += [option for option in run.params if option.name in AS_IN_RUN]


def _seconds(text: str) -> float:
    """The seconds of a duration such as 30m or 1h30m; UserError if it is none."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        raise UserError(f"--time {text}: not a duration", "Write 90s, 30m, 2h or 1h30m.")
    seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
    if not seconds:
        raise UserError(f"--time {text}: no time", "Give a duration above zero, such as 30m.")
    return seconds
