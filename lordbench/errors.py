"""Errors that a user can act on."""

from __future__ import annotations


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
