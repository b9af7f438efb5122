"""Forest plots: values, intervals, floors, real images and the marks of tables."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from synthetic import cell, measured, without_samples

from lordbench.report.figures import forest
from lordbench.utils.errors import UserError


def rows(dataset: str = "squares") -> pd.DataFrame:
    both = {"metric": "both_agreement", "higher_is_better": True}
    methods = (("lord", 0.1, 0.8), ("drnet", 0.31, 0.5))
    return pd.concat([
        cell(
            measured(lpips, 0.02),
            measured(0.3, 0.01, subject="copy", codes=""),
            measured(0.28, 0.01, subject="random", codes=""),
            measured(agreement, 0.05, **both),
            measured(0.9, 0.02, subject="real", codes="", **both),
            method=method, dataset=dataset, started=f"2024-01-0{i + 1}T00:00:00",
        )
        for i, (method, lpips, agreement) in enumerate(methods)
    ], ignore_index=True)  # fmt: skip


def test_each_quantity_has_a_panel_with_all_methods_in_the_order_of_tables() -> None:
    own = rows()
    axes = forest(own, without_samples(own)).figure.axes
    assert [ax.get_title(loc="left") for ax in axes] == ["right in both ↑", "LPIPS ↓"]
    for ax in axes:
        assert [line.get_label() for line in ax.lines][:2] == ["lord", "drnet"]
    assert [tick.get_text() for tick in axes[0].get_yticklabels()] == ["lord", "drnet"]
    (bars,) = axes[1].collections
    assert [list(line.get_data()[0]) for line in axes[1].lines][:2] == [[0.1], [0.31]]
    assert bars.get_segments()[0] == pytest.approx(np.array([(0.08, 0), (0.12, 0)]))
    assert mpl.colors.to_hex(bars.get_color()[0]) == axes[1].lines[0].get_color()


def test_the_best_floor_and_real_images_are_bands() -> None:
    own = rows()
    both, lpips = forest(own, without_samples(own)).figure.axes
    lines = {line.get_label(): line.get_xdata()[0] for ax in (both, lpips) for line in ax.lines
             if line.get_label() in ("floor", "real images")}  # fmt: skip
    assert lines == {"floor": pytest.approx(0.28), "real images": pytest.approx(0.9)}
    (band,) = lpips.patches
    assert band.get_extents().transformed(lpips.transData.inverted()).intervalx == pytest.approx([0.27, 0.29])
    assert {"floor", "real images"} <= {text.get_text() for ax in (both, lpips) for text in ax.texts}


def test_marks_are_those_of_tables() -> None:
    own = rows()
    (ax,) = forest(own, without_samples(own), ["lpips"]).figure.axes
    marks = [text.get_text() for text in ax.texts][:2]
    assert marks == ["∗", "▽"]


def test_every_group_has_its_row_and_all_is_said_in_words() -> None:
    both = pd.concat([rows(), rows("circles")], ignore_index=True)
    drawn = forest(both, without_samples(both), ["lpips"])
    assert len(drawn.figure.axes) == 2
    for group in ("squares", "circles"):
        assert (
            f"{group}, samples split, preset quick. LPIPS ↓: lord 0.1, drnet 0.31, best floor" in drawn.words
        )


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(UserError, match="lpipz"):
        forest(rows(), without_samples(rows()), ["lpipz"])
