"""The kinds of figures, each drawn from run folders: for `lordbench figure` and `lordbench.figure`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lordbench.report import figures
from lordbench.report.figures import Drawn
from lordbench.report.picture_comparisons import choose
from lordbench.results.cells import cell_records
from lordbench.results.leaderboard import collect
from lordbench.utils.errors import UserError, did_you_mean


def tradeoff(runs: Sequence[Path], metric: str = "lpips") -> Drawn:
    """Draw leakage against a metric of transfers: see `figures.tradeoff`."""
    return figures.tradeoff(collect(runs), metric)


def curves(runs: Sequence[Path]) -> Drawn:
    """Draw training curves: see `figures.curves`."""
    return figures.curves(cell_records(runs))


def transfer_grid(
    runs: Sequence[Path],
    picture: str = "transfer-encoded",
    dataset: str | None = None,
    seed: int | None = None,
    pairs: int = 6,
) -> Drawn:
    """Draw the outputs of all methods for the same pairs: see `figures.transfers`."""
    return figures.transfers(choose(cell_records(runs), picture, dataset, seed), pairs)


KINDS: dict[str, Callable[..., Drawn]] = {
    "tradeoff": tradeoff,
    "curves": curves,
    "transfer-grid": transfer_grid,
}
"""Functions of run folders and keyword options, by the name of the command."""


def draw(kind: str, runs: Sequence[Path], **options: Any) -> Drawn:
    """Draw a figure of one of `KINDS`.

    Raises:
        UserError: the kind or an option does not exist, or the runs lack what it shows.
    """
    if kind not in KINDS:
        raise UserError(f"no figure {kind!r}{did_you_mean(kind, KINDS)}", f"Figures are: {', '.join(KINDS)}.")
    known = list(inspect.signature(KINDS[kind]).parameters)[1:]
    for name in options.keys() - set(known):
        hint = f"Options are: {', '.join(known) or 'none'}."
        raise UserError(f"figure {kind}: no option {name!r}{did_you_mean(name, known)}", hint)
    return KINDS[kind](runs, **options)
