"""YAML from files that others may have written: plain values, of bounded size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from lordbench import files

LARGEST = 1 << 18
"""Bytes of a file; a preset has some hundred."""
MOST_VALUES = 100_000
"""Of a file, with every alias counted as what it stands for."""
LARGEST_NUMBER = 2**63


def read(path: Path) -> Any:
    """Read a file.

    Raises:
        OSError: it is not there, or cannot be read.
        ValueError: it is no YAML, or more than `parse` takes.
    """
    return parse(files.read_text(path, LARGEST))


def parse(text: str) -> Any:
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
