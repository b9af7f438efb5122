"""One-shot transfer by the number of images of the new class."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from lordbench.report.figures.drawing import (
    MUTED,
    PAGE,
    SETTINGS,
    Drawn,
    draw_floor,
    draw_intervals,
    handle,
    marker,
    panels,
    watermark,
)
from lordbench.report.figures.signs import Sign, method_signs
from lordbench.report.figures.values import Quantity, Value, grouped, quantity
from lordbench.report.quantities import Column, titles
from lordbench.utils.errors import UserError

EXPERIMENT = "one-shot"
KINDS: dict[str, Any] = {"encoded": "-", "optimized": "--"}
"""Kinds of codes, and how their lines are drawn."""
NARROWEST, HEIGHT = 2.6, 2.4
STAGGER, WIDEST = 0.04, 0.7
"""Of the distance of two counts: between points of several methods, and of the first and the last of many."""

Curve = dict[str, Quantity]
"""A quantity by the number of images."""


def shots(rows: pd.DataFrame, metric: str = "l1", width: float = PAGE) -> Drawn:
    """Draw a metric of one-shot transfers against the number of images of the class, K, with 95 % intervals.

    A solid line is of encoded codes, a dashed one of codes optimized at test time.

    Raises:
        UserError: no method has the metric for any K.
    """
    shown: dict[str, dict[str, Curve]] = {}
    for title, means in grouped(rows):
        own = {codes: _curve(means, codes, metric) for codes in KINDS}
        if any(q.methods for curve in own.values() for q in curve.values()):
            shown[title] = own
    if not shown:
        own_rows = rows[(rows["experiment"] == EXPERIMENT) & rows["value"].notna()]
        known = sorted(set(own_rows.loc[own_rows["subject"].str.startswith("transfer, "), "metric"]))
        raise UserError(
            f"no method has {metric} of one-shot transfers",
            f"Choose another --metric; these results have: {', '.join(known)}." if known
            else "Run it on held-out classes: lordbench run --split classes --experiments one-shot ...",
        )  # fmt: skip
    signs = method_signs(
        dict.fromkeys(
            n for own in shown.values() for curve in own.values() for q in curve.values() for n in q.methods
        )
    )
    with mpl.rc_context(SETTINGS):
        legend = {name: handle(sign, linestyle="-") for name, sign in signs.items()}
        kinds = [codes for codes in KINDS if any(own[codes] for own in shown.values())]
        if len(kinds) > 1:
            legend |= {
                f"{codes} codes": Line2D([], [], color=MUTED, linestyle=KINDS[codes]) for codes in kinds
            }
        drawing, axes = panels(list(shown), width, NARROWEST, HEIGHT, legend)
        for ax, own in zip(axes, shown.values(), strict=True):
            _panel(ax, own, signs)
        watermark(drawing, shown)
    return Drawn(drawing, " ".join(_words(title, own) for title, own in shown.items()))


def _curve(means: pd.DataFrame, codes: str, metric: str) -> Curve:
    """One metric by the number of images, ascending, `all` last."""
    own = means[(means["experiment"] == EXPERIMENT) & (means["codes"] == codes) & (means["metric"] == metric)]
    found = {
        match[1] or match[2]: subject
        for subject in own["subject"]
        if (match := re.fullmatch(r"transfer, (?:K = (\d+)|(all))", subject))
    }
    # The title of the metric without the number: that of content transfer.
    title = titles(means).get(("content-transfer", "encoded", "transfer", metric), metric.replace("_", " "))
    read = {k: quantity(means, Column(title, EXPERIMENT, codes, found[k], metric)) for k in _ascending(found)}
    return {k: own for k, own in read.items() if own.methods}


def _ascending(counts: Iterable[str]) -> list[str]:
    return sorted(counts, key=lambda k: (k == "all", 0 if k == "all" else int(k)))


def _panel(ax: Axes, own: dict[str, Curve], signs: dict[str, Sign]) -> None:
    counts = _ascending({k for curve in own.values() for k in curve})
    lines = [
        (codes, name)
        for codes, curve in own.items()
        for name in dict.fromkeys(n for q in curve.values() for n in q.methods)
    ]
    step = min(STAGGER, WIDEST / len(lines))
    for i, (codes, name) in enumerate(lines):
        points = [(counts.index(k), q.methods[name]) for k, q in own[codes].items() if name in q.methods]
        x = [place + step * (i - (len(lines) - 1) / 2) for place, _ in points]
        draw_intervals(
            ax,
            ((Value(at), value, signs[name].colour) for at, (_, value) in zip(x, points, strict=True)),
        )
        ax.plot(x, [value.value for _, value in points], linestyle=KINDS[codes], linewidth=1.1,
                label=f"{name}, {codes}", **marker(signs[name]))  # fmt: skip
    first = next(q for curve in own.values() for q in curve.values())
    ax.set_xticks(range(len(counts)), counts)
    ax.set_xlim(-0.4, len(counts) - 0.6)
    if first.floor:
        drawn = [
            (float(counts.index(k)), value.value)
            for curve in own.values()
            for k, q in curve.items()
            for value in q.methods.values()
        ]
        draw_floor(ax, *first.floor, drawn)
    ax.set_xlabel("Images of the new class, K")
    ax.set_ylabel(f"Transfers: {first.title}")


def _words(title: str, own: dict[str, Curve]) -> str:
    sentences = []
    for codes, curve in own.items():
        for k, q in curve.items():
            values = ", ".join(f"{name} {value.value:.3g}" for name, value in q.methods.items())
            sentences.append(f"{q.title}, {codes} codes, {k if k == 'all' else f'K = {k}'}: {values}")
    return f"{title}. {'; '.join(sentences)}."
