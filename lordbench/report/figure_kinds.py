"""The kinds of figures, each drawn from run folders: for `lordbench figure` and `lordbench.figure`.

`metrics` are named as in `lordbench leaderboard`, `dataset` is one of the data sets in the results, and
`width` is `column` or `page`.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, PositiveInt, create_model

from lordbench.config.selectors import as_list
from lordbench.report import figures
from lordbench.report.figures import WIDTHS, Drawn
from lordbench.report.figures.values import only
from lordbench.report.picture_comparisons import choose
from lordbench.results.cells import cell_records
from lordbench.results.damage import DamageWarning
from lordbench.results.differences import Differences
from lordbench.results.leaderboard import collect
from lordbench.results.loading import SampleFiles
from lordbench.utils.errors import UserError, did_you_mean
from lordbench.utils.settings import plain, validated

Names = Annotated[Sequence[str], BeforeValidator(as_list)]
Numbers = Annotated[Sequence[int], BeforeValidator(as_list)]


def forest(
    runs: Sequence[Path], metrics: Names = (), dataset: str | None = None, width: str = "page"
) -> Drawn:
    """Draw values and intervals beside floors and real images: see `figures.forest`."""
    rows = only(collect(runs), dataset)
    return figures.forest(rows, Differences(rows, SampleFiles(runs)), metrics, WIDTHS[width])


def tradeoff(
    runs: Sequence[Path], metric: str | None = None, dataset: str | None = None, width: str = "page"
) -> Drawn:
    """Draw leakage against a metric of transfers: see `figures.tradeoff`."""
    return figures.tradeoff(only(collect(runs), dataset), metric, WIDTHS[width])


def ranks(
    runs: Sequence[Path], metrics: Names = (), dataset: str | None = None, width: str = "page"
) -> Drawn:
    """Draw a critical-difference diagram: see `figures.ranks`."""
    return figures.ranks(only(collect(runs), dataset), metrics, WIDTHS[width])


def shots(runs: Sequence[Path], metric: str = "l1", dataset: str | None = None, width: str = "page") -> Drawn:
    """Draw one-shot transfers by the number of images of the class: see `figures.shots`."""
    return figures.shots(only(collect(runs), dataset), metric, WIDTHS[width])


def dose(runs: Sequence[Path], probe: str = "probe_best", width: str = "column") -> Drawn:
    """Draw readings of known leakage: see `figures.dose`."""
    return figures.dose(collect(runs), probe, WIDTHS[width])


def informativeness(runs: Sequence[Path], dataset: str | None = None, width: str = "page") -> Drawn:
    """Draw how well attributes read off each code: see `figures.informativeness`."""
    return figures.informativeness(only(collect(runs), dataset), WIDTHS[width])


def curves(runs: Sequence[Path], width: str = "page") -> Drawn:
    """Draw training curves: see `figures.curves`."""
    records = cell_records(runs)
    for record in records:
        if record.curve is None and record.folder.curve.exists():
            warnings.warn(f"{record.folder.curve}: damaged, and left out", DamageWarning, stacklevel=2)
    return figures.curves(records, WIDTHS[width])


def grid(
    runs: Sequence[Path],
    picture: str = "transfer-encoded",
    dataset: str | None = None,
    seed: int | None = None,
    methods: Names = (),
    pairs: PositiveInt = 6,
    rows: Numbers = (),
    scores: bool = True,
    width: str = "page",
) -> Drawn:
    """Draw the outputs of all methods for the same pairs: see `figures.grid`."""
    comparison = choose(cell_records(runs), picture, dataset, seed).of(methods)
    return figures.grid(comparison, pairs, rows, WIDTHS[width], scores=scores)


KINDS: dict[str, Callable[..., Drawn]] = {
    kind.__name__: kind for kind in (forest, tradeoff, ranks, shots, dose, informativeness, curves, grid)
}
"""Functions of run folders and keyword options, by the name of the command."""


def draw(kind: str, runs: Sequence[Path], **options: Any) -> Drawn:
    """Draw a figure of one of `KINDS`.

    Raises:
        UserError: the kind, an option or a width does not exist, an option has a wrong type, or the runs lack
            what it shows.
    """
    if kind not in KINDS:
        raise UserError(f"no figure {kind!r}{did_you_mean(kind, KINDS)}", f"Figures are: {', '.join(KINDS)}.")
    _, *parameters = inspect.signature(KINDS[kind], eval_str=True).parameters.values()
    known: dict[str, Any] = {each.name: (each.annotation, each.default) for each in parameters}
    for name in options.keys() - set(known):
        hint = f"Options are: {', '.join(known) or 'none'}."
        raise UserError(f"figure {kind}: no option {name!r}{did_you_mean(name, known)}", hint)
    given = {name: plain(value) for name, value in options.items() if value is not None}
    chosen = dict(validated(create_model(kind, **known), given, f"figure {kind}"))
    if (width := chosen["width"]) not in WIDTHS:
        raise UserError(f"figure {kind}: no width {width!r}", f"Widths are: {', '.join(WIDTHS)}.")
    return KINDS[kind](runs, **chosen)
