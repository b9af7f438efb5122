"""What the commands share: consoles, exit statuses, options, writing of output."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from lordbench.utils.errors import UserError
from lordbench.utils.names import shown

# Messages and bars go to stderr, so that `lordbench leaderboard --format csv > file` holds the table only.
# A folder called dog, in `folder:dog:`, is no picture of one.
OUT, ERR = Console(emoji=False), Console(emoji=False, stderr=True)
EXIT_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 1, 2, 130


class HomePath(click.Path):
    """A path in which `~` is the home folder also where a shell leaves it as it is: `--out=~/runs`."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """Convert what was typed."""
        return super().convert(os.path.expanduser(value), param, ctx)


PATH, COUNT = HomePath(path_type=Path), click.IntRange(min=1)
EXISTING = click.Path(exists=True)

Command = TypeVar("Command", bound=Callable[..., Any])

PATTERN_HELP = 'Labels in file names of folder:PATH, e.g. "{class}/{content}.png".'
out_option = click.option("--out", type=PATH, help="File to write.  [default: the terminal]")
plugins_option = click.option(
    "--plugins", multiple=True, type=PATH, metavar="PATH",
    help="Use the plug-ins in a folder (in its methods/, datasets/, metrics/, experiments/) or in a .py file"
    " (repeatable), besides those in $LORDBENCH_PLUGINS.",
)  # fmt: skip
settings_option = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the data set (repeatable)."
)


def runs_argument(*, required: bool = True) -> Callable[[Command], Command]:
    """Make the argument RUNS: run folders and results CSVs; `reference` is those that ship with lordbench."""

    def found(context: click.Context, parameter: click.Parameter, named: Sequence[Path]) -> tuple[Path, ...]:
        from lordbench.results.archives import runs_named

        runs = tuple(run for path in named for run in runs_named(path))
        for run in runs:
            EXISTING.convert(run, parameter, context)
        return runs

    return click.argument("runs", nargs=-1, required=required, type=PATH, callback=found)


def format_option(*others: str, help_: str = "Output format.") -> Callable[[Command], Command]:
    """Make the option `--format`: a table by default, or one of the others."""
    kinds = click.Choice(["table", *others])
    return click.option("--format", "format_", type=kinds, default="table", show_default=True, help=help_)


def metric_option(help_: str) -> Callable[[Command], Command]:
    """Make the repeatable option `--metric`."""
    return click.option("--metric", "metrics", multiple=True, metavar="NAME", help=help_)


def integers(option: str, text: str) -> list[int]:
    """Read whole numbers, separated by commas, of an option; UserError if they are none."""
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise UserError(f"{option} {text}: give whole numbers separated by commas") from None


def write(text: str, out: Path | None) -> None:
    """Write a text to a file, atomically, or to the terminal."""
    from lordbench.utils.files import write_text

    if out is None:
        # Not by click, which writes UTF-8 to a terminal that knows ASCII only.
        print(text, end="")
    else:
        write_text(out, text)
        say(f"Wrote {out}")


def say(text: str) -> None:
    """Print a message to stderr: paths and selectors such as lord[noise=1] as they are, in one line."""
    ERR.print(shown(text), soft_wrap=True, markup=False, highlight=False)
