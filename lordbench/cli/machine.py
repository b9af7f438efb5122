"""The computer: device, versions and folders, and the pretrained weights on it."""

import platform
from importlib.metadata import PackageNotFoundError, version

from rich.console import Console, Group
from rich.markup import escape
from rich.text import Text

from lordbench.nn import weights
from lordbench.report.listing import table_of
from lordbench.report.progress import tracker
from lordbench.utils.errors import UserError
from lordbench.utils.files import home
from lordbench.utils.version import __version__

PACKAGES = ("torch", "torchvision", "scikit-learn", "lpips", "pytorch-fid", "pandas", "numpy", "pillow")
"""Packages whose versions `lordbench doctor` lists."""


def weights_table() -> Group:
    """Pretrained weights, and where they were found."""
    entries = weights.status()
    rows = [(escape(entry.name), escape(entry.used_for), escape(entry.checksum)) for entry in entries]
    table = table_of("Weights", ("weights", "used for", "checksum"), rows)
    return Group(table, *(_unwrapped(f"{entry.name}: {entry.found}") for entry in entries))


def _unwrapped(text: str) -> Text:
    """A line with a path, which can be copied; print it with `crop=False`."""
    return Text(text, no_wrap=True, overflow="ignore")


def fetch_weights(console: Console) -> None:
    """Fetch all missing weights; print an error for those that cannot be fetched."""
    for entry in weights.status():
        try:
            weights.ensure(entry.name, tracker(console))
        except UserError as error:
            console.print(f"[yellow]{entry.name}:[/] {escape(str(error))}", soft_wrap=True)


def machine_table() -> Group:
    """Device, precision, threads, versions and folders."""
    # `lordbench weights` needs none of it.
    import torch

    from lordbench.training.precision import Precision
    from lordbench.utils.hardware import device_name, git_sha, resolve_device

    device = resolve_device("auto")
    rows = [
        ("lordbench", f"{__version__} {git_sha()}"),
        ("python", platform.python_version()),
        ("device", escape(f"{device.type}: {device_name(device)}")),
        ("precision chosen by auto", Precision.resolve("auto", device).name),
        ("threads", str(torch.get_num_threads())),
    ]
    for package in PACKAGES:
        try:
            rows.append((package, version(package)))
        except PackageNotFoundError:
            rows.append((package, "[red]missing[/]"))
    return Group(table_of("lordbench doctor", ("this computer", ""), rows), _unwrapped(f"home: {home()}"))
