"""What a check is, and how a list of them is carried out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

from lordbench import blame
from lordbench.errors import MissingDataError, MissingWeightsError

T = TypeVar("T")
Status = Literal["passed", "failed", "skipped"]


class FailedCheck(Exception):
    """What was asked for is not so; `way_out` says how to mend it."""

    def __init__(self, message: str, way_out: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.way_out = way_out


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
    ask: Callable[[T], str]
    needs: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """What is asked, in a line."""
        return (self.ask.__doc__ or "").strip().splitlines()[0]


@dataclass(frozen=True)
class Verdict:
    """The answer to one check.

    Attributes:
        check: its name.
        question: what was asked.
        status: how it ended.
        message: what was found, or why it was skipped.
        way_out: how to mend what failed; empty where nothing is known.
        seconds: that it took.
    """

    check: str
    question: str
    status: Status
    message: str
    way_out: str = ""
    seconds: float = 0.0


def require(condition: bool, message: str, way_out: str = "") -> None:
    """Fail the check unless a condition holds.

    Raises:
        FailedCheck: it does not.
    """
    if not condition:
        raise FailedCheck(message, way_out)


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
    began, way_out = time.monotonic(), ""
    status: Status
    try:
        status, message = "passed", check.ask(subject)
    except FailedCheck as failure:
        status, message, way_out = "failed", failure.message, failure.way_out
    except (SkippedCheck, MissingWeightsError, MissingDataError) as reason:
        status, message = "skipped", str(reason)
    except Exception as error:
        status, message, way_out = "failed", blame.described(error), _place(error, files)
    return Verdict(check.name, check.question, status, message, way_out, round(time.monotonic() - began, 2))


def _place(error: Exception, files: Sequence[Path]) -> str:
    places = [f"{path.name}, {line}" for path in files if (line := blame.line_of(error, path))]
    return places[-1] if places else ""
