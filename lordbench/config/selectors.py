"""Selectors: a component's name with settings, e.g. `lord[regularizer=kl,decay=1e-3]`.

The name may be a path, as in `folder:PATH` or `./FILE.py`, which may itself contain brackets.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lordbench.utils.errors import UserError
from lordbench.utils.names import spelled
from lordbench.utils.settings import distinct, parse_yaml

_NAME = re.compile(r"(?P<name>[^\[\]]+)(?:\[(?P<settings>.*)\])?", re.DOTALL)
# Brackets with anything but settings are part of a path.
_PATH = re.compile(
    r"(?P<name>[\w-]+:.+?|[^\[\]]*/.*?|.+?\.py)(?:\[(?P<settings>\s*|\s*[^\W\d]\w*\s*=.*)\])?", re.DOTALL
)


@dataclass(frozen=True)
class Selector:
    """A component's name, and settings that override its preset.

    A path that is not UTF-8 is spelled as in `lordbench.utils.names`.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)


def split_list(text: str) -> list[str]:
    """Split at commas outside brackets: `lord[a=1,b=2],drnet` has two parts."""
    return [part.strip() for part in re.split(r",(?![^\[]*\])", text) if part.strip()]


def listed(names: str | Sequence[str] | None) -> list[str] | None:
    """Return names, given as a list or as a text for `split_list`, as a list; None stays None."""
    return None if names is None else split_list(names) if isinstance(names, str) else list(names)


def as_list(value: object) -> object:
    """A list from the text of an option, `lord,drnet`, from a single number, or from another sequence."""
    if isinstance(value, str):
        return split_list(value)
    return list(value) if isinstance(value, Sequence) else [value] if isinstance(value, int) else value


def parse(text: str) -> Selector:
    """Parse one selector; UserError if the brackets or a setting are malformed.

    A path that exists is taken as it is, even if it ends in a space, or as if with settings.
    """
    if os.path.exists(os.path.expanduser(text.partition(":")[2] or text)):
        return Selector(spelled(text.lstrip()))
    match = _PATH.fullmatch(text.strip()) or _NAME.fullmatch(text.strip())
    if match is None:
        raise UserError(f"cannot read {text!r}", "Write NAME or NAME[key=value,key=value].")
    parts = [part for part in (match["settings"] or "").split(",") if part.strip()]
    return Selector(spelled(match["name"].strip()), distinct(map(assignment, parts), text))


def assignment(text: str) -> tuple[str, Any]:
    """Parse `key=value`: numbers (also `1e-3`), booleans and `null` as in YAML; anything else is text."""
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not key:
        raise UserError(f"cannot read the setting {text!r}", "Write key=value.")
    if re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value):
        return key, float(value)
    try:
        parsed = parse_yaml(value)
    except ValueError:
        return key, value
    # A pattern such as {class}/*.png is text that happens to look like a YAML mapping.
    return key, parsed if isinstance(parsed, bool | int | float | None) else value


def describe(settings: dict[str, Any]) -> str:
    """Format settings as in a selector, in alphabetical order."""
    return ",".join(f"{key}={settings[key]}" for key in sorted(settings))
