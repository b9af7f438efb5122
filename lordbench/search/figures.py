"""Figures of a search: the best value so far against the tries, and the importance of settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl

from lordbench.report.figures import Drawn
from lordbench.report.figures.drawing import PAGE, SETTINGS, figure, handle, marker, panels
from lordbench.report.figures.signs import GREY, method_signs
from lordbench.report.quantities import Column
from lordbench.search.sampling import Ranges, importances
from lordbench.search.trials import Trial, best
from lordbench.utils import seeds

Trials = Mapping[str, Sequence[Trial]]
"""Finished trials by the method's name."""

SIZE = (5.2, 3.4)
NARROWEST, HEIGHT = 2.2, 1.9
"""Inches: width and height of the first figure; of a panel of the second the least width, and the height."""


def best_so_far(trials_of: Trials, column: Column) -> Drawn | None:
    """Draw the value that would be chosen after each try, a line for each method; None if there is none."""
    lines = {}
    for name, trials in trials_of.items():
        chosen = [(i, best(trials[:i])) for i in range(1, len(trials) + 1)]
        if points := [(i, trial.values[column.full_name]) for i, trial in chosen if trial]:
            lines[name] = points
    if not lines:
        return None
    signs = method_signs(lines)
    with mpl.rc_context(SETTINGS):
        drawing = figure(*SIZE)
        ax = drawing.subplots()
        for name, points in lines.items():
            ax.step(*zip(*points, strict=True), where="post", linewidth=1.1, **marker(signs[name]))
        ax.set_xlabel("tries")
        ax.set_ylabel(f"{column.title} of validation images")
        entries = [handle(sign, linestyle="-") for sign in signs.values()]
        drawing.legend(entries, list(signs), loc="outside right upper")
    last = "; ".join(f"{name}: {points[-1][1]:.3g} after {points[-1][0]}" for name, points in lines.items())
    return Drawn(drawing, f"Best {column.title} so far, by the number of tries. {last}.")


def importance(trials_of: Trials, ranges_of: Mapping[str, Ranges]) -> Drawn | None:
    """Draw how much each setting matters for the score, a panel for each method; None if nothing is known."""
    shares = {
        name: found
        for name, trials in trials_of.items()
        if (found := importances(ranges_of[name], trials, seeds.derive(0, "importance", name)))
    }
    if not shares:
        return None
    with mpl.rc_context(SETTINGS):
        drawing, axes = panels(list(shares), PAGE, NARROWEST, HEIGHT, {})
        for ax, own in zip(axes, shares.values(), strict=True):
            ax.barh(list(own)[::-1], list(own.values())[::-1], color=GREY)
            ax.set_xlim(0, 1)
        drawing.supxlabel("share of the variance of scores at the least budget", fontsize="small")
    words = (
        f"{name}: {', '.join(f'{key} {x:.2f}' for key, x in own.items())}" for name, own in shares.items()
    )
    return Drawn(drawing, f"Importance of settings. {'; '.join(words)}.")
