"""Pivot tables: rows as requested, columns for all else that differs, and only seeds are averaged."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commandline import Run
from synthetic import cell, measured, without_samples

from lordbench.report.boards import boards
from lordbench.report.leaderboard import render
from lordbench.report.pivot import Pivot
from lordbench.report.tables import Row, Table
from lordbench.utils.errors import UserError

LPIPS = "content-transfer/encoded/transfer/lpips"
FLOOR = measured(0.01, subject="copy", codes="")


def several() -> pd.DataFrame:
    """Two methods on two data sets, with two seeds on one of them; LPIPS, SSIM, and floors that beat all."""
    values = {
        ("lord", "cars", 0): 0.1, ("lord", "cars", 1): 0.2,
        ("drnet", "cars", 0): 0.3, ("drnet", "cars", 1): 0.4,
        ("lord", "faces", 0): 0.8, ("drnet", "faces", 0): 0.7,
    }  # fmt: skip
    return pd.concat([
        cell(measured(value), measured(1 - value, metric="ssim", higher_is_better=True), FLOOR,
             method=method, dataset=dataset, seed=seed)
        for (method, dataset, seed), value in values.items()
    ], ignore_index=True)  # fmt: skip


def read(group_by: str | None, *metrics: str) -> Pivot:
    pivot = Pivot.read(group_by, metrics)
    assert pivot is not None
    return pivot


def names(board: Table, row: Row) -> tuple[str, ...]:
    titles = board.header[: len(row.texts)]
    return tuple(text for title, text in zip(titles, row.texts, strict=True) if title != "seeds")


def shown(board: Table) -> dict[tuple[str, ...], list[float | None]]:
    values = {names(board, row): [entry.value for entry in row.entries] for row in board.rows}
    return {key: [None if v is None else round(v, 6) for v in row] for key, row in values.items()}


def made(pivot: Pivot, rows: pd.DataFrame) -> list[Table]:
    return pivot.boards(rows, without_samples(rows, *pivot.apart))


def marks(board: Table) -> dict[tuple[str, ...], list[str]]:
    return {names(board, row): [entry.mark for entry in row.entries] for row in board.rows}


class TestLayout:
    def test_methods_in_rows_and_data_sets_in_columns(self) -> None:
        (board,) = made(read("method", "lpips"), several())
        assert board.title == "samples split, preset quick: LPIPS"
        assert board.header == ("method", "seeds", "cars ↓", "faces ↓")
        assert shown(board) == {
            ("drnet",): [0.35, 0.7], ("lord",): [0.15, 0.8], ("floor: copy of B",): [0.01, 0.01],
        }  # fmt: skip
        assert board.rules == {2}

    def test_data_sets_in_rows_and_methods_in_columns(self) -> None:
        (board,) = made(read("dataset", "lpips"), several())
        assert board.columns == ("drnet ↓", "lord ↓", "floor: copy of B ↓")
        assert shown(board) == {("cars",): [0.35, 0.15, 0.01], ("faces",): [0.7, 0.8, 0.01]}
        assert not board.rules

    def test_rows_with_two_names_leave_the_metrics_in_columns(self) -> None:
        (board,) = made(read("dataset,method", "lpips", "ssim"), several())
        assert board.header == ("dataset", "method", "seeds", "LPIPS ↓", "SSIM ↑")
        assert list(shown(board)) == [
            ("cars", "drnet"), ("cars", "lord"), ("faces", "drnet"), ("faces", "lord"),
            ("cars", "floor: copy of B"), ("faces", "floor: copy of B"),
        ]  # fmt: skip
        assert shown(board)["faces", "lord"] == [0.8, 0.2]

    def test_seeds_are_averaged_unless_they_name_rows(self) -> None:
        cars = several().query("dataset == 'cars'")
        (board,) = made(read("seed", "lpips"), cars)
        assert board.header == ("seed", "drnet ↓", "lord ↓", "floor: copy of B ↓")
        assert shown(board) == {("0",): [0.3, 0.1, 0.01], ("1",): [0.4, 0.2, 0.01]}
        (board,) = made(read("method,seed", "lpips"), cars)
        assert shown(board)["lord", "1"] == [0.2]
        assert board.rows[0].entries[0].half_width == pytest.approx(0.01)

    def test_a_split_a_preset_or_a_setting_is_never_averaged_over(self) -> None:
        others = [{"split": "classes"}, {"preset": "paper"}, {"data_settings": "n=2"}]
        rows = pd.concat([cell(measured(0.1)), *(cell(measured(0.5), **other) for other in others)])
        (board,) = made(read("method", "lpips"), rows)
        assert board.columns == (
            "squares, classes split, preset quick ↓", "squares, samples split, preset quick ↓",
            "squares, samples split, preset paper ↓", "squares[n=2], samples split, preset quick ↓",
        )  # fmt: skip
        assert shown(board) == {("lord",): [0.5, 0.1, 0.5, 0.5]}

    def test_several_metrics_make_a_table_each_if_data_sets_are_in_columns(self) -> None:
        tables = made(read("method", "lpips", "ssim"), several())
        assert [board.title for board in tables] == [
            f"samples split, preset quick: {name}" for name in ("LPIPS", "SSIM")
        ]
        assert [board.columns[0] for board in tables] == ["cars ↓", "cars ↑"]

    def test_of_one_group_it_is_the_headline_table_of_these_metrics(self) -> None:
        rows = several().query("dataset == 'cars'")
        (board,) = made(read(None, "ssim", "lpips"), rows)
        (headline,) = boards(rows, without_samples(rows))
        assert board.rows == headline.rows
        assert board.columns == headline.columns

    def test_without_metrics_it_has_the_headline_metrics(self) -> None:
        titles = [board.title for board in made(read("dataset"), several())]
        section = "samples split, preset quick: content transfer and reconstruction"
        assert titles == [f"{section}: SSIM", f"{section}: LPIPS"]


class TestMarks:
    def test_methods_are_compared_on_one_data_set_in_rows_and_in_columns(self) -> None:
        rows = several().assign(
            ci_low=float("nan"), ci_high=float("nan"), seed=0, cell=lambda t: t.index // 3
        )
        rows = rows.assign(cell=rows["cell"].astype(str)).query("cell not in ('1', '3') and codes != ''")
        down, across = (made(read(by, "lpips"), rows)[0] for by in ("method", "dataset"))
        assert marks(down) == {
            ("drnet",): ["no interval", "best"], ("lord",): ["best", "no interval"],
        }  # fmt: skip
        assert marks(across) == {("cars",): ["no interval", "best"], ("faces",): ["best", "no interval"]}

    def test_seeds_are_not_compared_with_each_other(self) -> None:
        rows = several().query("dataset == 'cars' and codes != ''")
        (board,) = made(read("seed", "lpips"), rows)
        assert marks(board) == {("0",): ["no interval", "best"], ("1",): ["no interval", "best"]}


class TestOutput:
    def test_fewer_seeds_than_in_other_columns_are_noted(self) -> None:
        (board,) = made(read("method", "lpips"), several())
        assert board.notes == ("faces: 1 of 2 seeds",)

    def test_every_format_has_it(self) -> None:
        pivot = read("dataset,method", "lpips")
        text = render(several(), "markdown", without_samples(several()), pivot)
        assert "| dataset | method | seeds | LPIPS ↓ |\n| --- | --- | ---: | ---: |" in text
        assert "| faces | drnet | 1 | 0.700 ±0.010 ▽ |" in text
        assert r"faces & drnet & 1 & 0.700$^{\bigtriangledown}$" in render(
            several(), "latex", without_samples(several()), pivot
        )

    def test_csv_has_all_values_of_each_row(self) -> None:
        table = pd.read_csv(
            io.StringIO(render(several(), "csv", without_samples(several()), read("method", "lpips", "ssim")))
        )
        assert list(table)[:8] == [
            "split", "preset", "method", "n_seeds", "n_collapsed", "notes", f"cars: {LPIPS}",
            f"cars: {LPIPS}_ci_low",
        ]  # fmt: skip
        assert list(table["method"]) == ["drnet", "lord", "floor: copy of B"]
        np.testing.assert_allclose(table[f"faces: {LPIPS}"], [0.7, 0.8, 0.01])
        np.testing.assert_allclose(table[f"faces: {LPIPS}_ci_high"], [0.71, 0.81, 0.02])
        table = read("dataset,method", "lpips").wide(several(), without_samples(several()))
        names = ["dataset", "split", "preset", "method", "n_seeds", "n_collapsed", "notes", LPIPS]
        assert list(table)[:8] == names


class TestNames:
    def rows(self) -> pd.DataFrame:
        places = [
            ("content-transfer", "learned", "transfer"),
            ("reconstruction", "learned", "reconstruction"),
            ("reconstruction", "encoded", "reconstruction"),
        ]
        others = [measured(0.5, experiment=e, codes=c, subject=s) for e, c, s in places]
        return cell(measured(), *others, measured(None, metric="fid", note="no weights"))

    @pytest.mark.parametrize(
        ("name", "columns"),
        [
            ("lpips", ("LPIPS ↓",)),
            (LPIPS, ("LPIPS ↓",)),
            ("learned/transfer/lpips", ("LPIPS (learned) ↓",)),
            ("reconstruction/lpips", ("recon. LPIPS ↓", "recon. LPIPS (learned) ↓")),
        ],
    )  # fmt: skip
    def test_a_part_of_a_path_selects_a_quantity(self, name: str, columns: tuple[str, ...]) -> None:
        (board,) = made(read(None, name), self.rows())
        assert board.columns == columns

    def test_a_metric_alone_is_that_of_the_encoded_transfer_or_of_the_first_experiment(self) -> None:
        rows = self.rows().assign(metric=lambda table: table["metric"].replace("lpips", "psnr"))
        (board,) = made(read(None, "psnr"), rows)
        assert board.columns == ("PSNR ↓",)
        (board,) = made(read(None, "psnr"), rows[rows["experiment"] == "reconstruction"])
        assert board.columns == ("recon. PSNR ↓", "recon. PSNR (learned) ↓")

    def test_titles_that_are_not_unique_are_full_names(self) -> None:
        probes = [
            measured(0.5, experiment="leakage", subject="class from class", metric=f"homemade.{name}")
            for name in ("accuracy", "normalized")
        ]
        (board,) = made(read(None, "homemade.accuracy", "homemade.normalized"), cell(*probes))
        assert board.columns == tuple(
            f"leakage/encoded/class from class/homemade.{name} ↓" for name in ("accuracy", "normalized")
        )

    @pytest.mark.parametrize("name", ["lpisp", "transfer/encoded/lpips", "lpips/transfer", ""])
    def test_an_unknown_name_is_refused(self, name: str) -> None:
        with pytest.raises(UserError, match="no such quantity") as caught:
            made(read(None, name), self.rows())
        assert "lpips" in str(caught.value)

    def test_a_quantity_without_values_is_refused(self) -> None:
        with pytest.raises(UserError, match="fid: it has no value"):
            made(read(None, "fid"), self.rows())

    def test_rows_cannot_be_grouped_by_another_column(self) -> None:
        with pytest.raises(UserError, match="no column 'metod': did you mean method"):
            Pivot.read("dataset,metod", ())
        with pytest.raises(UserError, match="no column ''"):
            Pivot.read("", ())


class TestCommand:
    def test_it_prints_and_writes(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        several().to_csv("rows.csv", index=False)
        assert run("leaderboard", "rows.csv", "--metric", "lpips", "--group-by", "dataset") == 0
        out = capsys.readouterr().out
        assert "faces" in out
        assert "mean rank" not in out
        assert (
            run("leaderboard", "rows.csv", "--group-by", "seed", "--format", "csv", "--out", "seeds.csv") == 0
        )
        assert list(pd.read_csv("seeds.csv")["seed"]) == [0, 1]

    def test_bad_names_exit_with_2(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        several().to_csv("rows.csv", index=False)
        assert run("leaderboard", "rows.csv", "--metric", "lpip", "--out", "table.md") == 2
        assert "did you mean lpips" in capsys.readouterr().err
        assert not Path("table.md").exists()
