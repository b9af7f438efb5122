"""The panels of a figure are placed by their sizes: nothing is cut off, and no two overlap."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from reporting import made_up_run
from synthetic import cell, measured, without_samples

from lordbench.report.figures import WIDTHS, curves, forest, shots, tradeoff
from lordbench.report.figures.drawing import SETTINGS, power_of_ten
from lordbench.report.page.page import NARROW, WIDE
from lordbench.results.cells import cell_records

ALL_WIDTHS = (*WIDTHS.values(), WIDE, NARROW)
LEAK = {"experiment": "leakage", "subject": "class from content", "metric": "probe_best.normalized"}
SHOT = {"experiment": "one-shot", "metric": "l1"}
METHODS = ("lord", "drnet", "a_method_of_ones_own_with_a_long_name")
DATASETS = "squares", "squares_with_a_long_name[azimuths=8,elevations=2,n_cars=200,size=64]"


def rows() -> pd.DataFrame:
    return pd.concat([
        cell(
            measured(0.1 + 0.3 * i),
            measured(0.002 + 0.001 * i, 0.001, metric="l1"),
            measured(0.5, metric="both_agreement", higher_is_better=True),
            measured(0.3, subject="copy", codes=""),
            measured(-0.1, **LEAK),
            *(measured(0.05, 0.02, subject=f"transfer, K = {k}", **SHOT) for k in (1, 5)),
            method=method, variant=variant, dataset=dataset,
        )
        for dataset in DATASETS
        for i, method in enumerate(METHODS)
        for variant in ("", "noise=0.25")
    ], ignore_index=True)  # fmt: skip


def drawn_forest(width: float, _: Path) -> Figure:
    own = rows()
    return forest(own, without_samples(own), width=width).figure


def drawn_curves(width: float, folder: Path) -> Figure:
    first, second = (
        cell_records([made_up_run(folder / data, dict.fromkeys(METHODS, 0.1), seeds=(0,))])
        for data in ("a", "b")
    )
    for record in second:
        renamed = {"id": f"{record.settings.id}b", "dataset": DATASETS[1]}
        record.settings = record.settings.model_copy(update=renamed)
    return curves([*first, *second], width=width).figure


@pytest.mark.parametrize("width", ALL_WIDTHS)
@pytest.mark.parametrize("draw", [
    drawn_forest,
    drawn_curves,
    lambda width, _: tradeoff(rows(), width=width).figure,
    lambda width, _: shots(rows(), width=width).figure,
], ids=["forest", "curves", "tradeoff", "shots"])  # fmt: skip
def test_nothing_is_cut_off_and_no_panels_overlap(
    draw: Callable[[float, Path], Figure], width: float, tmp_path: Path
) -> None:
    with mpl.rc_context(SETTINGS):
        figure = draw(width, tmp_path)
        figure.canvas.draw()
        panels = [ax for ax in figure.axes if ax.get_visible()]
        headings = [part.texts[0] for part in (figure, *figure.subfigs) if part.texts]
        boxes: list[Bbox] = [artist.get_tightbbox() for artist in (*panels, *figure.legends)]
        boxes += [heading.get_window_extent() for heading in headings]
    for box in boxes:
        assert box.x0 > -1
        assert box.y0 > -1
        assert box.x1 < figure.bbox.width + 1
        assert box.y1 < figure.bbox.height + 1
    for a, b in combinations(boxes, 2):
        shared = Bbox.intersection(a, b)
        assert shared is None or min(shared.width, shared.height) < 1


@pytest.mark.parametrize("n_methods", [1, 30])
def test_all_points_of_one_shot_lie_within_the_axes(n_methods: int) -> None:
    values = [measured(0.05, subject=f"transfer, K = {k}", **SHOT) for k in (1, 5)]
    many = pd.concat([cell(*values, method=f"method{i}") for i in range(n_methods)], ignore_index=True)
    (ax,) = shots(many).figure.axes
    left, right = ax.get_xlim()
    places = [x for line in ax.lines for x in line.get_xdata()]
    assert len(places) == 2 * n_methods
    assert left < min(places)
    assert max(places) < right


@pytest.mark.parametrize(("value", "label"), [(1, "10⁰"), (0.001, "10⁻³"), (1e12, "10¹²"), (0, "")])
def test_ticks_are_powers_of_ten(value: float, label: str) -> None:
    assert power_of_ten(value) == label
