"""A small in-memory cache."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class LruCache:
    """Results by key; beyond `most` results, the least recently used one is dropped."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._results: dict[Hashable, Any] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the result under `key`, or compute it; the key must name all that the result depends on."""
        result: T = self._results.pop(key) if key in self._results else make()
        self._results[key] = result  # a dict keeps insertion order: the most recent is last
        if len(self._results) > self.most:
            del self._results[next(iter(self._results))]
        return result
