"""Grids of transfers: the same pairs for all methods, with their L1."""

from __future__ import annotations

import numpy as np
import pytest
from reporting import TRUTH, made_up_run, picture

from lordbench.report.figures import grid
from lordbench.report.figures.grid import MEANING
from lordbench.report.picture_comparisons import Comparison, comparisons
from lordbench.results.cells import cell_records
from lordbench.utils.errors import UserError

PLACES = [(0, 0), (1, 1), (2, 2), (0, 1)]


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> tuple[Comparison, np.ndarray]:
    folder = made_up_run(tmp_path_factory.mktemp("runs"), {"lord": 0.1, "drnet": 0.2}, seeds=(0,))
    outputs = picture(folder / "cells" / "lord-0" / "transfer-encoded.png", 9)
    return comparisons(cell_records([folder]))[0][0], outputs


def test_each_method_is_shown_on_the_same_pairs(one: tuple[Comparison, np.ndarray]) -> None:
    comparison, outputs = one
    drawn = grid(comparison, pairs=4).figure
    names = [text.get_text() for text in drawn.texts if not text.get_text().isdigit()]
    assert names == ["content", "class", "true image", "drnet", "lord", MEANING]
    axes = np.array(drawn.axes).reshape(5, 4)
    for ax, (i, j) in zip(axes[4], PLACES, strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), outputs[i, j].transpose(1, 2, 0))


def test_below_each_output_stands_its_l1_to_the_true_image(one: tuple[Comparison, np.ndarray]) -> None:
    comparison, outputs = one
    axes = np.array(grid(comparison, pairs=4).figure.axes).reshape(5, 4)
    wanted = [f"{np.abs(outputs[at] / 255 - TRUTH[at] / 255).mean():.3f}" for at in PLACES]
    assert [ax.texts[0].get_text() for ax in axes[4]] == wanted
    assert not any(ax.texts for ax in axes[:3].flatten())
    without = grid(comparison, scores=False).figure
    assert not any(ax.texts for ax in without.axes)
    assert MEANING not in [text.get_text() for text in without.texts]


def test_methods_and_rows_can_be_chosen(one: tuple[Comparison, np.ndarray]) -> None:
    comparison, outputs = one
    drawn = grid(comparison.of(["lord"]), rows=[4, 2]).figure
    texts = [text.get_text() for text in drawn.texts]
    assert "drnet" not in texts
    assert [text for text in texts if text.isdigit()] == ["4", "2"]
    shown = drawn.axes[-2].images[0].get_array()
    np.testing.assert_array_equal(shown, outputs[PLACES[3]].transpose(1, 2, 0))


def test_a_row_or_method_that_is_not_there_is_refused(one: tuple[Comparison, np.ndarray]) -> None:
    with pytest.raises(UserError, match="--rows 13") as caught:
        grid(one[0], rows=[1, 13])
    assert "1 to 12" in caught.value.hint
    with pytest.raises(UserError, match="did you mean lord"):
        one[0].of(["lrd"])
