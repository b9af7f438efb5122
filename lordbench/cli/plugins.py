"""`lordbench new` and `lordbench check`: plug-ins, begun and tried."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from lordbench.checks.check import Verdict
from lordbench.cli.console import ERR, OUT

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
    from lordbench.checks.suite import Sizes, run_checks

    pass
    from lordbench.config.registry import use_plugins

    found: dict[str, list[Verdict]] = {}
    with use_plugins(plugins):
        for name in names:
            found[name] = []
            with ERR.status(f"Checking {name}") as status:
                for verdict in run_checks(name, Sizes(int(size), images)):
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
    from lordbench.checks.new import next_commands, write_template

    write_template(kind, path)
    ERR.print(f"Wrote {path}. Next:", soft_wrap=True, markup=False, highlight=False)
    for command in next_commands(kind, path):
        ERR.print(f"  {command}", soft_wrap=True, markup=False, highlight=False)


MARKS = {"passed": "[green]✓ passed[/]", "failed": "[bold red]✗ failed[/]", "skipped": "[yellow]– skipped[/]"}


def verdict_table(name: str, verdicts: Sequence[Verdict]) -> Table:
    """One plug-in's verdicts, a line each; what failed says how to mend it."""
    table = Table("check", "", "what was found", title=escape(name), title_justify="left", show_lines=False)
    for verdict in verdicts:
        found = escape(verdict.message)
        if verdict.status == "failed":
            found = "\n".join(
                [f"[bold]{found}[/]", *([escape(verdict.hint)] if verdict.hint else []),
                 f"[dim]Asked: {escape(verdict.question)}[/]"]
            )  # fmt: skip
        table.add_row(verdict.check, MARKS[verdict.status], found)
    seconds = sum(verdict.seconds for verdict in verdicts)
    table.caption, table.caption_justify = f"{_counted(verdicts)}; {seconds:.0f} s", "left"
    return table


def verdicts_json(found: Mapping[str, Sequence[Verdict]]) -> str:
    """All verdicts by plug-in, as JSON."""
    values = {name: [asdict(verdict) for verdict in verdicts] for name, verdicts in found.items()}
    return json.dumps(values, indent=2, ensure_ascii=False)


def any_failed(found: Mapping[str, Sequence[Verdict]]) -> bool:
    """Whether a check of any plug-in failed."""
    return any(verdict.status == "failed" for verdicts in found.values() for verdict in verdicts)


def _counted(verdicts: Sequence[Verdict]) -> str:
    counts = {status: sum(verdict.status == status for verdict in verdicts) for status in MARKS}
    return ", ".join(f"{count} {status}" for status, count in counts.items() if count)
