"""Which of several values is best, and which of the others are not told apart from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Mark = Literal["", "best", "tied", "second"]


@dataclass(frozen=True)
class Entry:
    """One value of a table.

    Attributes:
        value: the value, or None where there is none.
        low: lower end of its 95 % interval, or None where there is none.
        high: upper end.
        mark: `best`; `tied` where the interval overlaps that of the best; `second` for the runner-up of
            three or more, where its interval does not.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    mark: Mark = ""

    @classmethod
    def of(cls, value: float, low: float, high: float) -> Entry:
        """Make an entry of numbers as they stand in a data frame, NaN for what there is not."""
        value_, low_, high_ = (None if math.isnan(x) else float(x) for x in (value, low, high))
        return cls(value_, low_, high_)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its ends; a value without an interval counts as a point, None stands for no value."""
        if self.value is None:
            return None
        return (self.value, self.value) if self.low is None or self.high is None else (self.low, self.high)

    @property
    def reach(self) -> float | None:
        """Distance from the value to the farther end of the interval, or None where there is none."""
        if self.value is None or self.low is None or self.high is None:
            return None
        return max(self.value - self.low, self.high - self.value)


NOTHING = Entry()


def mark_best(entries: Sequence[Entry], *, higher_is_better: bool) -> list[Entry]:
    """Mark the best of some entries, those whose interval overlaps its own, and the runner-up.

    Two 95 % intervals that do not overlap differ at a level well below 5 %; that they overlap does not mean
    that the values are equal. Fewer than two values are not marked: there is nothing to be better than.
    """
    values = [entry.value for entry in entries if entry.value is not None]
    if len(values) < 2:
        return list(entries)
    ranked = sorted(values, reverse=higher_is_better)
    ends = [entry.interval for entry in entries if entry.value == ranked[0] and entry.interval]
    best = (min(low for low, _ in ends), max(high for _, high in ends))
    return [replace(entry, mark=_mark(entry, ranked, best)) for entry in entries]


def _mark(entry: Entry, ranked: list[float], best: tuple[float, float]) -> Mark:
    if entry.interval is None:
        return ""
    if entry.value == ranked[0]:
        return "best"
    low, high = entry.interval
    if low <= best[1] and high >= best[0]:
        return "tied"
    return "second" if entry.value == ranked[1] and len(ranked) > 2 else ""
