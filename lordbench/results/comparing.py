"""All that is to be said of two cells or runs beside each other."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lordbench.results.changes import changes, costs, without_settings
from lordbench.results.contrast import contrast
from lordbench.results.sides import Matched, Pair, Side, match


@dataclass(frozen=True)
class Comparison:
    """Two sides, and what differs between them.

    Attributes:
        a: one side.
        b: the other.
        matched: which lines are compared, and which cells only one side has.
        changes: as from `changes.changes`.
        costs: as from `changes.costs`.
        values: for each pair of lines, as from `contrast.contrast`.
        without_settings: names of sides whose complete settings are not at hand.
    """

    a: Side
    b: Side
    matched: Matched
    changes: pd.DataFrame
    costs: pd.DataFrame
    values: list[tuple[Pair, pd.DataFrame]]
    without_settings: list[str]

    @property
    def n_cells(self) -> int:
        """How many cells are compared with their like."""
        return sum(pair.a["cell"].nunique() for pair in self.matched.pairs)

    @property
    def verdicts(self) -> pd.Series[str]:
        """The verdicts on all quantities of which either side has a value."""
        found = [values[values[["value_a", "value_b"]].notna().any(axis=1)] for _, values in self.values]
        verdicts: pd.Series[str] = pd.concat([pd.Series(dtype=str), *(its["verdict"] for its in found)])
        return verdicts

    @property
    def identical(self) -> bool:
        """Whether both sides have the same cells, made in the same way, with the very same values."""
        return bool((self.verdicts == "equal").all()) and self.changes.empty and not any(self.matched[1:])


def compare(a: Side, b: Side) -> Comparison:
    """Compare two sides: cells that belong together, in all that is known of them."""
    matched = match(a, b)
    return Comparison(
        a,
        b,
        matched,
        changes(matched.pairs, a, b),
        costs(matched.pairs),
        [(pair, contrast(pair, a.files, b.files)) for pair in matched.pairs],
        without_settings(matched.pairs, a, b),
    )
