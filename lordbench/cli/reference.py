"""`lordbench reference`: results that ship with lordbench, and contributions to them."""

from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from lordbench.cli.console import ERR, OUT, PATH, runs_argument, say


@click.group()
def reference() -> None:
    """Show the results that ship with lordbench, or contribute to them.

    Commands that show results of RUNS, all but `status` and `compare`, take the word `reference` for these. A
    run folder of your own with that name is given by its absolute path.

    \b
    Examples:
      lordbench reference list
      lordbench differences reference
      lordbench leaderboard --reference
      lordbench leaderboard runs --reference
      lordbench run --methods ./my_method.py --against reference
    """  # noqa: D301


@reference.command("list")
def list_() -> None:
    """List data, methods, seeds, commits and machines of the results that ship with lordbench.

    \b
    Example:
      lordbench reference list
    """  # noqa: D301
    from lordbench.report.reference import contents

    table = Table(box=None, pad_edge=False)
    for name in ("results", "methods", "seeds", "commits", "hardware", "training"):
        table.add_column(name, overflow="fold")
    for row in contents():
        table.add_row(*map(escape, row))
    OUT.print(table)


@reference.command()
@runs_argument()
@click.option("--models", is_flag=True, help="Also the trained model of each method's first seed.")
@click.option("--into", type=PATH, default=Path("reference"), show_default=True,
              help="Folder of the archives, in a checkout.")  # fmt: skip
def add(runs: tuple[Path, ...], models: bool, into: Path) -> None:
    """Check runs, and merge them into the archives of a checkout.

    Refused are other protocols, uncommitted code, unfinished or damaged cells, other images under the same
    name, presets that are changed or for testing, plug-ins, and paths of the machine.

    \b
    Example:
      lordbench reference add runs --models
    """  # noqa: D301
    from lordbench.report.contribution import add as merge

    with ERR.status("Checking and merging"):
        added = merge(runs, into, models)
    for each in added:
        say(f"Wrote {each.archive}: {each.cells} cells, {each.new} of them new")
