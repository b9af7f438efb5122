"""Settings: YAML files of bounded size, and their validation against a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from lordbench.utils import files
from lordbench.utils.errors import UserError, did_you_mean

LARGEST = 1 << 18
"""Bytes of a YAML file; a preset has some hundred."""
MOST_VALUES = 100_000
"""Values in a YAML text, with every alias counted as what it stands for."""
LONGEST_INTEGER = 20
"""Characters of an integer: those of the smallest one of 64 bits."""

C = TypeVar("C", bound=BaseModel)


def read_yaml(path: Path) -> Any:
    """Read a YAML file of plain values.

    Raises:
        OSError: the file does not exist, or cannot be read.
        ValueError: the file is larger than `LARGEST` bytes, or `parse_yaml` refuses it.
    """
    return parse_yaml(files.read_text(path, LARGEST))


def parse_yaml(text: str) -> Any:
    """Parse plain values: text, numbers, booleans, dates, lists and mappings.

    Raises:
        ValueError: the text is not YAML, is nested too deeply, or has too many values or too long integers.
    """
    try:
        _require_bounded(yaml.compose(text, yaml.SafeLoader))
        return yaml.safe_load(text)
    except Exception as error:
        # PyYAML raises nearly any exception for a malformed tag, date or number.
        raise ValueError(str(error) or type(error).__name__) from None


def validated(model: type[C], values: dict[str, Any], where: str) -> C:
    """Check settings against their model; `where` names their source in errors.

    Raises:
        UserError: a key is unknown or a value is out of range; lists all problems, and the valid keys.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = []
        for item in error.errors():
            key = ".".join(str(part) for part in item["loc"])
            if item["type"] == "extra_forbidden":
                problems.append(
                    f"unknown setting {key!r}{did_you_mean(key, model.model_fields, before=', ')}"
                )
            elif item["type"] == "missing":
                problems.append(f"{key} has neither a value nor a default")
            else:
                message = item["msg"].removeprefix("Value error, ")
                problems.append(f"{key}: {message}" if key else message)
        raise UserError(
            f"{where}: " + "; ".join(problems), f"Settings: {', '.join(model.model_fields)}."
        ) from None


def _require_bounded(root: yaml.Node | None) -> None:
    """Refuse text that expands to far more than its size, such as aliases of aliases or 1:1:1:1."""
    pending, count = [root], 0
    while pending:
        node = pending.pop()
        count += 1
        if count > MOST_VALUES:
            raise ValueError(f"more than {MOST_VALUES:,} values")
        if isinstance(node, yaml.MappingNode):
            pending += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            pending += node.value
        elif node is not None and node.tag.endswith(":int") and len(node.value) > LONGEST_INTEGER:
            raise ValueError(f"an integer of more than {LONGEST_INTEGER} characters")
