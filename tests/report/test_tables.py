"""Tables: marks, notes, and each format."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from synthetic import cell, measured, without_samples

from lordbench.report.boards import boards
from lordbench.report.leaderboard import all_tables, render
from lordbench.report.tables import Entry, number
from lordbench.report.terminal import TerminalTable
from lordbench.results.leaderboard import aggregate, wide
from lordbench.results.marks import marked

FID = {"metric": "fid", "note": "fid: no weights `inception`"}


def three_methods() -> pd.DataFrame:
    floor = measured(0.4, subject="copy", codes="")
    return pd.concat([
        cell(measured(0.10, 0.02), measured(None, **FID), floor, method="lord"),
        cell(measured(0.13, 0.02), measured(None, **FID), floor, method="drnet"),
        cell(measured(0.30, 0.02), measured(None, **FID), floor, method="mlvae", variant="a_b=1"),
    ])  # fmt: skip


def trained() -> pd.DataFrame:
    """LPIPS over three seeds, of which one training of `unstable` has collapsed, and of a floor."""
    shape = {"experiment": "reconstruction", "subject": "reconstruction", "metric": "collapsed"}
    shifts = {"a": (0.10, 0.11, 0.12), "b": (0.102, 0.115, 0.116), "c": (0.3, 0.31, 0.32),
              "worse": (0.5, 0.51, 0.52), "unstable": (0.01, 0.9, 0.01)}  # fmt: skip
    return pd.concat([
        cell(
            measured(value, None),
            measured(float(value == 0.9), None, higher_is_better=None, **shape),
            measured(0.4 + 0.01 * seed, None, subject="copy", codes=""),
            method=method, seed=seed,
        )
        for method, values in shifts.items() for seed, value in enumerate(values)
    ])  # fmt: skip


def printed(rows: pd.DataFrame, width: int = 100) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width).print(
        *map(TerminalTable, all_tables(rows, without_samples(rows))), sep="\n"
    )
    return stream.getvalue()


class TestNotes:
    def test_a_column_without_values_is_left_out_with_a_note(self):
        (board,) = boards(three_methods(), without_samples(three_methods()))
        assert board.columns == ("LPIPS ↓",)
        assert board.notes == ("FID: fid: no weights `inception`",)

    def test_a_note_on_some_rows_names_them(self):
        lacking = cell(measured(None, note="out of memory"), method="drnet")
        rows = pd.concat([cell(measured(0.1), method="lord"), lacking, cell(measured(0.2), method="mlvae")])
        (board,) = boards(rows, without_samples(rows))
        assert board.notes == ("LPIPS (drnet): out of memory",)
        assert "drnet" not in [row.texts[0] for row in board.rows]

    def test_the_larger_half_width_is_shown(self):
        assert Entry(0.5, 0.4, 0.8).half_width == pytest.approx(0.3)

    def test_other_metrics_make_no_table(self):
        rows = cell(measured(0.1, metric="homemade"))
        assert boards(rows, without_samples(rows)) == []
        assert all_tables(rows, without_samples(rows)) == []
        assert "homemade" in render(rows, "csv", without_samples(rows))

    def test_a_column_of_each_direction_is_expanded(self):
        rows = cell(*(
            measured(
                value, experiment="clustered-domain", subject=f"transfer of paired style, {way}", metric="l1"
            )
            for way, value in (("b to a", 0.1), ("a to b", 0.2))
        ))  # fmt: skip
        (board,) = boards(rows, without_samples(rows))
        assert board.columns == ("L1 a to b ↓", "L1 b to a ↓")
        assert [entry.value for entry in board.rows[0].entries] == [0.2, 0.1]

    def test_seeds_are_counted_where_there_are_several(self):
        assert boards(cell(), without_samples(cell()))[0].header == ("method", "LPIPS ↓")
        rows = pd.concat([cell(), cell(seed=1), cell(method="drnet")])
        (board,) = boards(rows, without_samples(rows))
        assert board.header == ("method", "seeds", "LPIPS ↓")
        assert [row.texts for row in board.rows] == [("drnet", "1"), ("lord", "2")]


class TestTerminal:
    def test_signs_do_not_depend_on_colour(self):
        text = printed(three_methods())
        assert "\x1b" not in text
        for part in ("0.100 *", "0.130 ?", "±0.020", "mlvae[a_b=1]", "floor: copy of B", "no weights"):
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
        text = render(rows, "csv", without_samples(rows))
        missing = {"keep_default_na": False, "na_values": {"": [""]}}
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # pandas >= 3.1
            read = pd.read_csv(io.StringIO(text), float_precision="round_trip", **missing)
        expected = wide(marked(aggregate(rows), without_samples(rows)))
        assert list(read.columns) == list(expected.columns)
        for name in expected.columns[8:]:
            if name.endswith("_mark"):
                assert list(read[name].fillna("")) == list(expected[name].fillna(""))
            else:
                np.testing.assert_array_equal(pd.to_numeric(read[name]), expected[name])
        assert list(read["method"]) == list(expected["method"])

    def test_markdown(self):
        table = render(three_methods(), "markdown", without_samples(three_methods())).split("\n\n")
        assert table[0] == "### squares, samples split, preset quick: content transfer and reconstruction"
        assert table[1].splitlines() == [
            "| method | LPIPS ↓ |",
            "| --- | ---: |",
            "| drnet | 0.130 ±0.020 ? |",
            "| lord | **0.100 ±0.020** \\* |",
            "| mlvae[a_b=1] | 0.300 ±0.020 ? |",
            "| floor: copy of B | 0.400 ±0.010 |",
        ]
        assert table[2] == "- FID: fid: no weights `inception`"

    @pytest.mark.parametrize(
        ("format_", "best", "tied", "floor", "collapsed"),
        [
            ("markdown", "**0.110 ±0.025** \\*", "0.111 ±0.019 ≈", "0.510 ±0.025 ▽", "0.010 ±0.000 †"),
            (
                "latex",
                r"\textbf{0.110}",
                r"0.111$^{\approx}$",
                r"0.510$^{\bigtriangledown}$",
                r"0.010$^{\dagger}$",
            ),
        ],
    )
    def test_every_mark(self, format_: str, best: str, tied: str, floor: str, collapsed: str):
        text = render(trained(), format_, without_samples(trained()))
        for part in (best, tied, floor, collapsed, "0.310"):
            assert part in text, part
        assert "3 (+0" not in text
        assert ("2 (+1 †)" if format_ == "markdown" else r"2 (+1 $\dagger$)") in text
        assert "collapsed: seed 1, not averaged" in text


def test_a_table_without_a_value_says_why() -> None:
    missing = measured(None, **FID)
    rows = pd.concat([cell(missing, method="lord"), cell(missing, method="drnet")])
    (table,) = boards(rows, without_samples(rows))
    assert not table.header
    assert table.notes == (f"FID: {FID['note']}",)
    assert "tabular" not in render(rows, "latex", without_samples(rows))
    assert FID["note"] in render(rows, "markdown", without_samples(rows))
