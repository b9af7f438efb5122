"""The messages of a run: on a console, and in the run folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

WIDTH = 120


class RunLog:
    """Prints to a console and to a file; a file that cannot be written, on a full disk, stops nothing."""

    def __init__(self, console: Console, file: Console) -> None:
        self.console, self._file = console, file

    def print(self, text: Any, *, soft_wrap: bool = False) -> None:
        """Print a text with markup, or anything that rich prints."""
        self.console.print(text, soft_wrap=soft_wrap)
        with contextlib.suppress(OSError):
            self._file.print(text, soft_wrap=soft_wrap)

    def progress(self, text: str) -> None:
        """Print a plain line with the time of day; to the console only where it is no terminal with bars."""
        line = f"{datetime.now():%H:%M:%S} {text}"
        if not self.console.is_terminal:
            self.console.print(line, soft_wrap=True, markup=False, highlight=False)
        with contextlib.suppress(OSError):
            self._file.print(line, soft_wrap=True, markup=False, highlight=False)


@contextlib.contextmanager
def run_log(console: Console, path: Path) -> Iterator[RunLog]:
    """Open the log of a run, which continues that of earlier ones."""
    # Line by line, so that it can be followed.
    file = path.open("a", buffering=1, encoding="utf-8", errors="replace")
    try:
        yield RunLog(console, Console(file=file, width=WIDTH, force_terminal=False, no_color=True))
    finally:
        with contextlib.suppress(OSError):
            file.close()
