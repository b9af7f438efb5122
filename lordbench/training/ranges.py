"""Ranges: what a search may choose for a setting, declared beside its default.

    learning_rate: Annotated[float, Range(1e-4, 1e-2, log=True)] = Field(1e-3, gt=0)

They say nothing about how a search samples: `lordbench search` does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True)
class Range:
    """Numbers of a range; whole numbers if both ends are, unlike `Range(0.0, 1.0)`.

    Attributes:
        low: the least value.
        high: the greatest value, included.
        log: whether each factor is as likely as any other: for rates and weights.

    Raises:
        ValueError: the range is empty, or a logarithmic one includes zero.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"{self}: low must be less than high, and both finite")
        if self.log and self.low <= 0:
            raise ValueError(f"{self}: a logarithmic range begins above 0")

    @property
    def whole(self) -> bool:
        """Whether it contains whole numbers only."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values that a setting with this range must accept."""
        return self.low, self.high

    def __contains__(self, value: object) -> bool:
        fits = isinstance(value, int | float) and self.low <= value <= self.high
        return fits and (not self.whole or value == round(value))  # type: ignore[call-overload]

    def at(self, share: float) -> float:
        """Return the value at a share in [0, 1] of the range, on its scale, rounded as by `rounded`."""
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return self.rounded(math.exp(low + share * (high - low)))
        return self.rounded(self.low + share * (self.high - self.low))

    def rounded(self, value: float) -> float:
        """Round to a whole number, or to three significant digits, within the range."""
        kept = round(value) if self.whole else float(f"{value:.3g}")
        return min(max(kept, self.low), self.high)


@dataclass(frozen=True)
class Choice:
    """One of several values.

    Attributes:
        values: numbers, texts, booleans or None.

    Raises:
        ValueError: they are fewer than two.
    """

    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        if len(set(self.values)) < 2:
            raise ValueError(f"{self}: give two different values or more")

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values that a setting with these choices must accept: all."""
        return self.values

    def __contains__(self, value: object) -> bool:
        return value in self.values

    def at(self, share: float) -> Any:
        """Return the value at a share in [0, 1)."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    def rounded(self, value: Any) -> Any:
        """Return the value."""
        return value


# Methods that have a setting in common share its range, so that a search can give them the same values.
RATE = Range(1e-4, 1e-2, log=True)
"""Adam's learning rates of networks."""
LATENT_RATE = Range(1e-3, 1e-1, log=True)
"""Learning rate of latent codes."""
KL_WEIGHT = Range(1e-5, 1.0, log=True)
"""From what the shared losses need, which are means over pixels, to the 1 of a bound in nats."""
ADVERSARY = Range(1e-4, 1.0, log=True)
"""Weight of an adversarial term."""
CONTENT_SIZE = Range(4, 128, log=True)
"""Length of the content code."""


def ranges_of(config: type[BaseModel]) -> dict[str, Range | Choice]:
    """Return the ranges that settings declare, by the setting's name; of several the last."""
    return {
        name: declared
        for name, field in config.model_fields.items()
        for declared in field.metadata
        if isinstance(declared, Range | Choice)
    }
