"""Checks of what a plug-in says of itself, whatever its kind."""

from __future__ import annotations

import sys
from typing import Any

from pydantic import BaseModel

from lordbench.conformance.check import FailedCheck, require


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
