"""Which line of a plug-in's own file an error came from: the line its author can change."""

from __future__ import annotations

import traceback
from pathlib import Path


def line_of(error: BaseException, path: Path) -> str:
    """Name the deepest line of a file that an error passed through; empty where it passed through none."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    if not frames:
        return ""
    last = frames[-1]
    place = f" in {last.name}" if last.name != "<module>" else ""
    return f"line {last.lineno}{place}: {last.line}"


def described(error: BaseException) -> str:
    """The kind of an error and the first line of what it says: tensors' errors go on for pages."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
