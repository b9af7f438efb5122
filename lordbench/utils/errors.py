"""Errors that a user can act on."""

import contextlib
import difflib
import os
import traceback
import warnings
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from lordbench.utils.names import shown


class Notice(UserWarning):
    """Something the user should know; the command line prints it after `label`."""

    label: ClassVar[str] = "Note"


HIDES_NOTICES = "LORDBENCH_HIDES_NOTICES"
"""Environment variable that tells the workers of a run to show no notices."""


@contextlib.contextmanager
def hidden_notices() -> Iterator[None]:
    """Show no `Notice` within the block, in this process and in the workers of its runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        os.environ[HIDES_NOTICES] = "1"
        try:
            yield
        finally:
            os.environ.pop(HIDES_NOTICES, None)


class UserError(Exception):
    """Something the user can fix; the command line prints it without a traceback and exits with status 2.

    The message names the file, setting or component at fault; `hint` says what to do.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        # Paths may hold bytes that no terminal or file would take.
        self.message, self.hint = shown(message), shown(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class BrokenComponentError(UserError):
    """A plug-in file cannot be imported, or does not define exactly one complete component."""


class MissingWeightsError(UserError):
    """Pretrained weights that a metric or a training loss needs are not installed."""


class MissingDataError(UserError):
    """The files of a data set are missing."""


class TrainingDivergedError(RuntimeError):
    """A loss or an output of a method is NaN or infinite; names it, and of a loss the phase and the step."""


def require_extra(package: str, extra: str, need: str, otherwise: str = "") -> None:
    """Raise UserError, beginning with `need`, unless a package of one of lordbench's extras is installed.

    `otherwise` follows the hint on how to install it.
    """
    if find_spec(package) is None:
        hint = f"Run: pip install 'lordbench[{extra}]'"
        raise UserError(f"{need}, which is not installed", f"{hint}{otherwise}")


def did_you_mean(
    name: str, known: Iterable[str], *, most: int = 1, cutoff: float = 0.6, before: str = ": "
) -> str:
    """Suggest up to `most` known names close to an unknown one, after a separator; empty where none is close.

    `cutoff` is the least similarity, as in `difflib.get_close_matches`.
    """
    close = difflib.get_close_matches(name, list(known), most, cutoff)
    return f"{before}did you mean {' or '.join(close)}?" if close else ""


def line_of(error: BaseException, path: Path) -> str:
    """Return the deepest line of a file in an error's traceback; empty where the file is not in it."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == str(path):
            place = f" in {frame.name}" if frame.name != "<module>" else ""
            return f"line {frame.lineno}{place}: {frame.line}"
    return ""


def described(error: BaseException) -> str:
    """Return an error's type and the first line of its message: torch's messages span pages."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
