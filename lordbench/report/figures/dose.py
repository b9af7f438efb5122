"""What a probe reads of controls whose leakage is known."""

from __future__ import annotations

import matplotlib as mpl
import pandas as pd

from lordbench.config.controls import FORMS, LEAKS, NAME
from lordbench.report.figures.drawing import COLUMN, MUTED, SETTINGS, SMALL, Drawn, draw_intervals, figure
from lordbench.report.figures.signs import COLOURS, MARKERS
from lordbench.report.figures.values import LEAK, Value
from lordbench.report.quantities import keys
from lordbench.results.leaderboard import aggregate
from lordbench.results.names import GROUP, QUANTITY, group_title, label
from lordbench.utils.errors import UserError

HEIGHT = 2.9
NORMALIZED = ".normalized"
STAGGER = 0.012
"""Points of different forms stand beside one another."""


def dose(rows: pd.DataFrame, probe: str = "probe_best", width: float = COLUMN) -> Drawn:
    """Draw what a probe reads of known class leakage, in collected rows; the diagonal is the truth.

    Raises:
        UserError: the rows have no controls, or no reading of this probe.
    """
    wanted = [*LEAK[1:4], f"{probe}{NORMALIZED}"]
    leaks = rows[(rows[QUANTITY[:3]] == wanted[:3]).all(axis=1) & (rows["method"] == NAME)]
    if leaks.empty:
        raise UserError(
            "no control with known leakage in these results",
            "Run `lordbench calibrate` and draw its folder: lordbench figure dose calibration --out dose.pdf",
        )
    read_by = leaks[(leaks["metric"] == wanted[3]) & leaks["value"].notna()]
    if read_by.empty:
        probes = sorted({m.removesuffix(NORMALIZED) for m in leaks["metric"] if m.endswith(NORMALIZED)})
        raise UserError(f"--probe {probe}: it read nothing here", f"Probes here: {', '.join(probes)}.")
    own = aggregate(read_by)
    if len(groups := own[GROUP].drop_duplicates()) > 1:
        titles = "; ".join(map(group_title, groups.itertuples(index=False)))
        raise UserError(
            f"controls of several kinds of results: {titles}", "Draw the folder of one calibration."
        )
    names = list(map(label, own["method"], own["variant"]))
    readings = dict(zip(names, map(Value._make, keys(own[["value", "ci_low", "ci_high"]])), strict=True))
    with mpl.rc_context(SETTINGS):
        drawing = figure(width, HEIGHT, "constrained")
        ax = drawing.subplots()
        ax.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9)
        ax.annotate(
            "truth", (0.75, 0.75), (5, -5), textcoords="offset points", va="top", fontsize=SMALL, color=MUTED
        )
        words = []
        for i, (form, colour, shape) in enumerate(zip(FORMS, COLOURS, MARKERS, strict=False)):
            known = {share: name for (other, share), name in LEAKS.items() if other == form or share == 0}
            read = {share: readings[name] for share, name in known.items() if name in readings}
            x, y = [share + STAGGER * (i - 1) for share in read], [value.value for value in read.values()]
            points = zip(map(Value, x), read.values(), strict=True)
            draw_intervals(ax, ((at, value, colour) for at, value in points))
            ax.plot(x, y, color=colour, marker=shape, markeredgecolor="white", linewidth=1.1, label=form)
            values = ", ".join(f"{value:.2f} at {share:g}" for share, value in zip(read, y, strict=True))
            words.append(f"{form}: {values}")
        ax.set_xlabel("Known leakage (share of images)")
        ax.set_ylabel(f"Class leak read ({probe.removeprefix('probe_')} probe)")
        ax.legend(title="Form of the leak", title_fontsize=SMALL)
    return Drawn(drawing, f"Readings of known class leakage by {probe}. {'; '.join(words)}.")
