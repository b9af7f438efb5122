"""What a check is, and how a list of them is carried out."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel

from lordbench.utils import errors
from lordbench.utils.errors import MissingDataError, MissingWeightsError

T = TypeVar("T")
Status = Literal["passed", "failed", "skipped"]


class FailedCheck(Exception):
    """What was asked for is not so; `hint` says how to mend it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SkippedCheck(Exception):
    """The check cannot be made here, or asks for something that is optional."""


@dataclass(frozen=True)
class Check(Generic[T]):
    """One question.

    Attributes:
        name: a word or two.
        ask: answers with a sentence on what was found; its docstring says what is asked, and why.
        needs: names of the checks that must have passed for this one to make sense.
    """

    name: str
    run: Callable[[T], str]
    needs: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """What is asked, in a line."""
        return (self.run.__doc__ or "").strip().splitlines()[0]


@dataclass(frozen=True)
class Verdict:
    """The answer to one check.

    Attributes:
        check: its name.
        question: what was asked.
        status: how it ended.
        message: what was found, or why it was skipped.
        hint: how to mend what failed; empty where nothing is known.
        seconds: that it took.
    """

    check: str
    question: str
    status: Status
    message: str
    hint: str = ""
    seconds: float = 0.0


def require(condition: bool, message: str, hint: str = "") -> None:
    """Fail the check unless a condition holds.

    Raises:
        FailedCheck: it does not.
    """
    if not condition:
        raise FailedCheck(message, hint)


def carried_out(checks: Sequence[Check[T]], subject: T, files: Sequence[Path]) -> Iterator[Verdict]:
    """Make all checks, and yield each verdict as it comes; one that fails stops only those that need it.

    Args:
        checks: in an order in which each comes after what it needs.
        subject: what is tried.
        files: of the plug-in: an unexpected error is placed in them.
    """
    passed: set[str] = set()
    for check in checks:
        lacking = [name for name in check.needs if name not in passed]
        if lacking:
            yield Verdict(
                check.name, check.question, "skipped", f"needs what did not pass: {', '.join(lacking)}"
            )
            continue
        verdict = _carry_out(check, subject, files)
        if verdict.status == "passed":
            passed.add(check.name)
        yield verdict


def _carry_out(check: Check[T], subject: T, files: Sequence[Path]) -> Verdict:
    began, hint = time.monotonic(), ""
    status: Status
    try:
        status, message = "passed", check.run(subject)
    except FailedCheck as failure:
        status, message, hint = "failed", failure.message, failure.hint
    except (SkippedCheck, MissingWeightsError, MissingDataError) as reason:
        status, message = "skipped", str(reason)
    except Exception as error:
        status, message, hint = "failed", errors.described(error), _place(error, files)
    return Verdict(check.name, check.question, status, message, hint, round(time.monotonic() - began, 2))


def _place(error: Exception, files: Sequence[Path]) -> str:
    places = [f"{path.name}, {line}" for path in files if (line := errors.line_of(error, path))]
    return places[-1] if places else ""


def require_text(kind: type[Any], *names: str) -> None:
    """Fail unless class attributes are there and hold a line of text each.

    Raises:
        FailedCheck: one does not.
    """
    for name in names:
        text = getattr(kind, name, None)
        require(
            isinstance(text, str) and bool(text.strip()) and "\n" not in text,
            f"{kind.__name__}.{name} is {text!r}; a line of text is needed",
            f'Write `{name}: ClassVar[str] = "..."` in the class.',
        )


def require_settings(kind: type[Any], base: type[BaseModel]) -> None:
    """Fail unless the file's settings are the class's, each has a default, and all can be written as JSON.

    Raises:
        FailedCheck: they do not.
    """
    require(
        isinstance(kind.Config, type) and issubclass(kind.Config, base),
        f"{kind.__name__}.Config is no subclass of {base.__name__}",
    )
    unused = [
        name
        for name, value in vars(sys.modules[kind.__module__]).items()
        if isinstance(value, type)
        and issubclass(value, base)
        and value.__module__ == kind.__module__
        and not issubclass(kind.Config, value)
    ]
    require(
        not unused,
        f"{kind.__name__}.Config is {kind.Config.__name__}, and {', '.join(unused)} is not used",
        f"Write `Config: ClassVar[type[{base.__name__}]] = {''.join(unused[:1])}` in the class.",
    )
    try:
        kind.Config().model_dump_json()
    except Exception as error:
        raise FailedCheck(
            f"{kind.Config.__name__}() cannot be made, or written as JSON: {error}",
            "Give every setting a default: numbers, text, booleans or None.",
        ) from error
