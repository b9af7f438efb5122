"""The command line: the group of all commands, and what becomes of errors."""

import functools
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from lordbench.cli.calibrate import calibrate
from lordbench.cli.console import ERR, EXIT_BAD_INPUT, EXIT_INTERRUPTED, OUT, plugins_option
from lordbench.cli.data import data
from lordbench.cli.plugins import check, new
from lordbench.cli.report import figure, report, status
from lordbench.cli.results import claims, compare, differences, leaderboard
from lordbench.cli.run import run
from lordbench.cli.search import search
from lordbench.utils.errors import Notice, UserError
from lordbench.utils.names import shown
from lordbench.utils.terminal import spell_missing_characters
from lordbench.utils.version import __version__


def main() -> None:
    """Run the command line. Errors that a user can fix become a message and exit status 2."""
    spell_missing_characters()
    try:
        with warnings.catch_warnings():
            warnings.showwarning = functools.partial(_show_warning, warnings.showwarning, set())
            cli(standalone_mode=False)
    except UserError as error:
        ERR.print(f"[bold red]Error:[/] {escape(error.message)}", soft_wrap=True)
        if error.hint:
            ERR.print(escape(error.hint), soft_wrap=True)
        sys.exit(EXIT_BAD_INPUT)
    except OSError as error:
        ERR.print(f"[bold red]Error:[/] {escape(shown(str(error)))}", soft_wrap=True)
        ERR.print("Nothing that was finished is lost. Run the same command again to resume.")
        sys.exit(EXIT_BAD_INPUT)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_BAD_INPUT)
    except (KeyboardInterrupt, click.Abort):
        ERR.print("\nInterrupted. Run the same command again to resume.")
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
      lordbench status runs --watch                        progress and time left (in another terminal)
      lordbench leaderboard runs --format latex
      lordbench differences runs --metric lpips
      lordbench report runs
      lordbench new method my_method.py && lordbench check my_method.py
    """  # noqa: D301


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
    from lordbench.config.registry import use_plugins
    from lordbench.report.listing import listing

    with use_plugins(plugins):
        OUT.print(listing(kind))


@cli.command()
@click.option("--fetch", is_flag=True, help="Fetch missing weights.")
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
    """Show what is installed here: device, precision, versions, weights, data sets."""
    from lordbench.report.listing import listing, machine_table, weights_table

    for table in (machine_table(), weights_table(), listing("datasets")):
        OUT.print(table)


for command in (
    run,
    search,
    calibrate,
    data,
    status,
    leaderboard,
    differences,
    compare,
    claims,
    report,
    figure,
    check,
    new,
):
    cli.add_command(command)


def _show_warning(
    default: Callable[..., None],
    notices: set[str],
    message: Warning | str,
    category: type[Warning],
    *where: Any,
    **more: Any,
) -> None:
    """Show a notice once, without its place in the code."""
    if not issubclass(category, Notice):
        default(message, category, *where, **more)
    elif (text := shown(str(message))) not in notices:
        # Python's own rule forgets what was shown whenever any filter changes.
        notices.add(text)
        ERR.print(f"[yellow]{category.label}:[/] {escape(text)}", soft_wrap=True)
