"""Starting files for plug-ins: copies of the templates, which are working plug-ins themselves."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from lordbench.utils.errors import UserError
from lordbench.utils.files import write_text

TEMPLATES = Path(__file__).resolve().parent / "templates"
RUNS = {
    "method": "lordbench run --preset smoke --methods lord,{file}",
    "dataset": "lordbench run --preset smoke --dataset {file}",
    "metric": "lordbench run --preset smoke --plugins {file}",
    "experiment": "lordbench run --preset smoke --experiments {file}",
}
"""How a plug-in of each kind is run, given by its file."""


def write_template(kind: str, path: Path) -> None:
    """Write the starting file of a `method`, `dataset`, `metric` or `experiment`.

    Raises:
        UserError: there is a file already, or its name cannot be a plug-in's.
    """
    if path.suffix != ".py" or not re.fullmatch(r"[A-Za-z][\w-]*", path.stem):
        raise UserError(
            f"{path}: a plug-in is a .py file, and its name is the plug-in's",
            f"Use letters, digits, - and _, as in my_{kind}.py.",
        )
    if path.exists():
        raise UserError(f"{path} is there already", "Choose another name; nothing is overwritten.")
    # The template says `mine` where a plug-in's name stands.
    text = (TEMPLATES / f"{kind}.py").read_text(encoding="utf-8")
    write_text(path, text.replace('"mine"', f'"{path.stem}"'))


def next_commands(kind: str, path: Path) -> list[str]:
    """What to do with a starting file: check it, run it."""
    file = shlex.quote(str(path))
    return [f"lordbench check {file}", RUNS[kind].format(file=file)]
