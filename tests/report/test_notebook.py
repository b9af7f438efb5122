"""Results in Python: the same tables and figures as by the commands, as objects that a notebook shows."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commandline import Run
from reporting import made_up_run

import lordbench
from lordbench.cli.figure import figure as figure_group
from lordbench.report import figure_kinds
from lordbench.report.figure_kinds import KINDS
from lordbench.utils.errors import UserError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_run(tmp_path_factory.mktemp("results") / "runs", {"lord": 0.1, "drnet": 0.2})


def printed(run: Run, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run(*arguments) == 0
    return capsys.readouterr().out


class TestLeaderboard:
    def test_tables_and_numbers_are_those_of_the_command(
        self, folder: Path, run: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        board = lordbench.leaderboard(folder)
        command = ("leaderboard", str(folder), "--format")
        assert board.markdown.endswith(printed(run, capsys, *command, "markdown"))
        assert board.frame.to_csv(index=False) == printed(run, capsys, *command, "csv")

    def test_begins_with_the_verdict(self, folder: Path) -> None:
        board = lordbench.leaderboard(folder)
        assert "Best: lord in" in board.verdict[0]
        assert board.markdown.startswith(board.verdict[0])

    @pytest.mark.parametrize("group_by", ["method,seed", ["method", "seed"]])
    def test_pivots_by_texts_or_lists(
        self, folder: Path, run: Run, capsys: pytest.CaptureFixture[str], group_by: str | list[str]
    ) -> None:
        board = lordbench.leaderboard(folder, metrics="lpips", group_by=group_by)
        options = ("--metric", "lpips", "--group-by", "method,seed", "--format", "markdown")
        assert board.markdown == printed(run, capsys, "leaderboard", str(folder), *options)
        assert not board.verdict

    def test_is_a_line_as_text_and_tables_in_a_notebook(self, folder: Path) -> None:
        board = lordbench.leaderboard(folder)
        assert repr(board) == "leaderboard: 2 methods on squares; seeds 0, 1"
        assert str(board) == board.markdown == board._repr_markdown_()

    def test_reads_runs_if_no_folder_is_named(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(folder.parent)
        assert lordbench.leaderboard().markdown == lordbench.leaderboard(folder).markdown
        assert len(lordbench.load_results()) == len(lordbench.load_results(folder))

    def test_errors_are_those_of_the_command(self, folder: Path, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="did you mean lpips"):
            lordbench.leaderboard(folder, metrics="lpip")
        with pytest.raises(UserError, match=str(tmp_path)):
            lordbench.leaderboard(tmp_path)


def test_differences_are_those_of_the_command(
    folder: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    found = lordbench.differences(folder, metrics="lpips")
    command = ("differences", str(folder), "--metric", "lpips", "--format", "csv")
    assert found.frame.to_csv(index=False) == printed(run, capsys, *command)
    assert "| drnet - lord |" in found.markdown
    assert repr(found) == "differences: 2 methods on squares; seeds 0, 1"


class TestFigure:
    # The others need one-shot transfers, controls and attributes; tests of their own draw them.
    @pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"shots", "dose", "informativeness"}))
    def test_every_kind_is_shown_as_a_picture_with_words(self, folder: Path, kind: str) -> None:
        drawn = lordbench.figure(kind, folder)
        assert drawn._repr_png_().startswith(b"\x89PNG")
        assert repr(drawn) == drawn.words

    def test_is_the_file_that_the_command_writes(self, folder: Path, run: Run, tmp_path: Path) -> None:
        lordbench.figure("grid", folder, out=tmp_path / "figure.svg", pairs=2)
        (tmp_path / "other").mkdir()
        command = tmp_path / "other" / "figure.svg"
        assert run("figure", "grid", str(folder), "--pairs", "2", "--out", str(command)) == 0
        assert (tmp_path / "figure.svg").read_bytes() == command.read_bytes()

    def test_kinds_and_options_are_those_of_the_command(self) -> None:
        assert KINDS.keys() == figure_group.commands.keys()
        for kind, command in figure_group.commands.items():
            options = {parameter.name for parameter in command.params} - {"runs", "out"}
            assert set(inspect.signature(KINDS[kind]).parameters) - {"runs"} == options, kind

    @pytest.mark.parametrize("rows", ["1,3", [1, 3], np.array([1, 3])])
    def test_rows_of_a_grid_are_a_text_or_a_list(self, folder: Path, rows: Any) -> None:
        wanted = figure_kinds.draw("grid", [folder], rows=(1, 3))
        assert lordbench.figure("grid", folder, rows=rows)._repr_png_() == wanted._repr_png_()

    def test_a_single_row_may_stand_alone(self, folder: Path) -> None:
        wanted = lordbench.figure("grid", folder, rows=[2])
        assert lordbench.figure("grid", folder, rows=2)._repr_png_() == wanted._repr_png_()

    @pytest.mark.parametrize(
        ("kind", "options"),
        [
            ("grid", {"rows": "1,two"}),
            ("grid", {"pairs": "many"}),
            ("grid", {"pairs": 0}),
            ("tradeoff", {"metric": ["ssim"]}),
            ("tradeoff", {"width": ["page"]}),
            ("forest", {"metrics": [1]}),
        ],
    )
    def test_an_option_of_a_wrong_type_is_named(
        self, folder: Path, kind: str, options: dict[str, Any]
    ) -> None:
        with pytest.raises(UserError, match=f"figure {kind}: {next(iter(options))}"):
            lordbench.figure(kind, folder, **options)

    def test_names_what_does_not_exist(self, folder: Path) -> None:
        with pytest.raises(UserError, match="did you mean tradeoff"):
            lordbench.figure("tradeof", folder)
        with pytest.raises(UserError, match=r"no option .metrc.: did you mean metric"):
            lordbench.figure("tradeoff", folder, metrc="ssim")


def test_a_tilde_is_the_home_folder(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(folder.parent))
    assert lordbench.leaderboard("~/runs").markdown == lordbench.leaderboard(folder).markdown
    lordbench.figure("tradeoff", "~/runs", out="~/figure.svg")
    assert (folder.parent / "figure.svg").exists()
    assert lordbench.write_report("~/runs", out="~/page") == folder.parent / "page" / "index.html"


def test_the_report_is_written(folder: Path, tmp_path: Path) -> None:
    page = lordbench.write_report(folder, out=tmp_path / "report")
    assert page == tmp_path / "report" / "index.html"
    assert "squares" in page.read_text()


def test_reading_results_imports_no_torch(folder: Path) -> None:
    program = (
        "import sys, lordbench; run = sys.argv[1]; lordbench.leaderboard(run); lordbench.differences(run);"
        "lordbench.figure('tradeoff', run); lordbench.load_results(run); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, str(folder)], check=True, timeout=120)
