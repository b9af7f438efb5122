"""Write a plug-in from a template."""

import re
import shlex
from pathlib import Path

from lordbench.config import registry
from lordbench.results.run_folder import NOT_EXPERIMENTS
from lordbench.utils.errors import UserError
from lordbench.utils.files import write_text

TEMPLATES = Path(__file__).resolve().parent / "templates"
OPTIONS = {
    "method": "--methods lord,",
    "dataset": "--dataset ",
    "metric": "--plugins ",
    "experiment": "--experiments ",
}
"""Options of `lordbench run` that a plug-in file of a kind follows."""


def write_template(kind: str, path: Path) -> None:
    """Write a template; raises `UserError` if the file already exists, or a plug-in cannot have its name."""
    if path.suffix != ".py" or not re.fullmatch(r"[A-Za-z][\w-]*", path.stem):
        raise UserError(
            f"{path}: a plug-in is a .py file, and the file name is the name of the plug-in",
            f"Use letters, digits, - and _, as in my_{kind}.py.",
        )
    problem = ""
    if path.stem in registry.available(f"{kind}s"):  # type: ignore[arg-type]
        problem = "already exists"
    elif kind == "experiment" and path.stem in NOT_EXPERIMENTS:
        problem = "is that of a file of each cell"
    if problem:
        message = f"{path}: the name {path.stem!r} {problem}"
        raise UserError(message, f"Choose another, such as my_{path.stem}.py.")
    if path.exists():
        raise UserError(f"{path} already exists", "Choose another name; nothing is overwritten.")
    # In templates, the name of the plug-in is `mine`.
    text = (TEMPLATES / f"{kind}.py").read_text(encoding="utf-8")
    write_text(path, text.replace('"mine"', f'"{path.stem}"'))


def next_commands(kind: str, path: Path) -> list[str]:
    """Commands that check and run a new plug-in."""
    file = shlex.quote(str(path))
    return [f"lordbench check {file}", f"lordbench run --preset smoke {OPTIONS[kind]}{file}"]
