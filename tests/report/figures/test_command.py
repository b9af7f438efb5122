"""`lordbench figure`: every kind is written, and every error names the way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from commandline import Run
from reporting import made_up_run

from lordbench.cli.figure import WIDTHS as NAMES
from lordbench.cli.figure import figure
from lordbench.report.figures import WIDTHS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_run(tmp_path_factory.mktemp("runs"), {"lord": 0.1, "drnet": 0.2})


@pytest.mark.parametrize("kind", ["tradeoff", "curves", "grid", "forest", "ranks"])
@pytest.mark.parametrize("width", list(WIDTHS))
def test_each_is_written_in_both_widths(run: Run, folder: Path, kind: str, width: str) -> None:
    assert run("figure", kind, str(folder), "--width", width, "--out", "drawn/it.svg") == 0
    text = Path("drawn/it.svg").read_text()
    assert text.startswith("<?xml")
    assert f'width="{WIDTHS[width] * 72:g}pt"' in text


def test_the_widths_of_the_command_are_those_of_figures() -> None:
    assert list(NAMES) == list(WIDTHS)


def test_every_kind_has_examples() -> None:
    for name, command in figure.commands.items():
        assert f"lordbench figure {name} " in str(command.help), name


def test_another_kind_of_file_is_refused(run: Run, folder: Path) -> None:
    assert run("figure", "tradeoff", str(folder), "--out", "it.gif") == 2
    assert not Path("it.gif").exists()


def test_a_csv_has_no_curves(run: Run, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("results.csv").write_bytes((folder / "results.csv").read_bytes())
    assert run("figure", "curves", "results.csv", "--out", "it.svg") == 2
    assert "no cell has a training curve" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shots"], "--split classes --experiments one-shot"),
        (["dose"], "lordbench calibrate"),
        (["forest", "--dataset", "cars"], "Data sets here: squares."),
        (["grid", "--rows", "one"], "whole numbers"),
    ],
)
def test_errors_name_the_way_out(
    run: Run, folder: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("figure", arguments[0], str(folder), *arguments[1:], "--out", "it.svg") == 2
    assert message in capsys.readouterr().err
    assert not Path("it.svg").exists()
