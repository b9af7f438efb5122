"""Controls are shown below the methods and above floors; they are not compared as methods, nor as floors."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from synthetic import cell, measured, without_samples

from lordbench.report.boards import boards
from lordbench.report.figures import tradeoff
from lordbench.report.leaderboard import render
from lordbench.report.page.page import write_report
from lordbench.report.pivot import Pivot
from lordbench.report.ranks import rank_boards
from lordbench.report.tables import Table

CONTROLS = [("control", "", 0.001), ("control", "output=constant", 0.9)]
FLOOR = "floor: copy of B"
LEAK = {"experiment": "leakage", "subject": "class from content", "metric": "probe_best.normalized"}
COLLAPSED = {"experiment": "reconstruction", "subject": "reconstruction", "metric": "collapsed"}


def rows(dataset: str = "squares") -> pd.DataFrame:
    """Three seeds. A control that beats all was run first, and another is worse than the floor, as if it had
    collapsed."""
    methods = [*CONTROLS, ("drnet", "", 0.2), ("lord", "", 0.1)]
    return pd.concat([
        cell(
            measured(value + 0.001 * seed, None, metric="l1"),
            measured(value, None, **LEAK),
            measured(float(value == 0.9), None, higher_is_better=None, **COLLAPSED),
            measured(0.5 + 0.01 * seed, None, metric="l1", subject="copy", codes=""),
            method=method, variant=variant, seed=seed, dataset=dataset, started=f"2024-01-0{i + 1}T00:00:00",
        )
        for i, (method, variant, value) in enumerate(methods) for seed in range(3)
    ], ignore_index=True)  # fmt: skip


def names(table: Table) -> list[tuple[str, int, str]]:
    """Name, part and first mark of each row."""
    return [(row.texts[0], row.part, row.entries[0].mark) for row in table.rows]


EXPECTED = [
    ("drnet", 0, ""), ("lord", 0, "best"),
    ("control", 1, ""), ("control[output=constant]", 1, ""),
    (FLOOR, 2, ""),
]  # fmt: skip


def test_a_group_of_their_own_without_marks() -> None:
    board = boards(rows(), without_samples(rows()))[0]
    assert names(board) == EXPECTED
    assert board.rules == {2, 4}
    assert not any("collapsed" in text for row in board.rows for text in row.texts)


@pytest.mark.parametrize("group_by", ["method", "method,split"])
def test_so_in_pivots(group_by: str) -> None:
    both = pd.concat([rows(), rows("cars")], ignore_index=True)
    pivot = Pivot.read(group_by, ["l1"])
    assert pivot is not None
    (board,) = pivot.boards(both, without_samples(both))
    assert names(board) == EXPECTED


def test_data_sets_in_rows_do_not_mix_them() -> None:
    both = pd.concat([rows(), rows("cars")], ignore_index=True)
    (board,) = Pivot(("dataset", "method"), ("l1",)).boards(both, without_samples(both))
    assert [row.part for row in board.rows] == [0] * 4 + [1] * 4 + [2] * 2


def test_every_format_has_the_rules(tmp_path: Path) -> None:
    differences = without_samples(rows())
    latex = render(rows(), "latex", differences)
    assert latex.split(r"\begin{table}")[1].count(r"\midrule") == 3
    csv = render(rows(), "csv", differences).splitlines()
    assert [line.split(",")[4] for line in csv[1:]] == [name for name, *_ in EXPECTED]
    rows().to_csv(tmp_path / "results.csv", index=False)
    write_report([tmp_path / "results.csv"], tmp_path / "page")
    page = (tmp_path / "page" / "index.html").read_text("utf-8").split('<section class="table"')[1]
    methods, *apart = page.split('<tbody class="references">')
    assert 'data-name="lord"' in methods
    assert 'data-name="control"' not in methods
    assert [part.count("<tr ") for part in apart] == [2, 1]


def test_they_have_no_rank() -> None:
    (board,) = rank_boards(rows())
    assert {row.texts[0]: row.entries[0].value for row in board.rows} == {"lord": 1, "drnet": 2}


def test_differences_list_them_as_references() -> None:
    found = without_samples(rows()).table.query("metric == 'l1'")
    assert not found["method_a"].str.startswith("control").any()
    assert set(found.loc[~found["reference"], "method_b"]) == {"lord"}
    assert set(found.loc[found["reference"], "method_b"]) == {name for name, part, _ in EXPECTED if part}


def test_their_errors_are_not_those_of_methods() -> None:
    """The pooled error is that of the methods with or without controls."""
    methods = rows().query("method != 'control'")
    with_controls, without = (
        without_samples(table).table.query("not reference") for table in (rows(), methods)
    )
    pd.testing.assert_frame_equal(with_controls.reset_index(drop=True), without.reset_index(drop=True))


def test_one_method_beside_controls_is_not_best() -> None:
    one = rows().query("method != 'drnet'").reset_index(drop=True)
    assert ("lord", 0, "") in names(boards(one, without_samples(one))[0])


def test_they_are_neither_points_nor_floors_of_a_figure() -> None:
    drawn = tradeoff(rows(), "l1")
    assert "control" not in drawn.words
    assert [line.get_label() for line in drawn.figure.axes[0].lines if line.get_linestyle() == "--"] == [
        FLOOR
    ]
