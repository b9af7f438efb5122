"""The messages of a run: on a console, and in the run folder."""

from __future__ import annotations

import contextlib
import io
import shlex
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from lordbench.utils.version import __version__

WIDTH = 120


class RunLog:
    """Prints to a console and to a file; a file that cannot be written, on a full disk, stops nothing."""

    def __init__(self, console: Console, file: Console) -> None:
        self.console, self._file = console, file

    def print(self, text: Any, *, soft_wrap: bool = False) -> None:
        """Print a text with markup, or anything that rich prints."""
        self.console.print(text, soft_wrap=soft_wrap)
        self.keep(text, soft_wrap=soft_wrap)

    def warn(self, title: str, text: object) -> None:
        """Print what did not stop the run, after a title."""
        self.print(f"[yellow]{title}:[/] {escape(str(text))}", soft_wrap=True)

    def fail(self, text: str) -> None:
        """Print what failed."""
        self.print(f"[bold red]Failed:[/] {escape(text)}", soft_wrap=True)

    def keep(self, *texts: Any, soft_wrap: bool = False) -> None:
        """Print to the file alone, each text on lines of its own."""
        with contextlib.suppress(OSError):
            self._file.print(*texts, sep="\n", soft_wrap=soft_wrap)

    def progress(self, text: str) -> None:
        """Print a plain line with the time of day; to the console only where it is no terminal with bars."""
        if not self.console.is_terminal:
            line = f"{_time()} {text}"
            self.console.print(line, soft_wrap=True, markup=False, highlight=False)
        self.keep(Text(text), soft_wrap=True)


class Timed(io.TextIOBase):
    """Writes whole lines to a file, each after the time of day."""

    def __init__(self, file: io.TextIOBase) -> None:
        self.file = file

    def write(self, text: str) -> int:
        lines = text.splitlines(keepends=True)
        return self.file.write("".join(f"{_time()} {line}" if line.strip() else line for line in lines))

    def flush(self) -> None:
        self.file.flush()


def _time() -> str:
    return f"{datetime.now():%H:%M:%S}"


@contextlib.contextmanager
def run_log(console: Console, path: Path) -> Iterator[RunLog]:
    """Open the log of a run, which continues that of earlier ones after a line that says what begins."""
    # Line by line, so that it can be followed.
    file = path.open("a", buffering=1, encoding="utf-8", errors="replace")
    try:
        with contextlib.suppress(OSError):
            before = "\n" if file.tell() else ""
            file.write(
                f"{before}=== {datetime.now():%Y-%m-%d %H:%M:%S} · lordbench {__version__} · {_command()}\n"
            )
        lines: Any = Timed(file)
        yield RunLog(
            console, Console(file=lines, width=WIDTH, force_terminal=False, no_color=True, emoji=False)
        )
    finally:
        with contextlib.suppress(OSError):
            file.close()


def _command() -> str:
    """The command of this process, as a shell takes it."""
    program = Path(sys.argv[0])
    name = "python -m lordbench" if program.name == "__main__.py" else shlex.quote(program.name)
    return " ".join([name, *map(shlex.quote, sys.argv[1:])])
