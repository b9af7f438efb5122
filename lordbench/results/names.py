"""What rows, cells and groups of results are called, and the marks of their values."""

from collections.abc import Hashable, Sequence
from typing import Literal

GROUP = ["dataset", "data_settings", "split", "preset"]
"""Table rows with the same values here are comparable: same data, same split, same sizes."""
LINE = [*GROUP, "method", "variant", "labels"]
"""Columns that identify a row of a table."""
QUANTITY = ["experiment", "codes", "subject", "metric"]
"""Columns that identify what was measured."""
TESTING = "smoke"
"""The preset whose numbers mean nothing: no mark, no rank."""
FOR_TESTING = "for testing: the numbers mean nothing"
"""What titles and notes say of its results."""
Mark = Literal["", "best", "tied", "no interval", "floor", "collapsed"]
"""Tied: not significantly different from the best. No interval: of the difference from the best. Floor: not
significantly better than the best floor, except those that win by construction. Collapsed: a training of the
method has collapsed."""


def is_for_testing(preset: str) -> bool:
    """Whether a preset, perhaps with overrides, is `TESTING`."""
    return preset.partition("[")[0] == TESTING


def row_name(key: Sequence[Hashable]) -> str:
    """Name a table row by its values of `LINE`."""
    return label(*map(str, key[len(GROUP) :]))


def label(method: str, variant: str, labels: str = "") -> str:
    """Name a method with its variant, as in a selector, and the class labels it was given, if not the own."""
    name = f"{method}[{variant}]" if variant else method
    return f"{name} on {labels}" if labels else name


def cell_title(method: str, dataset: str, seed: int) -> str:
    """Name a cell in messages: `lord on toycars, seed 0`; `method` and `dataset` as from `label`."""
    return f"{method} on {dataset}, seed {seed}"


def group_title(group: Sequence[Hashable]) -> str:
    """Name a group by its data set, split and preset, the values of `GROUP`."""
    data, split, preset, warning = group_parts(group)
    return f"{data}, {split} split, preset {preset}{warning}"


def group_parts(group: Sequence[Hashable]) -> tuple[str, str, str, str]:
    """Return names of a group's data set, split and preset, and a warning in brackets if for testing."""
    dataset, settings, split, preset = map(str, group)
    warning = f" ({FOR_TESTING})" if is_for_testing(preset) else ""
    return label(dataset, settings), split, preset, warning
