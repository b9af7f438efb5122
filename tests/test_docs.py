"""Every command and code block of these pages runs, in order, as it stands there."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from commandline import Run

DOCS = Path(__file__).resolve().parents[1] / "docs"
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>.+?) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)```", re.DOTALL
)
SHOWN = {"toml"}
"""Languages of blocks that nothing can run; a test of their own holds them against the file they are from."""


class Block(NamedTuple):
    language: str
    text: str


def blocks(page: str) -> list[Block]:
    found = [match for match in BLOCK.finditer((DOCS / page).read_text()) if match["language"] not in SHOWN]
    return [Block(match["language"], match["text"]) for match in found if not match["reason"]]


def lines(text: str) -> list[str]:
    return text.replace("\\\n", " ").splitlines()


def carry_out(command: str, run: Run) -> None:
    if command.startswith("lordbench "):
        assert run(*shlex.split(command)[1:]) == 0, command
    else:
        subprocess.run(["bash", "-euc", command], check=True, timeout=20)


def test_the_page_on_plugins(run: Run) -> None:
    commands = [line for block in blocks("plugins.md") for line in lines(block.text)]
    assert len(commands) > 10
    for command in commands:
        carry_out(command, run)
    assert "my_method" in Path("runs/results.csv").read_text()


@pytest.mark.usefixtures("run")
def test_the_page_on_the_api() -> None:
    names: dict[str, Any] = {}
    for block in blocks("api.md"):
        assert block.language == "python"
        exec(compile(block.text, "docs/api.md", "exec"), names)
    assert set(names["table"].index) == {"drnet", "mlvae"}
    assert names["moved"].shape == names["copies"].shape == names["pairs"].shape == (8, 1, 32, 32)
    assert names["outputs"].shape == (4, 1, 16, 16)


def test_the_entry_points_that_the_page_shows_are_those_of_the_example() -> None:
    (shown,) = (
        match["text"]
        for match in BLOCK.finditer((DOCS / "plugins.md").read_text())
        if match["language"] in SHOWN
    )
    assert shown in (DOCS.parent / "examples/lordbench-example/pyproject.toml").read_text()
