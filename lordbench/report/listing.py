"""Tables of components and presets."""

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any

import yaml
from pydantic import BaseModel
from rich import box
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from lordbench.config import registry
from lordbench.config.presets import load_grid, load_preset, presets
from lordbench.config.summaries import summaries
from lordbench.utils.errors import UserError

CHECKS = {
    "checksums": "ready; checksums match",
    "count": "ready; not all checksums known, number of images matches",
    "none": "ready; not verified",
}
"""How a published data set was verified."""


def table_of(title: str, header: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> Group:
    """A table of markup; nothing is cut, and no word of the first column is broken.

    Title and caption stand outside the grid, which would wrap them at its own width.
    """
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for i, name in enumerate(header):
        grid.add_column(name, overflow="fold", no_wrap=i == 0 and len(header) > 1)
    for row in rows:
        grid.add_row(*row)
    return Group(Text(title, style="bold"), grid, *([Text(caption, style="dim")] if caption else []))


def data_table() -> tuple[Group, list[str]]:
    """Return the table of all data sets, and a hint for each one that is missing."""
    rows, hints = [], []
    for name, summary in summaries("datasets").items():
        if isinstance(summary, UserError):
            rows.append((name, _broken(summary), ""))
            continue
        try:
            state, hint = _state(registry.find("datasets", name).load())
        except UserError as error:
            state, hint = "[red]damaged[/]", str(error)
        rows.append((name, escape(summary["summary"]), state))
        hints += [hint] if hint else []
    return table_of("Data sets", ("data set", "what it is", "state"), rows), hints


def _broken(error: UserError) -> str:
    return f"[red]broken[/]: {escape(str(error))}"


def _state(kind: Any) -> tuple[str, str]:
    """The state of a data set with its default settings, and a hint if it is missing."""
    from lordbench.datasets.published.dataset import PublishedDataset

    if kind.takes_source:
        return "needs a path", ""
    dataset = kind(kind.Config())
    if hint := dataset.missing():
        return "[yellow]missing[/]", hint
    return CHECKS[dataset.stored().about["check"]] if isinstance(dataset, PublishedDataset) else "ready", ""


def listing(kind: str) -> Group:
    """List `methods`, `datasets`, `metrics`, `experiments` or `presets`."""
    if kind == "datasets":
        table, hints = data_table()
        hint = "`lordbench data list` explains how to get missing data sets."
        return Group(table, *([Text(hint, style="dim")] if hints else []))
    rows: list[tuple[str, ...]] = []
    if kind == "presets":
        for name in presets():
            grid = load_grid(name)
            preset = load_preset(grid.extends, {})
            sizes = "" if grid.extends == name else f", as {grid.extends}"
            rows.append((name, escape(grid.summary or preset.summary), f"{preset.image_size} px{sizes}"))
        return table_of("Presets", ("preset", "what it is", "image size"), rows)
    last = {"methods": ("source",), "metrics": ("source",)}.get(kind, ())
    for name, summary in summaries(kind).items():  # type: ignore[arg-type]
        if isinstance(summary, UserError):
            rows.append((name, _broken(summary), *[""] * len(last)))
        else:
            direction = "higher is better" if summary.get("higher_is_better") else "lower is better"
            metric = ", ".join(filter(None, (direction, summary.get("unit"))))
            described = metric if kind == "metrics" else summary["summary"]
            rows.append((name, escape(described), *(escape(summary.get(key, "")) for key in last)))
    header = {"methods": "what it does", "metrics": "direction, unit", "experiments": "what it measures"}
    return table_of(kind.capitalize(), (kind[:-1], header[kind], *last), rows)


def details(kind: str, name: str) -> Group:
    """Describe one component with its settings, or a preset with what it sets; UserError if there is none."""
    if kind == "presets":
        grid = load_grid(name)
        preset = load_preset(grid.extends, {})
        text = yaml.safe_dump((grid if grid.summary else preset).model_dump(mode="json"), sort_keys=False)
        return Group(Text(name, style="bold"), Text(text))
    component = registry.find(kind, name)  # type: ignore[arg-type]
    loaded = component.load()
    summary, _, _ = (inspect.getdoc(loaded) or "").partition("\n\nAttributes:")
    about = [Text(f"{component.name}: {component.where}", style="bold"), Text(summary)]
    about += [Text(f"Source: {loaded.source}")] if getattr(loaded, "source", "") else []
    config = getattr(loaded, "Config", None)
    if not (inspect.isclass(config) and issubclass(config, BaseModel) and config.model_fields):
        return Group(*about)
    fields, described = config.model_fields, described_attributes(config)
    rows = [
        (
            escape(key),
            escape(str(field.get_default(call_default_factory=True))),
            escape(described.get(key, "")),
        )
        for key, field in fields.items()
    ]
    example = f"{component.name}[{next(iter(fields))}=...]"
    caption = f"Defaults of the class; presets may set others. Write {example} to change one."
    return Group(*about, Text(), table_of("Settings", ("setting", "default", "what it is"), rows, caption))


def described_attributes(kind: type) -> dict[str, str]:
    """What the docstrings of a class and its bases say under `Attributes:`, by name."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        _, _, text = (inspect.cleandoc(base.__doc__ or "")).partition("Attributes:\n")
        name = ""
        for line in text.splitlines():
            if match := re.match(r"    (\w+): (.*)", line):
                name, found[match[1]] = match[1], match[2]
            elif name and line.startswith("        "):
                found[name] += f" {line.strip()}"
    return found
