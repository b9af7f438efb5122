"""Doing something now and then, where doing it each time would take too long."""

from __future__ import annotations

import time
from collections.abc import Callable


class Sparingly:
    """Calls a function when it is asked to, unless calls would take more than a tenth of the time.

    Writing the results of a thousand cells reads a thousand cells: after each of them would take hours.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        self.function = function
        self.not_before = 0.0

    def __call__(self) -> None:
        began = time.monotonic()
        if began >= self.not_before:
            self.function()
            ended = time.monotonic()
            self.not_before = ended + 9 * (ended - began)
