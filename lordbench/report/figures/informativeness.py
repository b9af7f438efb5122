"""Informativeness as a heat map: how well each attribute reads off each code of each method."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from lordbench.report.boards import method_names
from lordbench.report.figures.drawing import PAGE, SETTINGS, SMALL, Drawn, figure, watermark, wrapped
from lordbench.report.figures.values import grouped
from lordbench.results.leaderboard import PIXELS
from lordbench.utils.errors import UserError

METRICS = ("normalized", "r2")
CODES = ("content", "class", "pixels")
"""What attributes are read from, in this order, the last by no method."""
ROW, REST, NARROWEST = 0.22, 1.3, 0.3
"""Inches: height of a row, of names of attributes and title, and the least width of a cell with its value."""
DARK = 0.6
"""Values above it are written in white."""


def informativeness(rows: pd.DataFrame, width: float = PAGE) -> Drawn:
    """Draw collected rows: attributes across, methods with each of their codes down, a panel for each group.

    Normalized accuracies (0 chance, 1 all right) of attributes with names, R² of numbers. Values below 0 have
    the colour of 0.

    Raises:
        UserError: there are no such rows.
    """
    tables = {title: table for title, means in grouped(rows) if not (table := _table(means)).empty}
    if not tables:
        raise UserError(
            "no run has measured informativeness",
            "Run the experiment informativeness on a data set with attributes, such as toycars.",
        )
    heights = [REST + ROW * len(table) for table in tables.values()]
    with mpl.rc_context(SETTINGS | {"axes.grid": False}):
        drawing = figure(width, sum(heights), "constrained")
        axes = drawing.subplots(len(tables), 1, squeeze=False, height_ratios=heights)[:, 0]
        for ax, (title, table) in zip(axes, tables.items(), strict=True):
            # The names of rows take about half of the width.
            _panel(ax, table, has_values=width / 2 / table.shape[1] >= NARROWEST)
            ax.set_title(wrapped(f"{title}\n0: chance, 1: all right", width / 2), loc="left")
        watermark(drawing, tables)
    words = " ".join(f"{title}: {'; '.join(_words(table))}." for title, table in tables.items())
    return Drawn(drawing, f"Attributes predicted from each code. {words}")


def _table(means: pd.DataFrame) -> pd.DataFrame:
    """Values by method and code (rows) and attribute (columns), in the order of the results."""
    means = means[(means["experiment"] == "informativeness") & means["metric"].isin(METRICS)]
    means = means[means["value"].notna()]
    source = means["subject"].str.extract(r"from (?P<code>\w+), (?P<attribute>.+)")
    means = pd.concat([means.assign(method=method_names(means)["method"]), source], axis=1)
    # A reference stands in the columns of both codes.
    means["code"] = means["code"].where(means["method"] != PIXELS, "pixels")
    means = means.drop_duplicates(["method", "code", "attribute"])
    names = means["method"] + np.where(means["code"] == "pixels", "", ", " + means["code"] + " code")
    means = means.assign(row=names)
    table = means.pivot(index="row", columns="attribute", values="value")
    order = sorted(means["code"].unique(), key=CODES.index)
    rows = [name for code in order for name in means.loc[means["code"] == code, "row"].unique()]
    return table.loc[rows, list(means["attribute"].unique())]


def _panel(ax: Axes, table: pd.DataFrame, *, has_values: bool) -> None:
    values = table.to_numpy(dtype=float)
    ax.imshow(values.clip(0, 1), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (i, j), value in np.ndenumerate(values) if has_values else ():
        if np.isfinite(value):
            colour = "white" if value > DARK else "black"
            ax.text(j, i, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=SMALL)
    ax.set_xticks(range(table.shape[1]), table.columns, rotation=45, ha="right")
    ax.set_yticks(range(len(table)), table.index)


def _words(table: pd.DataFrame) -> Iterator[str]:
    for name, own in table.iterrows():
        yield f"{name}: {', '.join(f'{a} {v:.2f}' for a, v in own.items() if np.isfinite(v))}"
