"""Readings of known leakage."""

from __future__ import annotations

import pandas as pd
import pytest
from synthetic import cell, measured

from lordbench.config.controls import LEAKS
from lordbench.report.figures import dose
from lordbench.utils.errors import UserError

LEAK = {"experiment": "leakage", "subject": "class from content", "metric": "probe_best.normalized"}


def rows() -> pd.DataFrame:
    cells = []
    for (form, share), name in LEAKS.items():
        variant = name.partition("[")[2].rstrip("]")
        read = share / 2 if form == "curved" else share
        cells.append(cell(measured(read, 0.05, **LEAK), method="control", variant=variant))
    return pd.concat(cells, ignore_index=True)


def test_each_form_is_read_from_nothing_to_all() -> None:
    (ax,) = dose(rows()).figure.axes
    lines = {line.get_label(): line for line in ax.lines}
    shares = sorted({share for _, share in LEAKS})
    assert lines["linear"].get_ydata().tolist() == shares
    assert lines["curved"].get_ydata().tolist() == [share / 2 for share in shares]
    assert lines["spread"].get_xdata().tolist() == pytest.approx(shares, abs=0.02)


def test_it_is_said_in_words() -> None:
    assert "curved: 0.00 at 0, 0.05 at 0.1, 0.12 at 0.25, 0.25 at 0.5, 0.50 at 1" in dose(rows()).words


def test_a_probe_that_read_nothing_is_refused_with_those_that_did() -> None:
    with pytest.raises(UserError, match="probe_linear") as caught:
        dose(rows(), "probe_linear")
    assert "probe_best" in caught.value.hint


def test_readings_on_several_data_sets_are_not_mixed() -> None:
    with pytest.raises(UserError, match="circles, samples") as caught:
        dose(pd.concat([rows(), rows().assign(dataset="circles")], ignore_index=True))
    assert "one calibration" in caught.value.hint


def test_results_without_controls_are_refused_with_the_way_out() -> None:
    with pytest.raises(UserError, match="no control") as caught:
        dose(cell())
    assert "lordbench calibrate" in caught.value.hint
