"""What was computed lately, kept for who asks again."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class LruCache:
    """Results by key, in memory; of more than `most`, the one that was asked for longest ago is forgotten."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._kept: dict[Hashable, Any] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the result under `key`, made by `make` where it is not there.

        The key must name all that the result depends on: then nobody can tell it from one made anew.
        """
        value: T = self._kept.pop(key) if key in self._kept else make()
        self._kept[key] = value  # last asked for, last in line
        if len(self._kept) > self.most:
            del self._kept[next(iter(self._kept))]
        return value
