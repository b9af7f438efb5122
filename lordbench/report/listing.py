"""Tables of what there is: components, presets, weights, this machine."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lordbench import __version__, components, machine, weights
from lordbench.config import load_preset, presets
from lordbench.device import Precision, device_name, resolve_device
from lordbench.errors import UserError
from lordbench.files import home
from lordbench.grid import load_grid
from lordbench.metric import Metric
from lordbench.report.data_table import data_table
from lordbench.report.progress import tracker

PACKAGES = ("torch", "torchvision", "scikit-learn", "lpips", "pytorch-fid", "pandas", "numpy", "pillow")


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
        table, ways = data_table()
        table.caption = "`lordbench data list` says how to get what is missing." if ways else None
        table.caption_justify = "left"
        return table
    headers = {
        "methods": ("method", "what it does", "source"),
        "metrics": ("metric", "direction, unit", "source"),
        "experiments": ("experiment", "what it asks", ""),
    }
    table = Table(*headers[kind], title=kind.capitalize(), title_justify="left")
    for name, component in components.available(kind).items():  # type: ignore[arg-type]
        try:
            table.add_row(name, *(escape(text) for text in _describe(component.load())))
        except UserError as error:
            table.add_row(name, f"[red]broken[/]: {escape(error.message)}", escape(error.hint))
    return table


def weights_table() -> Table:
    """Which pretrained weights are found, and where."""
    table = Table("weights", "used for", "found", "checksum", title="Weights", title_justify="left")
    for entry in weights.status():
        table.add_row(*(escape(str(cell)) for cell in entry))
    return table


def fetch_weights(console: Console) -> None:
    """Fetch all weights that are missing; what cannot be had is said and passed over."""
    for entry in weights.status():
        try:
            weights.ensure(entry.name, tracker(console))
        except UserError as error:
            console.print(f"[yellow]{entry.name}:[/] {escape(str(error))}", soft_wrap=True)


def machine_table() -> Table:
    """Device, precision, threads, versions and folders."""
    device = resolve_device("auto")
    table = Table("this machine", "", title="lordbench doctor", title_justify="left")
    table.add_row("lordbench", f"{__version__} {machine.git_sha()}")
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


def _describe(kind: Any) -> tuple[str, str]:
    if issubclass(kind, Metric):
        direction = "higher is better" if kind.higher_is_better else "lower is better"
        return direction + (f", {kind.unit}" if kind.unit else ""), kind.source
    return kind.summary, getattr(kind, "source", "")
