"""`lordbench new` and `lordbench check`: plug-ins, begun and tried."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

if TYPE_CHECKING:
    from lordbench.conformance.check import Verdict

OUT, ERR = Console(), Console(stderr=True)
EXIT_FAILED_CHECK = 1

plugins_option = click.option(
    "--plugins",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Use the plug-ins in a folder (in its methods/, datasets/, metrics/, experiments/) or in a .py file;"
    " repeatable. Also those in $LORDBENCH_PLUGINS.",
)


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME|FILE.py...")
@click.option(
    "--size",
    type=click.Choice(["16", "32", "64"]),
    default="16",
    show_default=True,
    help="Image size to try it at, in pixels.",
)
@click.option(
    "--images",
    type=click.IntRange(min=1),
    default=6400,
    show_default=True,
    help="Images seen in the training that is to learn something.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the verdicts as JSON.")
@plugins_option
def check(names: tuple[str, ...], size: str, images: int, as_json: bool, plugins: tuple[Path, ...]) -> None:
    """Check that methods, data sets, metrics and experiments keep their contract, in a minute on a CPU.

    Exits with 1 where a check failed, and says why and what to do.

    \b
    Examples:
      lordbench check ./my_method.py
      lordbench check "./my_method.py[learning_rate=1e-3]" --images 20000
      lordbench check lord drnet mlvae --json
      lordbench check my_metric --plugins ./my_plugins
    """  # noqa: D301
    from lordbench.conformance.suite import Sizes, verdicts
    from lordbench.report.verdicts import any_failed, verdict_table, verdicts_json
    from lordbench.user_plugins import using

    found: dict[str, list[Verdict]] = {}
    with using(plugins):
        for name in names:
            found[name] = []
            with ERR.status(f"Checking {name}") as status:
                for verdict in verdicts(name, Sizes(int(size), images)):
                    found[name].append(verdict)
                    status.update(f"Checking {name}: {verdict.check} {verdict.status}")
            if not as_json:
                OUT.print(verdict_table(name, found[name]))
    if as_json:
        click.echo(verdicts_json(found))
    if any_failed(found):
        sys.exit(EXIT_FAILED_CHECK)


@click.command()
@click.argument("kind", type=click.Choice(["method", "dataset", "metric", "experiment"]))
@click.argument("path", type=click.Path(path_type=Path))
def new(kind: str, path: Path) -> None:
    """Write a starting file for a plug-in, with comments; it runs and passes `lordbench check` as it is.

    \b
    Examples:
      lordbench new method my_method.py
      lordbench new metric my_plugins/metrics/my_metric.py
    """  # noqa: D301
    from lordbench.starting import next_commands, write_starting_file

    write_starting_file(kind, path)
    ERR.print(f"Wrote {path}. Next:", soft_wrap=True, markup=False, highlight=False)
    for command in next_commands(kind, path):
        ERR.print(f"  {command}", soft_wrap=True, markup=False, highlight=False)
