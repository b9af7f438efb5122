"""Every command and code block of README.md and docs/ runs as it stands there, or says why it is not run.

A block that is not run has `<!-- not run: REASON -->` before it. Its commands, and those within sentences,
are still read by the command line, so that no page names an option that there is not.
"""

import contextlib
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
from commandline import TINY, Run

from lordbench.cli.main import cli

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in (CHECKOUT / "docs").glob("*.md"))]
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^\n]+?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
INLINE = re.compile(r"`(lordbench [^`]+)`")
OPTIONAL = re.compile(r"\[(-[^\]]+)\]")
"""What may be left out in a usage line: `[--prepare]`, but not the settings of `lord[noise=1]`."""
PLACES = ["runs", "other/runs", "other/results.csv"]
"""Run folders and files of others, which the pages speak of."""


class Block(NamedTuple):
    reason: str | None
    language: str
    text: str


def blocks(page: str) -> list[Block]:
    return [Block(**match.groupdict()) for match in BLOCK.finditer((CHECKOUT / page).read_text())]


def to_run(page: str) -> list[Block]:
    return [block for block in blocks(page) if block.reason is None]


def lines(text: str) -> list[str]:
    return text.replace("\\\n", " ").splitlines()


def commands(page: str) -> list[list[str]]:
    """All of a page's lordbench commands that no test runs, and those within its sentences."""
    text = (CHECKOUT / page).read_text()
    shown = [part for block in blocks(page) if block.reason for part in lines(block.text)]
    whole = [part for line in shown for part in line.split("&&")] + INLINE.findall(BLOCK.sub("", text))
    words = [shlex.split(OPTIONAL.sub(r"\1", part).replace("...", ""), comments=True) for part in whole]
    return [word[1:] for word in words if word and word[0].endswith("lordbench") and len(word) > 1]


def read_by_the_command_line(arguments: list[str]) -> None:
    """Raise click's error where a command, option or choice does not exist, or a value has the wrong type."""
    command, context = cli, click.Context(cli)
    while isinstance(command, click.Group):
        _, command, arguments = command.resolve_command(context, arguments)
        context = click.Context(command, parent=context)
    # A sentence may name a command without what it works on; `--help` exits when it has been shown.
    with contextlib.suppress(click.MissingParameter, click.exceptions.Exit):
        command.make_context(command.name, list(arguments))


def carry_out(command: str, run: Run) -> None:
    words = shlex.split(command, comments=True)
    if words[:1] == ["lordbench"] and "&&" not in words:
        assert run(*words[1:]) == 0, command
    else:
        subprocess.run(["bash", "-euc", command], check=True, timeout=20)


def carry_out_page(page: str, run: Run) -> dict[str, Any]:
    """Run the blocks of a page in order; returns the names that its Python code made."""
    names: dict[str, Any] = {}
    for block in to_run(page):
        if block.language == "python":
            exec(compile(block.text, page, "exec"), names)
            continue
        for line in lines(block.text):
            carry_out(line, run)
    return names


def test_the_page_on_plugins(run: Run) -> None:
    assert len(to_run("docs/plugins.md")) > 5
    carry_out_page("docs/plugins.md", run)
    assert "my_method" in Path("runs/results.csv").read_text()


def test_the_page_on_the_api(run: Run) -> None:
    names = carry_out_page("docs/api.md", run)
    assert set(names["table"].index) == {"drnet", "mlvae"}
    assert names["moved"].shape == names["copies"].shape == names["pairs"].shape == (8, 1, 32, 32)
    assert names["outputs"].shape == (4, 1, 16, 16)


BEGINS_WITH_NOTHING = {"docs/plugins.md", "docs/api.md"}
"""Pages that make the runs they look at, tested above."""


@pytest.mark.parametrize("page", [page for page in PAGES if to_run(page) and page not in BEGINS_WITH_NOTHING])
def test_a_page_that_looks_at_a_run(page: str, run: Run) -> None:
    assert run(*TINY, "--methods", "drnet,mlvae", "--experiments", "reconstruction") == 0
    carry_out_page(page, run)


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_run_or_says_why_not(page: str) -> None:
    for block in to_run(page):
        assert block.language in ("sh", "python"), f"{page}: neither run nor marked: {block.text}"
    assert "```" not in BLOCK.sub("", (CHECKOUT / page).read_text()), "a block that no test sees"


@pytest.mark.parametrize("page", PAGES)
def test_commands_that_are_not_run_are_read_by_the_command_line(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for place in PLACES:
        (tmp_path / place).mkdir(parents=True)
    for arguments in commands(page):
        try:
            read_by_the_command_line(arguments)
        except click.ClickException as error:
            pytest.fail(f"{page}: lordbench {shlex.join(arguments)}: {error.format_message()}")


def test_a_command_that_there_is_not_is_found_out() -> None:
    for command in ("run --sede 1", "compere runs other", "run --split class", "new methods mine.py"):
        with pytest.raises(click.ClickException):
            read_by_the_command_line(shlex.split(command))


def test_the_entry_points_that_the_page_shows_are_those_of_the_example() -> None:
    (shown,) = (block.text for block in blocks("docs/plugins.md") if block.language == "toml")
    assert shown in (CHECKOUT / "examples/lordbench-example/pyproject.toml").read_text()
