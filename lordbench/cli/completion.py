"""Values of options for the shell's completion: names of components and presets, without importing torch."""

from collections.abc import Callable

import click
from click.shell_completion import CompletionItem

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def completes(kind: str) -> Complete:
    """Complete names of a kind, the last one of those separated by commas."""

    def complete(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
        from lordbench.config.presets import presets
        from lordbench.config.registry import available

        before, comma, start = typed.rpartition(",")
        names = presets() if kind == "presets" else available(kind)  # type: ignore[arg-type]
        taken = before.split(",")
        return [
            CompletionItem(before + comma + name)
            for name in names
            if name.startswith(start) and name not in taken
        ]

    return complete
