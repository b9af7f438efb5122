"""YAML from files that others may have written: plain values, of bounded size."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from lordbench.utils import files
from lordbench.utils.errors import UserError, did_you_mean

LARGEST = 1 << 18
"""Bytes of a file; a preset has some hundred."""
MOST_VALUES = 100_000
"""Of a file, with every alias counted as what it stands for."""
LARGEST_NUMBER = 2**63


def read_yaml(path: Path) -> Any:
    """Read a file.

    Raises:
        OSError: it is not there, or cannot be read.
        ValueError: it is no YAML, or more than `parse` takes.
    """
    return parse_yaml(files.read_text(path, LARGEST))


def parse_yaml(text: str) -> Any:
    """Read plain values: text, numbers, truth values, dates, lists and mappings.

    Raises:
        ValueError: the text is no YAML, nested too deeply, larger than `MOST_VALUES` once its aliases are put
            in, or holds a whole number of more than 64 bits.
    """
    try:
        return yaml.load(text, _Loader)
    except Exception as error:
        # PyYAML raises nearly anything where a tag, a date or a number does not hold what it should.
        raise ValueError(str(error) or type(error).__name__) from None


class _Loader(yaml.SafeLoader):
    """PyYAML's loader of plain values, which counts them."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._values = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        is_alias, before = self.check_event(yaml.AliasEvent), self._values
        node = super().compose_node(parent, index)
        if not is_alias:
            self._values += 1
            self._sizes[id(node)] = self._values - before
        elif id(node) in self._sizes:
            self._values += self._sizes[id(node)]
        else:
            raise yaml.YAMLError("an alias stands inside what it stands for")
        if self._values > MOST_VALUES:
            raise yaml.YAMLError(f"more than {MOST_VALUES:,} values")
        return node


def _whole_number(loader: _Loader, node: yaml.ScalarNode) -> int:
    value = int(loader.construct_yaml_int(node))
    if not -LARGEST_NUMBER <= value < LARGEST_NUMBER:
        raise yaml.YAMLError("a whole number of more than 64 bits")
    return value


_Loader.add_constructor("tag:yaml.org,2002:int", _whole_number)

C = TypeVar("C", bound=BaseModel)


def validated(model: type[C], values: dict[str, Any], where: str) -> C:
    """Check settings against their model.

    Raises:
        UserError: a key is unknown or a value is out of range; names each, and the keys there are.
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
