"""Settings: YAML files of bounded size, and their validation against a model."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from lordbench.utils import files
from lordbench.utils.errors import UserError, did_you_mean

LARGEST = 1 << 18  # bytes of a YAML file; a preset has some hundred
MOST_VALUES = 100_000  # in a YAML text, with every alias counted as what it stands for
LONGEST_INTEGER = 20  # characters: those of the smallest integer of 64 bits

C = TypeVar("C", bound=BaseModel)


def read_yaml(path: Path) -> Any:
    """Read a YAML file of plain values; ValueError if it is too large or malformed."""
    return parse_yaml(files.read_text(path, LARGEST))


def parse_yaml(text: str) -> Any:
    """Parse text, numbers, booleans, dates, lists and mappings; ValueError if malformed or out of bounds."""
    try:
        _require_bounded(yaml.compose(text, yaml.SafeLoader))
        return yaml.safe_load(text)
    except Exception as error:
        # PyYAML raises nearly any exception for a malformed tag, date or number.
        raise ValueError(str(error) or type(error).__name__) from None


def validated(model: type[C], values: dict[str, Any], where: str) -> C:
    """Check settings, from a source named `where`; UserError lists all problems, and the valid keys."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = []
        for item in error.errors():
            key = ".".join(str(part) for part in item["loc"])
            problem = f"{key}: " * bool(key) + item["msg"].removeprefix("Value error, ")
            if item["type"] == "extra_forbidden":
                problem = f"unknown setting {key!r}{did_you_mean(key, model.model_fields, before=', ')}"
            elif item["type"] == "missing":
                problem = f"{key} has neither a value nor a default"
            problems.append(problem)
        hint = f"Settings: {', '.join(model.model_fields)}."
        raise UserError(f"{where}: " + "; ".join(problems), hint) from None


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
