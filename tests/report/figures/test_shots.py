"""One-shot curves: a metric against the number of images, by kind of codes."""

from __future__ import annotations

import pandas as pd
import pytest
from synthetic import cell, measured

from lordbench.report.figures import shots
from lordbench.utils.errors import UserError

ENCODED = {"K = 1": 0.06, "K = 5": 0.05, "K = 10": 0.045, "all": 0.04}
OPTIMIZED = {"K = 1": 0.07, "all": 0.03}


def rows() -> pd.DataFrame:
    own = {"experiment": "one-shot", "metric": "l1"}
    values = [
        measured(value, 0.01, codes=codes, subject=f"transfer, {k}", **own)
        for codes, curve in (("encoded", ENCODED), ("optimized", OPTIMIZED))
        for k, value in curve.items()
    ]
    return cell(*values, measured(0.02, 0.01, codes="", subject="nearest class", **own))


def test_numbers_of_images_ascend_and_all_comes_last() -> None:
    (ax,) = shots(rows()).figure.axes
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "5", "10", "all"]
    lines = {line.get_label(): line for line in ax.lines}
    assert lines["lord, encoded"].get_ydata().tolist() == list(ENCODED.values())
    assert lines["lord, optimized"].get_ydata().tolist() == list(OPTIMIZED.values())
    assert [round(x) for x in lines["lord, optimized"].get_xdata()] == [0, 3]
    assert lines["lord, encoded"].get_linestyle() != lines["lord, optimized"].get_linestyle()
    assert lines["lord, encoded"].get_color() == lines["lord, optimized"].get_color()


def test_the_floor_is_labelled() -> None:
    (ax,) = shots(rows()).figure.axes
    (text,) = (text.get_text() for text in ax.texts)
    assert text == "floor: nearest training class, content of A"


def test_values_are_said_in_words() -> None:
    assert "L1 ↓, optimized codes, all: lord 0.03" in shots(rows()).words


def test_another_metric_is_refused_with_those_there_are() -> None:
    with pytest.raises(UserError, match="ssim") as caught:
        shots(rows(), "ssim")
    assert "these results have: l1" in caught.value.hint


def test_results_of_another_experiment_are_refused_with_the_way_out() -> None:
    with pytest.raises(UserError, match="one-shot") as caught:
        shots(cell())
    assert "--split classes --experiments one-shot" in caught.value.hint
