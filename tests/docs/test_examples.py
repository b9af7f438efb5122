"""Every command and code block of README.md and docs/ runs unchanged, or says why it is not run.

A block that is not run has `<!-- not run: REASON -->` before it. Its commands, and those within sentences,
are still parsed by the command line, so that no page names an option that does not exist.
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
DOCS = sorted(f"docs/{path.name}" for path in (CHECKOUT / "docs").glob("*.md"))
PAGES = ["README.md", "CONTRIBUTING.md", *DOCS]
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^\n]+?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
INLINE = re.compile(r"`(lordbench [^`]+)`")
OPTIONAL = re.compile(r"\[(-[^\]]+)\]")
"""Optional parts of a usage line: `[--prepare]`, but not the settings of `lord[noise=1]`."""
FOLDERS = ["runs", "search", "other/runs", "other/results.csv"]
"""Run folders and files that the pages mention."""


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
    """The lordbench commands of a page that no test runs, including those within its sentences."""
    text = (CHECKOUT / page).read_text()
    shown = [part for block in blocks(page) if block.reason for part in lines(block.text)]
    whole = [part for line in shown for part in line.split("&&")] + INLINE.findall(BLOCK.sub("", text))
    words = [shlex.split(OPTIONAL.sub(r"\1", part).replace("...", ""), comments=True) for part in whole]
    return [word[1:] for word in words if word and word[0].endswith("lordbench") and len(word) > 1]


def parse(arguments: list[str]) -> None:
    """Raise click's error if a command, option or choice does not exist, or a value has the wrong type."""
    command, context = cli, click.Context(cli)
    while isinstance(command, click.Group):
        _, command, arguments = command.resolve_command(context, arguments)
        context = click.Context(command, parent=context)
    # A sentence may name a command without its arguments; `--help` exits after it was shown.
    with contextlib.suppress(click.MissingParameter, click.exceptions.Exit):
        command.make_context(command.name, list(arguments))


def run_command(command: str, run: Run) -> None:
    words = shlex.split(command, comments=True)
    if words[:1] == ["lordbench"] and "&&" not in words:
        assert run(*words[1:]) == 0, command
    else:
        subprocess.run(["bash", "-euc", command], check=True, timeout=20)


def run_page(page: str, run: Run) -> dict[str, Any]:
    """Run the blocks of a page in order; returns the names that its Python code defined."""
    names: dict[str, Any] = {}
    for block in to_run(page):
        if block.language == "python":
            exec(compile(block.text, page, "exec"), names)
            continue
        for line in lines(block.text):
            run_command(line, run)
    return names


@pytest.mark.slow
def test_the_page_on_plugins(run: Run) -> None:
    assert len(to_run("docs/plugins.md")) > 5
    run_page("docs/plugins.md", run)
    assert "my_method" in Path("runs/results.csv").read_text()


def test_the_page_on_the_api(run: Run) -> None:
    names = run_page("docs/api.md", run)
    assert set(names["table"].index) == {"drnet", "mlvae"}
    assert names["moved"].shape == names["copies"].shape == names["pairs"].shape == (8, 1, 32, 32)
    assert names["outputs"].shape == (4, 1, 16, 16)


SELF_CONTAINED = {"docs/plugins.md", "docs/api.md"}
"""Pages that make the runs that they show, tested above."""


@pytest.mark.parametrize("page", [page for page in PAGES if to_run(page) and page not in SELF_CONTAINED])
def test_a_page_that_shows_a_run(page: str, run: Run) -> None:
    assert run(*TINY, "--methods", "drnet,mlvae", "--experiments", "reconstruction") == 0
    run_page(page, run)


def tables_below(page: str) -> dict[str, list[str]]:
    """Commands that write Markdown, with the tables below each, up to the next block."""
    text = (CHECKOUT / page).read_text()
    matches = list(BLOCK.finditer(text))
    ends = [*(match.start() for match in matches[1:]), len(text)]
    return {
        match["text"].strip(): TABLE.findall(text[match.end() : end])
        for match, end in zip(matches, ends, strict=False)
        if match["reason"] is None and "--format markdown" in match["text"]
    }


@pytest.mark.parametrize("page", [page for page in PAGES if tables_below(page)])
def test_tables_below_a_command_are_what_it_writes(
    page: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    for command, tables in tables_below(page).items():
        capsys.readouterr()
        run_command(command, run)
        written = capsys.readouterr().out
        assert tables, command
        for table in tables:
            assert table in written, f"{page}: not what `{command}` writes:\n{table}"


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_run_or_says_why_not(page: str) -> None:
    for block in to_run(page):
        assert block.language in ("sh", "python"), f"{page}: neither run nor marked: {block.text}"
    assert "```" not in BLOCK.sub("", (CHECKOUT / page).read_text()), "a block that no test finds"


@pytest.mark.parametrize("page", PAGES)
def test_commands_that_are_not_run_are_parsed(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in FOLDERS:
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "runs" / "run.yaml").touch()
    for arguments in commands(page):
        try:
            parse(arguments)
        except click.ClickException as error:
            pytest.fail(f"{page}: lordbench {shlex.join(arguments)}: {error.format_message()}")


def test_a_command_that_does_not_exist_is_found() -> None:
    for command in ("run --sede 1", "compere runs other", "run --split class", "new methods mine.py"):
        with pytest.raises(click.ClickException):
            parse(shlex.split(command))


def test_the_entry_points_on_the_page_are_those_of_the_example() -> None:
    (shown,) = (block.text for block in blocks("docs/plugins.md") if block.language == "toml")
    assert shown in (CHECKOUT / "examples/lordbench-example/pyproject.toml").read_text()


@pytest.mark.parametrize("page", PAGES)
def test_every_source_file_that_a_page_names_exists(page: str) -> None:
    for name in re.findall(r"`((?:\w+/)+\w+\.py)`", (CHECKOUT / page).read_text()):
        is_example = name.endswith(("/NAME.py", "/mine.py"))
        assert is_example or (CHECKOUT / name).is_file() or (CHECKOUT / "lordbench" / name).is_file(), name
