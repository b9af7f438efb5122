"""Seeds are counted for what is shown: a metric that some seeds lack is not the best, and says so."""

from __future__ import annotations

import io
from functools import partial

import pandas as pd
import pytest
from synthetic import cell, measured, without_samples

from lordbench.report.boards import boards
from lordbench.report.leaderboard import render
from lordbench.report.pivot import Pivot
from lordbench.report.tables import Table
from lordbench.results.leaderboard import aggregate

l1_of = partial(measured, metric="l1")
LACKS = l1_of(None, note="no weights")
LACKS_FID = measured(None, metric="fid", note="no weights")
COLLAPSED = {"experiment": "reconstruction", "subject": "reconstruction", "metric": "collapsed"}
L1 = Pivot(metrics=("l1",))


def rows(better: str = "lord", *, recorded: bool = True) -> pd.DataFrame:
    """Two methods with three seeds; `better` has L1 for the first only, and there it is the best.

    Where it has none, the row says so; not `recorded`: there is no row.
    """
    tables = []
    for method in ("drnet", "lord"):
        for seed in range(3):
            lacks = method == better and seed > 0
            l1 = LACKS if lacks else l1_of(0.1 if method == better else 0.5 + seed / 10)
            ssim = measured(0.2 + seed / 100, metric="ssim")
            given = [ssim] if lacks and not recorded else [ssim, l1]
            tables.append(cell(*given, method=method, seed=seed))
    return pd.concat(tables, ignore_index=True)


def marks(table: Table) -> dict[str, str]:
    return {row.texts[0]: row.entries[0].mark for row in table.rows}


@pytest.mark.parametrize("recorded", [True, False])
class TestOneMetric:
    def test_the_csv_counts_its_seeds(self, recorded: bool) -> None:
        results = rows(recorded=recorded)
        table = pd.read_csv(io.StringIO(render(results, "csv", without_samples(results), L1)))
        counts = dict(zip(table["method"], table["n_seeds"], strict=True))
        assert counts == {"drnet": 3, "lord": 1}
        (note,) = table.loc[table["method"] == "lord", "notes"]
        assert "mean of 1 of 3 seeds" in note

    @pytest.mark.parametrize("form", ["markdown", "latex"])
    def test_every_format_counts_and_notes_them(self, recorded: bool, form: str) -> None:
        results = rows(recorded=recorded)
        text = render(results, form, without_samples(results), L1)
        assert ("| lord | 1 |" if form == "markdown" else "lord & 1 &") in text
        assert "mean of 1 of 3 seeds; better than *, but from fewer seeds" in text

    def test_the_star_goes_to_a_value_with_all_seeds(self, recorded: bool) -> None:
        results = rows(recorded=recorded)
        (board,) = L1.boards(results, without_samples(results))
        assert marks(board) == {"drnet": "best", "lord": "no interval"}

    def test_so_does_that_of_the_headline_tables(self, recorded: bool) -> None:
        results = rows(recorded=recorded)
        (board,) = boards(results, without_samples(results))
        assert marks(board) == {"drnet": "best", "lord": "no interval"}
        assert any("mean of 1 of 3 seeds" in note for note in board.notes)

    def test_differences_count_them(self, recorded: bool) -> None:
        compared = without_samples(rows(recorded=recorded))
        (one,) = compared.table.query("metric == 'l1'").to_dict("records")
        assert (one["n_seeds"], one["verdict"]) == (1, "")
        assert "mean of 1 of 3 seeds" in one["note"]


@pytest.mark.parametrize("recorded", [True, False])
class TestCollapsed:
    """A collapsed training is counted apart, even where it has no row of a quantity, and is not missing."""

    def rows(self, recorded: bool) -> pd.DataFrame:
        verdict = {"higher_is_better": None, "reach": None, **COLLAPSED}
        lost = [l1_of(0.9)] if recorded else []
        return pd.concat([
            *(cell(l1_of(0.5 + seed / 10), measured(0.0, **verdict), method="drnet", seed=seed)
              for seed in range(3)),
            *(cell(l1_of(0.1 + seed / 10), measured(0.0, **verdict), seed=seed) for seed in range(2)),
            cell(*lost, measured(1.0, **verdict), seed=2),
        ], ignore_index=True)  # fmt: skip

    def test_is_counted_and_never_starred(self, recorded: bool) -> None:
        results = self.rows(recorded)
        (board,) = L1.boards(results, without_samples(results))
        assert marks(board) == {"drnet": "best", "lord": "collapsed"}
        assert [row.texts for row in board.rows] == [("drnet", "3"), ("lord", "2 (+1 †)")]
        assert board.notes == ("L1 (lord): collapsed: seed 2, not averaged",)

    def test_is_not_missing_in_other_columns(self, recorded: bool) -> None:
        """All three seeds were run on both data sets."""
        faces = [cell(l1_of(0.5), method="lord", dataset="faces", seed=seed) for seed in range(3)]
        results = pd.concat([self.rows(recorded), *faces], ignore_index=True)
        (board,) = L1.boards(results, without_samples(results))
        assert board.columns == ("faces ↓", "squares ↓")
        assert board.notes == ("squares (lord): collapsed: seed 2, not averaged",)


def test_if_all_have_collapsed_no_value_is_said_to_be_left_out() -> None:
    verdict = measured(1.0, None, **COLLAPSED, higher_is_better=None)
    lost = pd.concat([cell(l1_of(0.9), LACKS_FID, verdict, seed=seed) for seed in range(2)])
    (board,) = boards(lost, without_samples(lost))
    assert board.notes == (
        "L1: collapsed: seed 0, 1", "FID: no weights; collapsed: seed 0, 1",
    )  # fmt: skip


def test_a_metric_that_no_method_lacks_keeps_its_count() -> None:
    (board,) = Pivot(metrics=("ssim",)).boards(rows(), without_samples(rows()))
    assert {row.texts[0]: row.texts[1] for row in board.rows} == {"drnet": "3", "lord": "3"}
    assert board.notes == ()


def test_of_two_metrics_the_one_with_fewer_is_noted() -> None:
    table = Pivot(metrics=("l1", "ssim")).wide(rows(), without_samples(rows())).set_index("method")
    assert table.loc["lord", "n_seeds"] == 3
    assert "l1: no weights; mean of 1 of 3 seeds" in table.loc["lord", "notes"]


def test_only_the_chosen_metric_makes_columns() -> None:
    """FID has been measured on another data set, too: that is no column of L1."""
    other = cell(measured(0.9, metric="fid"), dataset="faces")
    results = pd.concat([rows(), other], ignore_index=True)
    (board,) = L1.boards(results, without_samples(results))
    assert board.columns == ("L1 ↓",)


def test_with_equal_seeds_nothing_is_noted() -> None:
    assert not aggregate(rows().query("seed == 0"))["notes"].any()
