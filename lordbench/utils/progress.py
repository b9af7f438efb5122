"""Progress bars and durations."""

from collections.abc import Callable, Iterable
from typing import TypeVar

MINUTE, HOUR, DAY = 60, 3600, 86_400
LONGEST = 10_000 * 365 * DAY  # longer durations, and infinity, are shown as this one

T = TypeVar("T")
Track = Callable[[Iterable[T], str, int], Iterable[T]]
"""Wraps an iterable in a progress bar: `track(items, description, total)`."""


def untracked(items: Iterable[T], description: str, total: int) -> Iterable[T]:
    """Iterate without a progress bar."""
    return items


def duration(seconds: float, *, rough: bool = False) -> str:
    """Format seconds in two units: `45 s`, `3 min 05 s`, `2 h 40 min`, `3 d 4 h`; `rough`: in minutes."""
    whole = round(min(LONGEST, seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if rough and round(whole / MINUTE) < HOUR // MINUTE:
        return f"{round(whole / MINUTE)} min"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02d} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE:02d} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"
