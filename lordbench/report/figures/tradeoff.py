"""Leakage of the class against the quality of transfers."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes

from lordbench.report.figures.drawing import (
    MUTED,
    PAGE,
    SETTINGS,
    SMALL,
    Drawn,
    draw_floor,
    draw_intervals,
    handle,
    marker,
    panels,
    watermark,
)
from lordbench.report.figures.signs import Sign, method_signs
from lordbench.report.figures.values import LEAK, Quantity, grouped, quantity, short, transfer_column
from lordbench.report.quantities import pick
from lordbench.utils.errors import UserError

METRICS = ("both_agreement", "lpips", "class_agreement")
"""The default of each panel is the first of these that its methods have: data without labelled contents have
the last only."""
NARROWEST, HEIGHT = 2.6, 2.6


def tradeoff(rows: pd.DataFrame, metric: str | None = None, width: float = PAGE) -> Drawn:
    """Draw leakage against a metric of content transfer, a panel for each group of results that has both.

    Bars are 95 % intervals, as in the tables; a dashed line is the best floor, which has no codes,
    and the band around it its interval.

    Raises:
        UserError: no method has both values.
    """
    shown: dict[str, tuple[Quantity, Quantity]] = {}
    for title, means in grouped(rows):
        leak = quantity(means, LEAK)
        candidates = (
            quantity(means, transfer_column(means, name)) for name in ([metric] if metric else METRICS)
        )
        for transfer in candidates:
            if leak.methods.keys() & transfer.methods.keys():
                shown[title] = leak, transfer
                break
    if not shown:
        raise UserError(*_missing(rows, metric))
    names = [n for leak, transfer in shown.values() for n in leak.methods if n in transfer.methods]
    signs = method_signs(names)
    with mpl.rc_context(SETTINGS):
        legend = {name: handle(sign) for name, sign in signs.items()}
        drawing, axes = panels(list(shown), width, NARROWEST, HEIGHT, legend)
        for ax, (leak, transfer) in zip(axes, shown.values(), strict=True):
            _panel(ax, leak, transfer, signs)
        watermark(drawing, shown)
    words = ["Class leakage, and quality of transfers"]
    for title, (leak, transfer) in shown.items():
        values = [
            f"{name} {leak.methods[name].value:.3g} and {value.value:.3g}"
            for name, value in transfer.methods.items()
            if name in leak.methods
        ]
        if transfer.floor:
            values.append(f"best floor, {short(transfer.floor[0])}: {transfer.floor[1].value:.3g}")
        words.append(f"{title}, {transfer.title}: {'; '.join(values)}")
    return Drawn(drawing, f"{'. '.join(words)}.")


def _panel(ax: Axes, leak: Quantity, transfer: Quantity, signs: dict[str, Sign]) -> None:
    points = {name: (leak.methods[name], y) for name, y in transfer.methods.items() if name in leak.methods}
    draw_intervals(ax, ((x, y, signs[name].colour) for name, (x, y) in points.items()))
    for name, (x, y) in points.items():
        ax.plot([x.value], [y.value], label=name, linestyle="none", **marker(signs[name]))
    ax.margins(0.12)
    if transfer.floor:
        draw_floor(ax, *transfer.floor, [(x.value, y.value) for x, y in points.values()])
    higher = transfer.higher_is_better
    if higher is not None:
        ax.text(
            0.015, 0.985 if higher else 0.015, "↖ better" if higher else "↙ better", transform=ax.transAxes,
            ha="left", va="top" if higher else "bottom", fontsize=SMALL, style="italic", color=MUTED,
        )  # fmt: skip
    ax.set_xlabel("Class leakage from content code ↓")
    ax.set_ylabel(f"Transfers: {transfer.title}")


def _missing(rows: pd.DataFrame, metric: str | None) -> Sequence[str]:
    """A message and a hint: which of the two is missing."""
    has_leak = pick(rows, LEAK)["value"].notna().any()
    start = ["content-transfer", "encoded", "transfer"]
    transfers = rows[(rows[["experiment", "codes", "subject"]] == start).all(axis=1) & rows["value"].notna()]
    known = sorted(set(transfers["metric"]))
    if has_leak and known:
        wanted = f"no method has {metric or ' or '.join(METRICS)} of transfers"
        return wanted, f"Choose another --metric; these results have: {', '.join(known)}."
    missing = [name for name, has in (("content-transfer", known), ("leakage", has_leak)) if not has]
    what = (
        f"no method has {metric} of transfers and leakage"
        if metric
        else "no method has transfers and leakage"
    )
    return (
        f"{what}: the results lack {' and '.join(missing)}",
        f"Run the experiments: lordbench run --experiments {','.join(missing)} ...",
    )
