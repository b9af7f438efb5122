"""Errors that a user can act on."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path


class UserError(Exception):
    """Something the user can mend: bad input, missing data, missing weights.

    The command line prints it without a traceback and exits with status 2, so the message names the
    file, setting or component at fault, and `hint` the way out.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class BrokenComponentError(UserError):
    """A method, data set, metric or experiment cannot be imported, or its file holds no complete one."""


class MissingWeightsError(UserError):
    """Pretrained weights that a metric or a training loss needs are not on this machine."""


class MissingDataError(UserError):
    """A data set's files are not where they are looked for."""


class TrainingDivergedError(RuntimeError):
    """A loss became NaN or infinite; names the phase, the step and the loss."""


def require_package(package: str, message: str, hint: str) -> None:
    """Make sure that a package can be imported which lordbench needs for one thing only.

    Raises:
        UserError: it is not installed; with the message and the hint.
    """
    if find_spec(package) is None:
        raise UserError(message, hint)


def did_you_mean(
    name: str, known: Iterable[str], *, most: int = 1, cutoff: float = 0.6, before: str = ": "
) -> str:
    """The end of a message about an unknown name: the closest known ones, or nothing where none is close.

    Args:
        name: what was given.
        known: what there is.
        most: names that are suggested, at most.
        cutoff: least likeness, as `difflib` measures it.
        before: what parts it from the message.
    """
    close = difflib.get_close_matches(name, list(known), most, cutoff)
    return f"{before}did you mean {' or '.join(close)}?" if close else ""


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
