"""Merged rows in one file: CSV that can be merged again, or Parquet with typed columns."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from commandline import Run
from synthetic import cell, measured

from lordbench.results.leaderboard import collect
from lordbench.results.rows import COLUMNS, write_tidy
from lordbench.utils.errors import UserError


@pytest.fixture
def rows(tmp_path: Path) -> pd.DataFrame:
    """Rows of two files, merged: with and without value, interval and direction of merit."""
    texts = {"cell": "0000000000000012", "data_fingerprint": "123", "method": "NA", "dataset": "1e3"}
    cell(measured(1 / 3), measured(None, metric="fid", note="none"), **texts).to_csv(tmp_path / "a.csv")
    cell(measured(0.5, None, metric="chance", higher_is_better=None), seed=1).to_csv(tmp_path / "b.csv")
    return collect([tmp_path / "a.csv", tmp_path / "b.csv"])


def test_csv_is_unchanged_when_merged_again(rows: pd.DataFrame, tmp_path: Path) -> None:
    write_tidy(rows, tmp_path / "rows.csv")
    pd.testing.assert_frame_equal(collect([tmp_path / "rows.csv"]), rows, check_exact=True)


def test_parquet_keeps_values_and_types(rows: pd.DataFrame, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    write_tidy(rows, tmp_path / "rows.parquet")
    read = pd.read_parquet(tmp_path / "rows.parquet")
    assert tuple(read.columns) == COLUMNS
    expected = {"value": "float64", "train_seconds": "float64", "n": "int64", "higher_is_better": "boolean"}
    assert {name: str(read[name].dtype) for name in expected} == expected
    assert list(read["cell"]) == list(rows["cell"])
    for name in ("value", "ci_low", "ci_high"):
        pd.testing.assert_series_equal(read[name], rows[name], check_exact=True)
    assert read["higher_is_better"].isna().sum() == 1


def test_without_pyarrow_it_says_what_to_install(
    rows: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lordbench.utils.errors.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pyarrow") as caught:
        write_tidy(rows, tmp_path / "rows.parquet")
    assert "lordbench[parquet]" in caught.value.hint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv"]


def test_another_ending_is_refused(rows: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"rows\.xlsx: unknown kind of file") as caught:
        write_tidy(rows, tmp_path / "rows.xlsx")
    assert ".csv or .parquet" in caught.value.hint


def test_the_leaderboard_writes_it_beside_the_wide_table(run: Run) -> None:
    cell().to_csv("rows.csv", index=False)
    assert run("leaderboard", "rows.csv", "--format", "csv", "--out", "wide.csv", "--tidy", "tidy.csv") == 0
    assert len(pd.read_csv("wide.csv")) == 1
    pd.testing.assert_frame_equal(collect([Path("tidy.csv")]), collect([Path("rows.csv")]))


def test_a_wrong_name_leaves_nothing_behind(run: Run) -> None:
    cell().to_csv("rows.csv", index=False)
    assert run("leaderboard", "rows.csv", "--metric", "lpisp", "--out", "wide.md", "--tidy", "tidy.csv") == 2
    assert run("leaderboard", "rows.csv", "--out", "wide.md", "--tidy", "tidy.xlsx") == 2
    assert not Path("wide.md").exists()
    assert not list(Path().glob("tidy.*"))
