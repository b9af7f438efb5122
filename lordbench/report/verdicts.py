"""Verdicts of `lordbench check`, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from rich.markup import escape
from rich.table import Table

from lordbench.conformance.check import Verdict

MARKS = {"passed": "[green]✓ passed[/]", "failed": "[bold red]✗ failed[/]", "skipped": "[yellow]– skipped[/]"}


def verdict_table(name: str, verdicts: Sequence[Verdict]) -> Table:
    """One plug-in's verdicts, a line each; what failed says how to mend it."""
    table = Table("check", "", "what was found", title=escape(name), title_justify="left", show_lines=False)
    for verdict in verdicts:
        found = escape(verdict.message)
        if verdict.status == "failed":
            found = "\n".join(
                [f"[bold]{found}[/]", *([escape(verdict.way_out)] if verdict.way_out else []),
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
