"""Settings: YAML files of bounded size, and their validation against a model."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from lordbench.utils import files
from lordbench.utils.errors import UserError, did_you_mean

LARGEST = 1 << 18  # bytes of a YAML file; a preset has some hundred
MOST_VALUES = 100_000  # in a YAML text, with every alias counted as what it stands for
LONGEST_INTEGER = 20  # characters: those of the smallest integer of 64 bits

C = TypeVar("C", bound=BaseModel)


def read_yaml(path: Path) -> Any:
    """Read a YAML file of plain values; UserError if it cannot be read, is too large or malformed."""
    try:
        return parse_yaml(files.read_text(path, LARGEST))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a valid YAML file: {error}") from None


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file of settings; UserError as from `read_yaml`, or if it is no mapping."""
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise UserError(f"{path}: not a mapping of settings", "Write `key: value` on each line.")
    return values


def parse_yaml(text: str) -> Any:
    """Parse text, numbers, booleans, dates, lists and mappings.

    ValueError: malformed, out of bounds, or with a key twice in a mapping, of which YAML would keep the last.
    """
    try:
        _check(yaml.compose(text, yaml.SafeLoader))
        return yaml.safe_load(text)
    except Exception as error:
        # PyYAML raises nearly any exception for a malformed tag, date or number.
        raise ValueError(str(error) or type(error).__name__) from None


def validated(model: type[C], values: dict[str, Any], where: str) -> C:
    """Check settings, from a source named `where`; UserError lists all problems, and the valid keys.

    Numbers that are not finite are refused: a training with one would only end in a loss of NaN.
    """
    if infinite := list(_infinite("", values)):
        raise UserError(f"{where}: " + "; ".join(infinite), "Give finite numbers.")
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems, known = [], dict[str, None]()
        for item in error.errors():
            key = ".".join(str(part) for part in item["loc"])
            problem = f"{key}: " * bool(key) + item["msg"].removeprefix("Value error, ")
            if item["type"] == "extra_forbidden":
                name, fields = str(item["loc"][-1]), _fields(model, item["loc"][:-1])
                problem = f"unknown setting {key!r}{did_you_mean(name, fields, before=', ')}"
                known |= dict.fromkeys(fields)
            elif item["type"] == "missing":
                problem = f"{key} has neither a value nor a default"
            problems.append(problem)
        hint = f"Settings: {', '.join(known or model.model_fields)}."
        raise UserError(f"{where}: " + "; ".join(problems), hint) from None


def plain(value: Any) -> Any:
    """Return arrays and numbers of numpy as Python's lists and numbers, also within lists and mappings."""
    if isinstance(value, Mapping):
        return {key: plain(own) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(plain, value))
    return value.tolist() if hasattr(value, "tolist") else value


def in_a_line(error: Exception) -> str:
    """An error in a line; pydantic's, which have several, by the number of wrong entries."""
    return f"{error.error_count()} invalid entries" if isinstance(error, ValidationError) else str(error)


def distinct(settings: Iterable[tuple[str, Any]], where: str) -> dict[str, Any]:
    """Collect settings by key; UserError if a key, from a source named `where`, has two values."""
    collected: dict[str, Any] = {}
    for key, value in settings:
        # By their text, too: no NaN equals another.
        if collected.setdefault(key, value) != value and repr(collected[key]) != repr(value):
            raise UserError(
                f"{where}: {key} is given as {collected[key]} and as {value}", "Keep one of them."
            )
    return collected


def _infinite(key: str, value: Any) -> Iterator[str]:
    """Describe the numbers in a value that are not finite, each by its key."""
    if isinstance(value, Mapping | list | tuple):
        entries = value.items() if isinstance(value, Mapping) else enumerate(value)
        for name, own in entries:
            yield from _infinite(f"{key}.{name}" if key else str(name), own)
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{key}: {value} is not a finite number"


def _fields(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Names of the fields of a model, or of the model at a location in it."""
    for part in location:
        if isinstance(part, str):
            annotation = model.model_fields[part].annotation
            model = next(t for t in (annotation, *get_args(annotation)) if hasattr(t, "model_fields"))
    return list(model.model_fields)


def _check(root: yaml.Node | None) -> None:
    """Refuse repeated keys, and text that expands to far more than its size: aliases of aliases, 1:1:1:1."""
    pending, count = [root], 0
    while pending:
        node = pending.pop()
        count += 1
        if count > MOST_VALUES:
            raise ValueError(f"more than {MOST_VALUES:,} values")
        if isinstance(node, yaml.MappingNode):
            pending += [part for pair in node.value for part in pair]
            _require_distinct_keys(node)
        elif isinstance(node, yaml.SequenceNode):
            pending += node.value
        elif node is not None and node.tag.endswith(":int") and len(node.value) > LONGEST_INTEGER:
            raise ValueError(f"an integer of more than {LONGEST_INTEGER} characters")


def _require_distinct_keys(mapping: yaml.MappingNode) -> None:
    lines: dict[tuple[str, str], int] = {}
    for key, _ in mapping.value:
        # Several merges, as `<<: *anchor`, add up.
        if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
            continue
        line, name = key.start_mark.line + 1, (key.tag, key.value)
        if name in lines:
            raise ValueError(f"line {line}: {key.value!r} is already given in line {lines[name]}")
        lines[name] = line
