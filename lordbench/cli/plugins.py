"""`lordbench new` and `lordbench check`: write a plug-in from a template, and check plug-ins."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table

from lordbench.cli.console import COUNT, ERR, EXIT_FAILED, OUT, PATH, plugins_option, say

if TYPE_CHECKING:
    from lordbench.checks.check import Verdict

MARKS = {"passed": "[green]✓ passed[/]", "failed": "[bold red]✗ failed[/]", "skipped": "[yellow]– skipped[/]"}


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME|FILE.py...")
@click.option("--size", type=click.Choice(["16", "32", "64"]), default="16", show_default=True,
              help="Image size of the checks, in pixels.")  # fmt: skip
@click.option("--images", type=COUNT, default=6400, show_default=True,
              help="Images seen in the longest training, which should learn something.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Write the verdicts as JSON.")
@plugins_option
def check(names: tuple[str, ...], size: str, images: int, as_json: bool, plugins: tuple[Path, ...]) -> None:
    """Check that methods, data sets, metrics and experiments keep their contract, in a minute on a CPU.

    The exit status is 1 if a check failed; each failure says why, and how to fix it.

    \b
    Examples:
      lordbench check ./my_method.py
      lordbench check "./my_method.py[learning_rate=1e-3]" --images 20000
      lordbench check lord drnet mlvae --json
      lordbench check my_metric --plugins ./my_plugins
    """  # noqa: D301
    from lordbench.checks.suite import Sizes, require_known, run_checks
    from lordbench.config.registry import use_plugins

    verdicts: dict[str, list[Verdict]] = {name: [] for name in names}
    with use_plugins(plugins):
        require_known(names)  # Before any is checked, which takes long.
        for name in verdicts:
            with ERR.status(f"Checking {escape(name)}") as status:
                for verdict in run_checks(name, Sizes(int(size), images)):
                    verdicts[name].append(verdict)
                    status.update(f"Checking {escape(name)}: {verdict.check} {verdict.status}")
            if not as_json:
                OUT.print(_verdict_table(name, verdicts[name]))
    if as_json:
        values = {name: [asdict(verdict) for verdict in verdicts[name]] for name in verdicts}
        print(json.dumps(values, indent=2))
    if any(verdict.status == "failed" for name in verdicts for verdict in verdicts[name]):
        sys.exit(EXIT_FAILED)


def _verdict_table(name: str, verdicts: Sequence[Verdict]) -> Table:
    """The verdicts on one plug-in, a row each; failures with their hint."""
    table = Table("check", "", "result", title=escape(name), title_justify="left")
    for verdict in verdicts:
        lines = [escape(verdict.message)]
        if verdict.status == "failed":
            hint = [escape(verdict.hint)] if verdict.hint else []
            lines = [f"[bold]{lines[0]}[/]", *hint, f"[dim]Checked: {escape(verdict.question)}[/]"]
        table.add_row(verdict.check, MARKS[verdict.status], "\n".join(lines))
    counts = {status: sum(verdict.status == status for verdict in verdicts) for status in MARKS}
    summary = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    seconds = sum(verdict.seconds for verdict in verdicts)
    table.caption, table.caption_justify = f"{summary}; {seconds:.0f} s", "left"
    return table


@click.command()
@click.argument("kind", type=click.Choice(["method", "dataset", "metric", "experiment"]))
@click.argument("path", type=PATH)
def new(kind: str, path: Path) -> None:
    """Write a commented template of a plug-in, which runs and passes `lordbench check`.

    \b
    Examples:
      lordbench new method my_method.py
      lordbench new metric my_plugins/metrics/my_metric.py
    """  # noqa: D301
    from lordbench.checks.new import next_commands, write_template

    write_template(kind, path)
    say(f"Wrote {path}. Next:")
    for command in next_commands(kind, path):
        say(f"  {command}")
