"""Tables: marks, notes, and each format."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from synthetic import cell, measured

from lordbench.report.boards import boards, mark_best
from lordbench.report.leaderboard import render, rich_leaderboard
from lordbench.report.tables import NOTHING, Entry, number
from lordbench.results.leaderboard import aggregate, wide

FID = {"metric": "fid", "note": "fid: no weights `inception`"}


def marks(*values: tuple[float, float] | None, higher_is_better: bool = False) -> list[str]:
    """Marks of values, each with the half-width of its interval."""
    entries = [Entry(v[0], v[0] - v[1], v[0] + v[1]) if v else NOTHING for v in values]
    return [
        entry.mark for entry in mark_best(entries, [True] * len(entries), higher_is_better=higher_is_better)
    ]


def three_methods() -> pd.DataFrame:
    floor = measured(0.4, subject="copy", codes="")
    return pd.concat([
        cell(measured(0.10, 0.02), measured(None, **FID), floor, method="lord"),
        cell(measured(0.13, 0.02), measured(None, **FID), floor, method="drnet"),
        cell(measured(0.30, 0.02), measured(None, **FID), floor, method="mlvae", variant="a_b=1"),
    ])  # fmt: skip


def printed(rows: pd.DataFrame, width: int = 100) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width).print(*rich_leaderboard(rows), sep="\n")
    return stream.getvalue()


class TestMarks:
    def test_lower_is_better(self):
        assert marks((0.1, 0.01), (0.2, 0.01), (0.3, 0.01)) == ["best", "second", ""]

    def test_higher_is_better(self):
        assert marks((0.1, 0.01), (0.2, 0.01), (0.3, 0.01), higher_is_better=True) == ["", "second", "best"]

    def test_overlapping_intervals_are_not_significantly_different(self):
        assert marks((0.10, 0.02), (0.13, 0.02), (0.20, 0.02)) == ["best", "tied", ""]

    def test_intervals_that_touch_overlap(self):
        assert marks((1.0, 0.25), (1.5, 0.25)) == ["best", "tied"]

    def test_equal_values_are_best_together(self):
        assert marks((0.1, 0.0), (0.1, 0.0), (0.2, 0.0)) == ["best", "best", ""]

    def test_one_value_is_not_better_than_anything(self):
        assert marks((0.1, 0.01), None) == ["", ""]

    def test_missing_values_are_never_marked(self):
        assert marks(None, (0.2, 0.01), (0.1, 0.01)) == ["", "", "best"]

    def test_a_value_without_an_interval_is_a_point(self):
        entries = [Entry(1.0), Entry(1.1), Entry(2.0, 0.9, 3.0)]
        assert [e.mark for e in mark_best(entries, [True] * 3, higher_is_better=False)] == [
            "best",
            "second",
            "tied",
        ]

    def test_a_floor_is_never_best(self):
        rows = pd.concat([cell(measured(v), measured(0.001, subject="copy", codes=""), method=m)
                          for m, v in (("lord", 0.1), ("drnet", 0.2))])  # fmt: skip
        (board,) = boards(rows)
        assert {row.texts[0]: row.entries[0].mark for row in board.rows} == {
            "drnet": "", "lord": "best", "floor: copy of B": "",
        }  # fmt: skip

    def test_groups_are_not_compared(self):
        made = boards(pd.concat([cell(measured(0.1)), cell(measured(0.2), dataset="cars")]))
        assert [board.rows[0].entries[0].mark for board in made] == ["", ""]


class TestNotes:
    def test_a_column_without_values_is_left_out_with_a_note(self):
        (board,) = boards(three_methods())
        assert board.columns == ("LPIPS ↓",)
        assert board.notes == ("FID: fid: no weights `inception`",)

    def test_a_note_on_some_rows_names_them(self):
        lacking = cell(measured(None, note="out of memory"), method="drnet")
        rows = pd.concat([cell(measured(0.1), method="lord"), lacking, cell(measured(0.2), method="mlvae")])
        (board,) = boards(rows)
        assert board.notes == ("LPIPS (drnet): out of memory",)
        assert "drnet" not in [row.texts[0] for row in board.rows]

    def test_the_larger_half_width_is_shown(self):
        assert Entry(0.5, 0.4, 0.8).half_width == pytest.approx(0.3)

    def test_other_metrics_make_no_table(self):
        rows = cell(measured(0.1, metric="homemade"))
        assert boards(rows) == []
        assert rich_leaderboard(rows) == []
        assert "homemade" in render(rows, "csv")

    def test_a_column_of_each_direction_is_expanded(self):
        rows = cell(*(
            measured(value, experiment="clustered-domain", subject=f"transfer of paired style, {way}")
            for way, value in (("b to a", 0.1), ("a to b", 0.2))
        ))  # fmt: skip
        (board,) = boards(rows)
        assert board.columns == ("LPIPS a to b ↓", "LPIPS b to a ↓")
        assert [entry.value for entry in board.rows[0].entries] == [0.2, 0.1]

    def test_seeds_are_counted_where_there_are_several(self):
        assert boards(cell())[0].header == ("method", "LPIPS ↓")
        (board,) = boards(pd.concat([cell(), cell(seed=1), cell(method="drnet")]))
        assert board.header == ("method", "seeds", "LPIPS ↓")
        assert [row.texts for row in board.rows] == [("drnet", "1"), ("lord", "2")]


class TestTerminal:
    def test_signs_do_not_depend_on_colour(self):
        text = printed(three_methods())
        assert "\x1b" not in text
        for part in ("0.100 *", "0.130 ≈", "±0.020", "mlvae[a_b=1]", "floor: copy of B", "no weights"):
            assert part in text

    @pytest.mark.parametrize("width", [40, 100])
    def test_no_line_is_wider_than_the_terminal(self, width):
        assert max(map(len, printed(three_methods(), width).splitlines())) <= width


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(-4e-6, 4, "0.0000"), (-0.04, 1, "0.0"), (-0.06, 1, "-0.1"), (29.26, 1, "29.3")],
)
def test_a_rounded_zero_has_no_sign(value: float, digits: int, text: str) -> None:
    assert number(value, digits) == text


class TestText:
    def test_csv_comes_back_as_it_was(self):
        rows = three_methods()
        text = render(rows, "csv")
        missing = {"keep_default_na": False, "na_values": {"": [""]}}
        read = pd.read_csv(io.StringIO(text), float_precision="round_trip", **missing)
        expected = wide(aggregate(rows))
        assert list(read.columns) == list(expected.columns)
        for name in expected.columns[7:]:
            np.testing.assert_array_equal(pd.to_numeric(read[name]), expected[name])
        assert list(read["method"]) == list(expected["method"])

    def test_markdown(self):
        table = render(three_methods(), "markdown").split("\n\n")
        assert table[0] == "### squares, samples split, preset smoke: content transfer and reconstruction"
        assert table[1].splitlines() == [
            "| method | LPIPS ↓ |",
            "| --- | ---: |",
            "| drnet | 0.130 ±0.020 ≈ |",
            "| lord | **0.100 ±0.020** \\* |",
            "| mlvae[a_b=1] | 0.300 ±0.020 |",
            "| floor: copy of B | 0.400 ±0.010 |",
        ]
        assert table[2] == "- FID: fid: no weights `inception`"

    def test_latex_underlines_the_second(self):
        rows = pd.concat([cell(measured(v, 0.0), method=m) for m, v in (("a", 0.1), ("b", 0.2), ("c", 0.3))])
        assert r"b & \underline{0.200}" in render(rows, "latex")
