"""The page docs/performance.md: each benchmark rewrites its own section."""

from __future__ import annotations

import datetime
import platform
import re
from pathlib import Path

import torch

from lordbench.utils import hardware
from lordbench.utils.files import write_text
from lordbench.utils.hardware import device_name, resolve_device
from lordbench.utils.version import __version__

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""
PAGE = ROOT / "docs" / "performance.md"


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table; the first column is text, the others are numbers."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rule, *rows])


def section(name: str, text: str) -> None:
    """Replace the text between the two marks of a section.

    Raises:
        ValueError: the page has no such section.
    """
    begin, end = f"<!-- {name}: measured -->", f"<!-- {name}: end -->"
    stamp = f"*{datetime.date.today().isoformat()}, {here()}*"
    page = PAGE.read_text(encoding="utf-8")
    written, n = re.subn(
        f"{re.escape(begin)}.*?{re.escape(end)}",
        lambda _: f"{begin}\n{stamp}\n\n{text}\n{end}",
        page,
        flags=re.DOTALL,
    )
    if n != 1:
        raise ValueError(f"{PAGE}: no section {name!r}")
    write_text(PAGE, written)


def here() -> str:
    """The machine and the versions that are measured."""
    device = device_name(resolve_device("auto"))
    return (
        f"{device}; lordbench {__version__} {hardware.git_sha()}, torch {torch.__version__}, "
        f"Python {platform.python_version()}"
    )
