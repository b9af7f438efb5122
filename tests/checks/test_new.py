"""`lordbench new` writes templates that work unchanged."""

from pathlib import Path

import pytest
from commandline import Run

from lordbench.checks.suite import Sizes, run_checks


@pytest.mark.parametrize("kind", ["method", "dataset", "metric", "experiment"])
def test_templates_pass_the_check(run: Run, kind: str) -> None:
    assert run("new", kind, f"my_{kind}.py") == 0
    found = list(run_checks(f"./my_{kind}.py", Sizes()))
    assert [verdict for verdict in found if verdict.status == "failed"] == []
    assert len(found) > 5


def test_nothing_is_overwritten(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.py").write_text("precious")
    assert run("new", "method", "mine.py") == 2
    assert Path("mine.py").read_text() == "precious"
    assert "already exists" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["mine.txt", "my method.py", "1st.py", "a[b].py"])
def test_invalid_names_of_plugins_are_refused(run: Run, name: str) -> None:
    assert run("new", "method", name) == 2
    assert not Path(name).exists()


def test_it_prints_the_next_commands(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("new", "metric", "mine.py") == 0
    shown = capsys.readouterr().err
    assert "lordbench check mine.py" in shown
    assert "--plugins mine.py" in shown
