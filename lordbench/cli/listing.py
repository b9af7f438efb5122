"""`lordbench list`, `weights` and `doctor`: what there is, and what of it is on this computer."""

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from lordbench.cli.completion import completes
from lordbench.cli.console import ERR, OUT, plugins_option


def _names(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Complete a name of the kind that the command line has already."""
    return completes(context.params["kind"])(context, parameter, typed)


@click.command("list")
@click.argument("kind", type=click.Choice(["methods", "datasets", "metrics", "experiments", "presets"]))
@click.argument("name", required=False, shell_complete=_names)
@plugins_option
def list_(kind: str, name: str | None, plugins: tuple[Path, ...]) -> None:
    """List methods, data sets, metrics, experiments or presets; or one of them, with its settings.

    Broken plug-ins are listed with their error.

    \b
    Examples:
      lordbench list methods
      lordbench list methods lord
      lordbench list presets quick
      lordbench list metrics --plugins ./my_plugins
    """  # noqa: D301
    from lordbench.config.registry import use_plugins
    from lordbench.report.listing import details, listing

    with use_plugins(plugins):
        OUT.print(listing(kind) if name is None else details(kind, name))


@click.command()
@click.option("--fetch", is_flag=True, help="Fetch missing weights.")
def weights(fetch: bool) -> None:
    """Show which pretrained weights are found, and where.

    \b
    Examples:
      lordbench weights
      lordbench weights --fetch
    """  # noqa: D301
    from lordbench.cli.machine import fetch_weights, weights_table

    if fetch:
        fetch_weights(ERR)
    OUT.print(weights_table(), crop=False)


@click.command()
def doctor() -> None:
    """Show what is installed here: device, precision, versions, weights, data sets."""
    from lordbench.cli.machine import machine_table, weights_table
    from lordbench.report.listing import listing

    OUT.print(machine_table(), weights_table(), listing("datasets"), sep="\n", crop=False)
