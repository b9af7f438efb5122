"""What a check is, how a list of checks is run, and requirements that several checks share."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel

from lordbench.utils import errors
from lordbench.utils.errors import MissingDataError, MissingWeightsError, UserError

T = TypeVar("T")
Status = Literal["passed", "failed", "skipped"]


class FailedCheck(UserError):
    """A requirement is not met; `hint` says how to fix it."""


class SkippedCheck(Exception):
    """The check is impossible here, or concerns something optional."""


@dataclass(frozen=True)
class Check(Generic[T]):
    """One check, run only if those that it `needs` have passed.

    `run` returns a sentence on the result, or raises. Its docstring says what is checked, and why.
    """

    name: str
    run: Callable[[T], str]
    needs: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """What is checked, in a line."""
        return (self.run.__doc__ or "").strip().splitlines()[0]


@dataclass(frozen=True)
class Verdict:
    """The result of the check of this name; `hint` says how to fix a failure, and is empty if unknown."""

    check: str
    question: str
    status: Status
    message: str
    hint: str = ""
    seconds: float = 0.0


def run_all(checks: Sequence[Check[T]], subject: T, files: Sequence[Path]) -> Iterator[Verdict]:
    """Run checks in order, and yield each verdict as it comes; a failure skips only the checks that need it.

    Each check comes after those it needs. Unexpected errors are located in the files, those of the plug-in.
    """
    statuses: dict[str, Status] = {}
    for check in checks:
        missing = [f"'{name}' {statuses[name]}" for name in check.needs if statuses[name] != "passed"]
        if missing:
            verdict = Verdict(check.name, check.question, "skipped", f"skipped: {', '.join(missing)}")
        else:
            verdict = _run(check, subject, files)
        statuses[check.name] = verdict.status
        yield verdict


def _run(check: Check[T], subject: T, files: Sequence[Path]) -> Verdict:
    began, hint = time.monotonic(), ""
    status: Status
    try:
        status, message = "passed", check.run(subject)
    except FailedCheck as failure:
        status, message, hint = "failed", failure.message, failure.hint
    except (SkippedCheck, MissingWeightsError, MissingDataError) as reason:
        status, message = "skipped", str(reason)
    except Exception as error:
        status, message = "failed", errors.described(error)
        places = [f"{path.name}, {line}" for path in files if (line := errors.line_of(error, path))]
        hint = places[-1] if places else ""
    return Verdict(check.name, check.question, status, message, hint, round(time.monotonic() - began, 2))


def require(condition: bool, message: str, hint: str = "") -> None:
    """Raise `FailedCheck` unless the condition holds."""
    if not condition:
        raise FailedCheck(message, hint)


def require_text(kind: type[Any], *names: str) -> None:
    """Require that class attributes hold a line of text each."""
    for name in names:
        text = getattr(kind, name, None)
        require(
            isinstance(text, str) and bool(text.strip()) and "\n" not in text,
            f"{kind.__name__}.{name} is {text!r}; it must be a line of text",
            f'Write `{name}: ClassVar[str] = "..."` in the class.',
        )


def require_settings(kind: type[Any], base: type[BaseModel]) -> None:
    """Require that the class uses the settings in its file, and that all have defaults that JSON can hold."""
    require(
        isinstance(kind.Config, type) and issubclass(kind.Config, base),
        f"{kind.__name__}.Config is no subclass of {base.__name__}",
    )
    defined = [value for value in vars(sys.modules[kind.__module__]).values() if isinstance(value, type)]
    models = [model for model in defined if issubclass(model, base) and model.__module__ == kind.__module__]
    unused = [model.__name__ for model in models if not issubclass(kind.Config, model)]
    require(
        not unused,
        f"{kind.__name__}.Config is {kind.Config.__name__}, and {', '.join(unused)} is not used",
        f"Write `Config: ClassVar[type[{base.__name__}]] = {''.join(unused[:1])}` in the class.",
    )
    try:
        kind.Config().model_dump_json()
    except Exception as error:
        raise FailedCheck(
            f"{kind.Config.__name__}() cannot be made or written as JSON: {error}",
            "Give every setting a default: numbers, text, booleans or None.",
        ) from error
