"""Seeds are counted for what is shown: a metric that some seeds lack is not the best, and says so."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
from synthetic import cell, measured

from lordbench.report.boards import boards
from lordbench.report.differences import difference_boards
from lordbench.report.leaderboard import render
from lordbench.report.pivot import Pivot
from lordbench.results.differences import differences
from lordbench.results.leaderboard import aggregate
from lordbench.results.loading import SampleFiles

LACKS = measured(None, metric="lpips", note="no weights")
LPIPS = Pivot(metrics=("lpips",))


def rows(better: str = "lord", *, recorded: bool = True) -> pd.DataFrame:
    """Two methods with three seeds; `better` has LPIPS for the first only, and there it is the best.

    Where it has none, the row says so; not `recorded`: there is no row.
    """
    tables = []
    for method in ("drnet", "lord"):
        for seed in range(3):
            lacks = method == better and seed > 0
            lpips = LACKS if lacks else measured(0.1 if method == better else 0.5 + seed / 10)
            l1 = measured(0.2 + seed / 100, metric="l1")
            given = [l1] if lacks and not recorded else [l1, lpips]
            tables.append(cell(*given, method=method, seed=seed))
    return pd.concat(tables, ignore_index=True)


@pytest.mark.parametrize("recorded", [True, False])
class TestOneMetric:
    def test_the_csv_counts_its_seeds(self, recorded: bool) -> None:
        table = pd.read_csv(io.StringIO(render(rows(recorded=recorded), "csv", pivot=LPIPS)))
        counts = dict(zip(table["method"], table["n_seeds"], strict=True))
        assert counts == {"drnet": 3, "lord": 1}
        (note,) = table.loc[table["method"] == "lord", "notes"]
        assert "mean of 1 of 3 seeds" in note

    @pytest.mark.parametrize("form", ["markdown", "latex"])
    def test_every_format_counts_and_notes_them(self, recorded: bool, form: str) -> None:
        text = render(rows(recorded=recorded), form, pivot=LPIPS)
        assert ("| lord | 1 |" if form == "markdown" else "lord & 1 &") in text
        assert "mean of 1 of 3 seeds; better than *, but from fewer seeds" in text

    def test_the_star_goes_to_a_value_with_all_seeds(self, recorded: bool) -> None:
        (board,) = LPIPS.boards(rows(recorded=recorded))
        assert {row.texts[0]: row.entries[0].mark for row in board.rows} == {"drnet": "best", "lord": ""}

    def test_so_does_that_of_the_headline_tables(self, recorded: bool) -> None:
        (board,) = boards(rows(recorded=recorded))
        assert {row.texts[0]: row.entries[0].mark for row in board.rows} == {"drnet": "best", "lord": ""}
        assert any("mean of 1 of 3 seeds" in note for note in board.notes)

    def test_differences_are_from_it(self, recorded: bool, tmp_path: Path) -> None:
        results = rows(recorded=recorded)
        compared = differences(results, SampleFiles([tmp_path]))
        (board,) = difference_boards(results, compared)
        assert {row.texts[0]: row.entries[0].mark for row in board.rows}["drnet"] == "best"
        (one,) = compared.query("metric == 'lpips'").to_dict("records")
        assert (one["n_seeds"], one["verdict"]) == (1, "")
        assert "mean of 1 of 3 seeds" in one["note"]


def test_a_metric_that_no_method_lacks_keeps_its_count() -> None:
    (board,) = Pivot(metrics=("l1",)).boards(rows())
    assert {row.texts[0]: row.texts[1] for row in board.rows} == {"drnet": "3", "lord": "3"}
    assert board.notes == ()


def test_of_two_metrics_the_one_with_fewer_is_noted() -> None:
    table = Pivot(metrics=("lpips", "l1")).wide(rows()).set_index("method")
    assert table.loc["lord", "n_seeds"] == 3
    assert "lpips: no weights; mean of 1 of 3 seeds" in table.loc["lord", "notes"]


def test_a_single_seed_may_be_close_to_the_best_but_not_it() -> None:
    close = pd.concat(
        [cell(measured(0.3, 0.5)), *(cell(measured(0.31), method="drnet", seed=s) for s in (0, 1))]
    )
    (board,) = LPIPS.boards(close)
    assert {row.texts[0]: row.entries[0].mark for row in board.rows} == {"drnet": "best", "lord": "tied"}


def test_only_the_chosen_metric_makes_columns() -> None:
    """SSIM has been measured on another data set, too: that is no column of LPIPS."""
    other = cell(measured(0.9, metric="ssim", higher_is_better=True), dataset="faces")
    (board,) = LPIPS.boards(pd.concat([rows(), other], ignore_index=True))
    assert board.columns == ("LPIPS ↓",)


def test_with_equal_seeds_nothing_is_noted() -> None:
    assert not aggregate(rows().query("seed == 0"))["notes"].any()
