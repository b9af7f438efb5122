"""What the commands share: consoles, exit statuses, options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

# Messages and bars go to stderr, so that `lordbench leaderboard --format csv > file` holds the table only.
EXIT_FAILED_CELLS, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 1, 2, 130


def plain(text: str) -> str:
    """Keep rich from reading selectors such as lord[noise=1] as markup."""
    return text.replace("[", r"\[")


Command = TypeVar("Command", bound=Callable[..., Any])
OUT, ERR = Console(), Console(stderr=True)

runs_argument = click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
out_option = click.option(
    "--out", type=click.Path(path_type=Path), help="File to write; the terminal otherwise."
)


def format_option(*others: str, help_: str = "How to write it.") -> Callable[[Command], Command]:
    """Make the option `--format`: a table by default, or one of the others."""
    kinds = click.Choice(["table", *others])
    return click.option("--format", "format_", type=kinds, default="table", show_default=True, help=help_)


def write(text: str, out: Path | None) -> None:
    """Write a text to a file, atomically, or to the terminal."""
    from lordbench.utils.files import write_text

    if out is None:
        click.echo(text, nl=False)
    else:
        write_text(out, text)
        ERR.print(f"Wrote {out}")
