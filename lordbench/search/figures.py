"""Figures of a search: the best value so far against the tries, and the importance of settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl

from lordbench.report.figures import COLOURS, PANELS_ACROSS, SETTINGS, Drawn, figure, signs
from lordbench.report.quantities import Column
from lordbench.search.sampling import Ranges, importances
from lordbench.search.trials import Trial, best
from lordbench.utils import seeds

Trials = Mapping[str, Sequence[Trial]]
"""Finished trials by the method's name."""

SIZE, PANEL = (5.2, 3.4), (3.0, 1.9)
"""Inches: width and height of a figure, and of a panel."""


def best_so_far(trials_of: Trials, column: Column) -> Drawn | None:
    """Draw the value that would be chosen after each try, a line for each method; None if there is none."""
    lines = {}
    for name, trials in trials_of.items():
        chosen = [(i, best(trials[:i])) for i in range(1, len(trials) + 1)]
        if points := [(i, trial.values[column.full_name]) for i, trial in chosen if trial]:
            lines[name] = points
    if not lines:
        return None
    look = signs(lines)
    with mpl.rc_context(SETTINGS):
        drawing = figure(*SIZE)
        ax = drawing.subplots()
        for name, points in lines.items():
            ax.step(
                *zip(*points, strict=True), where="post", label=name, color=look[name].colour,
                linestyle=look[name].dashes, marker=look[name].marker, markersize=4,
            )  # fmt: skip
        ax.set_xlabel("tries")
        ax.set_ylabel(f"{column.title} of validation images")
        drawing.legend(loc="outside right upper", fontsize="small")
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
    across = min(len(shares), PANELS_ACROSS)
    down = -(-len(shares) // across)
    with mpl.rc_context(SETTINGS):
        drawing = figure(PANEL[0] * across, PANEL[1] * down)
        axes = drawing.subplots(down, across, squeeze=False).flatten().tolist()
        for ax, (name, own) in zip(axes, shares.items(), strict=False):
            ax.barh(list(own)[::-1], list(own.values())[::-1], color=COLOURS[0])
            ax.set_xlim(0, 1)
            ax.set_title(name, fontsize="small", loc="left")
        for ax in axes[len(shares) :]:
            ax.set_visible(False)
        drawing.supxlabel("share of the variance of scores at the least budget", fontsize="small")
    words = (
        f"{name}: {', '.join(f'{key} {x:.2f}' for key, x in own.items())}" for name, own in shares.items()
    )
    return Drawn(drawing, f"Importance of settings. {'; '.join(words)}.")
