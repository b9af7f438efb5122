"""Critical-difference diagram of ranks (Demšar 2006, JMLR 7)."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd

from lordbench.report.figures.drawing import MUTED, PAGE, SETTINGS, SMALL, Drawn, figure, marker
from lordbench.report.figures.signs import method_signs
from lordbench.report.quantities import choose, titles
from lordbench.results.ranks import FEWEST_BLOCKS, block_ranks, critical_difference, indistinguishable
from lordbench.utils.errors import UserError

ROW, TOP, BOTTOM = 0.19, 0.75, 0.3
"""Inches: height of a method's line, of the axis with what is above it, and of the sentence below."""
MARGIN = 1.0
"""Inches: names of methods on each side of the axis."""
BAR = 0.11
"""Inches between bars that join methods."""


def ranks(rows: pd.DataFrame, metrics: Sequence[str] = (), width: float = PAGE) -> Drawn:
    """Draw mean ranks of methods on an axis; bars join those within the critical difference (CD).

    See `results.ranks.block_ranks`. Quantities are the headline ones, or `metrics`, named as for
    `quantities.choose`.

    Raises:
        UserError: fewer than two methods, or fewer than `FEWEST_BLOCKS` blocks, have ranks.
    """
    wanted = [column[1:] for column in choose(rows, metrics)] if metrics else titles(rows)
    blocks = block_ranks(rows, wanted)
    n_blocks, n_methods = blocks.shape
    if n_methods < 2:
        raise UserError(
            "ranks need two methods with results on the same data and seeds",
            "Run more methods, with the same --dataset and --seeds; presets for testing have no ranks.",
        )
    if n_blocks < FEWEST_BLOCKS:
        raise UserError(
            f"ranks need {FEWEST_BLOCKS} blocks (a data set and seed that all methods have), not {n_blocks}",
            "Run more seeds (--seeds 0,1,2,3,4) or data sets, or draw `lordbench figure forest`.",
        )
    means = blocks.mean().sort_values(kind="stable")
    gap = critical_difference(n_methods, n_blocks)
    half = -(-n_methods // 2)
    bars = indistinguishable(means.to_list(), gap)
    height = TOP + BAR * len(bars) + ROW * half + BOTTOM
    with mpl.rc_context(SETTINGS | {"axes.grid": False}):
        drawing = figure(width, height)
        margin = MARGIN / width
        ax = drawing.add_axes((margin, 0, 1 - 2 * margin, 1))
        # One unit is an inch from the top; the axis of ranks lies at 0.
        ax.set_axis_off()
        ax.set_xlim(1, n_methods)
        ax.set_ylim(-(height - TOP + 0.1), TOP - 0.1)
        ax.plot([1, n_methods], [0, 0], color="black", linewidth=0.8, clip_on=False)
        for rank in range(1, n_methods + 1):
            ax.plot([rank, rank], [0, 0.05], color="black", linewidth=0.8, clip_on=False)
            ax.text(rank, 0.08, str(rank), ha="center", va="bottom", fontsize=SMALL)
        shown = min(gap, n_methods - 1)
        ax.plot([1, 1 + shown], [0.34, 0.34], color=MUTED, linewidth=1.2, marker="|", clip_on=False)
        too_wide = ", wider than the axis" if gap > n_methods - 1 else ""
        ax.text(1 + shown / 2, 0.39, f"CD = {gap:.2f}{too_wide}", ha="center", va="bottom", fontsize=SMALL)
        for i, (first, last) in enumerate(bars):
            ends = [means.iloc[first] - 0.03, means.iloc[last] + 0.03]
            ax.plot(ends, [-BAR * (i + 0.8)] * 2, color="black", linewidth=2.2, solid_capstyle="butt",
                    clip_on=False)  # fmt: skip
        signs = method_signs(sorted(means.index))
        for i, (name, rank) in enumerate(means.items()):
            left = i < half
            y = -BAR * len(bars) - ROW * ((i if left else n_methods - 1 - i) + 0.9)
            end = 1 - 0.02 * n_methods if left else n_methods + 0.02 * n_methods
            ax.plot([rank, rank, end], [0, y, y], color=signs[str(name)].colour, linewidth=0.9, clip_on=False)
            ax.plot([rank], [0], label=name, clip_on=False, **marker(signs[str(name)]))
            text = f"{name}  {rank:.2f} " if left else f" {rank:.2f}  {name}"
            ax.text(end, y, text, ha="right" if left else "left", va="center", fontsize=SMALL, clip_on=False)
        said = f"{n_blocks} blocks (data set and seed); Nemenyi test, 5 %"
        drawing.text(0.5, 0.02, said, ha="center", va="bottom", fontsize=SMALL, color=MUTED)
    joined = [" and ".join(means.index[first : last + 1]) for first, last in bars]
    values = ", ".join(f"{name} {rank:.2f}" for name, rank in means.items())
    ties = f" Not significantly different: {'; '.join(joined)}." if joined else ""
    return Drawn(drawing, f"Mean ranks over {n_blocks} blocks; CD {gap:.2f}: {values}.{ties}")
