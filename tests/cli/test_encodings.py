"""Commands do not depend on what the terminal, or the locale, can encode."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from commandline import TINY, Run
from reporting import made_up_run

from lordbench.utils.terminal import ERRORS, spell_missing_characters

CHECKOUT = Path(__file__).resolve().parents[2]
Shown = Callable[..., str]
"""Runs a command whose output has an encoding; returns what it printed, without non-breaking spaces."""


@pytest.fixture
def shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> Shown:
    made_up_run(Path("runs"), {"lord": 0.1, "方法": 0.101, "Dvořák": 0.3})
    monkeypatch.setenv("COLUMNS", "100")

    def call(encoding: str, *arguments: str, status: int = 0, stream: str = "stdout") -> str:
        printed = io.BytesIO()
        for name in ("stdout", "stderr"):
            buffer = printed if name == stream else io.BytesIO()
            monkeypatch.setattr(sys, name, io.TextIOWrapper(buffer, encoding=encoding, write_through=True))
        assert run(*arguments) == status
        return printed.getvalue().decode(encoding).replace("\u00a0", " ")

    return call


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "ascii"])
def test_a_table_is_spelled_in_the_characters_that_there_are(shown: Shown, encoding: str) -> None:
    # Lines break where the terminal ends, whose width another test may have set.
    table = " ".join(shown(encoding, "leaderboard", "runs").split())
    assert "LPIPS v" in table
    assert "0.305 _" in table  # not better than a floor
    assert "~ not significantly different" in table
    assert ("+ a training has" if encoding != "cp1252" else "† a training has") in table
    assert ("+/-" if encoding == "ascii" else "±") in table
    assert r"\u65b9\u6cd5" in table
    assert ("Dvorak" if encoding == "ascii" else "Dvorák") in table


COMMANDS = [
    "leaderboard runs --format markdown",
    "compare runs runs",
    "differences runs",
    "list methods",
    "doctor",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_end_well_with_any_encoding(shown: Shown, command: str) -> None:
    assert shown("ascii", *command.split())


@pytest.mark.slow
def test_a_run_ends_well_with_any_encoding(shown: Shown) -> None:
    shown("ascii", *TINY, "--methods", "mlvae", "--experiments", "reconstruction", "--out", "größe")


def test_names_in_json_survive(shown: Shown) -> None:
    text = shown("ascii", "compare", "runs", "runs", "--format", "json")
    assert "方法" in json.dumps(json.loads(text), ensure_ascii=False)


def test_errors_name_what_the_terminal_cannot_show(shown: Shown) -> None:
    text = shown("ascii", "run", "--methods", "методы", status=2, stream="stderr")
    assert r"unknown method '\u043c\u0435" in text


@pytest.mark.parametrize("form", ["markdown", "csv", "latex"])
def test_files_are_utf8_whatever_the_terminal_shows(shown: Shown, form: str) -> None:
    shown("ascii", "leaderboard", "runs", "--format", form, "--out", "table")
    assert "方法" in Path("table").read_text(encoding="utf-8")


def test_a_process_with_a_latin_1_pipe(tmp_path: Path) -> None:
    made_up_run(tmp_path / "runs", {"方法": 0.1})
    variables = {"PYTHONPATH": str(CHECKOUT), "PYTHONIOENCODING": "latin-1", "PYTHONWARNDEFAULTENCODING": "1"}
    process = subprocess.run(
        # A file opened without an encoding would have that of the locale.
        [sys.executable, "-W", "error::EncodingWarning:lordbench", "-m", "lordbench", "leaderboard", "runs"],
        cwd=tmp_path,
        env=os.environ | variables,
        capture_output=True,
        timeout=120,
    )
    assert process.returncode == 0, process.stderr
    assert rb"\u65b9\u6cd5" in process.stdout


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("lord ↓ ≈ ≥ ± ✓ … – ½", "lord v ~ >= +/- + ... - 1/2"),
        ("⠋ ━━╸ ─│", "* --- -|"),
        ("Ångström ﬁ ２", "Angstrom fi 2"),
        ("日本 😀", r"\u65e5\u672c \U0001f600"),
    ],
)
def test_spellings(text: str, spelled: str) -> None:
    spell_missing_characters()
    assert text.encode("ascii", ERRORS).decode() == spelled


def test_file_names_that_are_not_utf8_can_be_shown() -> None:
    spell_missing_characters()
    assert "caf\udce9".encode("utf-8", ERRORS) == rb"caf\xe9"
