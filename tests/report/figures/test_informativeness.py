"""The heat map of informativeness shows each attribute of each code once."""

from __future__ import annotations

import pytest
from synthetic import cell, measured

from lordbench.report.figures import informativeness
from lordbench.utils.errors import UserError


def read(code: str, attribute: str, value: float, metric: str = "normalized", codes: str = "encoded"):
    subject = f"from {code}, {attribute}"
    return measured(value, subject=subject, experiment="informativeness", metric=metric, codes=codes)


def test_rows_are_methods_with_their_codes_and_columns_attributes() -> None:
    drawn = informativeness(
        cell(
            read("content", "azimuth", 0.9),
            read("class", "azimuth", 0.1),
            read("content", "nose_x", 0.75, "r2"),
            read("pixels", "azimuth", 0.95, codes=""),
            measured(0.2),
        )
    )
    ax = drawn.figure.axes[0]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["azimuth", "nose_x"]
    assert [text.get_text() for text in ax.get_yticklabels()][:2] == [
        "lord, content code",
        "lord, class code",
    ]
    shown = {(round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in ax.texts}
    assert shown[0, 0] == "0.90"
    assert shown[0, 1] == "0.75"
    assert shown[1, 0] == "0.10"
    assert "lord, content code: azimuth 0.90, nose_x 0.75" in drawn.words


def test_without_the_experiment_there_is_nothing_to_draw() -> None:
    with pytest.raises(UserError, match="informativeness"):
        informativeness(cell(measured(0.2)))
