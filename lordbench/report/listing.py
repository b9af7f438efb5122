"""Tables of components, presets, weights and this computer."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lordbench.config import registry
from lordbench.config.presets import load_grid, load_preset, presets
from lordbench.config.summaries import summaries
from lordbench.report.progress import tracker
from lordbench.utils.errors import UserError
from lordbench.utils.files import home
from lordbench.utils.version import __version__

CHECKS = {
    "checksums": "ready; checksums match",
    "count": "ready; not all checksums known, number of images matches",
    "none": "ready; not verified",
}
"""How a published data set was verified."""
PACKAGES = ("torch", "torchvision", "scikit-learn", "lpips", "pytorch-fid", "pandas", "numpy", "pillow")
"""Packages whose versions `lordbench doctor` lists."""


def data_table() -> tuple[Table, list[str]]:
    """Return the table of all data sets, and a hint for each one that is missing."""
    table = Table("data set", "what it is", "state", title="Data sets", title_justify="left")
    hints = []
    for name, component in registry.available("datasets").items():
        try:
            kind = component.load()
            state, hint = _state(kind)
            table.add_row(name, escape(kind.summary), state)
            hints += [hint] if hint else []
        except UserError as error:
            table.add_row(name, f"[red]broken[/]: {escape(error.message)}", escape(error.hint))
    return table, hints


def _state(kind: Any) -> tuple[str, str]:
    """The state of a data set with its default settings, and a hint if it is missing."""
    from lordbench.datasets.published.dataset import PublishedDataset

    if kind.takes_source:
        return "needs a path", ""
    dataset = kind(kind.Config())
    if hint := dataset.missing():
        return "[yellow]missing[/]", hint
    return CHECKS[dataset.stored().about["check"]] if isinstance(dataset, PublishedDataset) else "ready", ""


def listing(kind: str) -> Table:
    """List `methods`, `datasets`, `metrics`, `experiments` or `presets`."""
    if kind == "presets":
        table = Table("preset", "what it is", "image size", title="Presets", title_justify="left")
        for name in presets():
            grid = load_grid(name)
            preset = load_preset(grid.extends, {})
            sizes = "" if grid.extends == name else f", as {grid.extends}"
            table.add_row(name, escape(grid.summary or preset.summary), f"{preset.image_size} px{sizes}")
        return table
    if kind == "datasets":
        table, hints = data_table()
        table.caption = "`lordbench data list` explains how to get missing data sets." if hints else None
        table.caption_justify = "left"
        return table
    header = {"methods": "what it does", "metrics": "direction, unit", "experiments": "what it measures"}[
        kind
    ]
    source = "" if kind == "experiments" else "source"
    table = Table(kind[:-1], header, source, title=kind.capitalize(), title_justify="left")
    for name, summary in summaries(kind).items():  # type: ignore[arg-type]
        if isinstance(summary, UserError):
            table.add_row(name, f"[red]broken[/]: {escape(summary.message)}", escape(summary.hint))
        else:
            direction = "higher is better" if summary.get("higher_is_better") else "lower is better"
            metric = ", ".join(filter(None, (direction, summary.get("unit"))))
            described = metric if kind == "metrics" else summary["summary"]
            table.add_row(name, escape(described), escape(summary.get("source", "")))
    return table


def weights_table() -> Table:
    """Pretrained weights, and where they were found."""
    from lordbench.nn import weights

    table = Table("weights", "used for", "found", "checksum", title="Weights", title_justify="left")
    for entry in weights.status():
        table.add_row(*(escape(str(cell)) for cell in entry))
    return table


def fetch_weights(console: Console) -> None:
    """Fetch all missing weights; print an error for those that cannot be fetched."""
    from lordbench.nn import weights

    for entry in weights.status():
        try:
            weights.ensure(entry.name, tracker(console))
        except UserError as error:
            console.print(f"[yellow]{entry.name}:[/] {escape(str(error))}", soft_wrap=True)


def machine_table() -> Table:
    """Device, precision, threads, versions and folders."""
    import torch

    from lordbench.training.precision import Precision
    from lordbench.utils.hardware import device_name, git_sha, resolve_device

    device = resolve_device("auto")
    table = Table("this computer", "", title="lordbench doctor", title_justify="left")
    table.add_row("lordbench", f"{__version__} {git_sha()}")
    table.add_row("python", platform.python_version())
    table.add_row("device", escape(f"{device.type}: {device_name(device)}"))
    table.add_row("precision chosen by auto", Precision.resolve("auto", device).name)
    table.add_row("threads", str(torch.get_num_threads()))
    table.add_row("home", str(home()))
    for package in PACKAGES:
        try:
            table.add_row(package, version(package))
        except PackageNotFoundError:
            table.add_row(package, "[red]missing[/]")
    return table
