"""Commands that only read import neither torch nor scikit-learn, which take seconds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from run_folders import Folder, planned

from lordbench.cli.main import SECTIONS, cli

PROGRAM = """
import sys
SLOW = sys.argv.pop(1).split(",")
from lordbench.cli.main import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
for slow in SLOW:
    assert slow not in sys.modules, f"{slow} is imported"
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with two finished cells that were never run."""
    folder = Folder(tmp_path_factory.mktemp("light") / "runs")
    folder.plan(planned("aaaa"), planned("bbbb"))
    for cell in ("aaaa", "bbbb"):
        folder.finish(cell)
    folder.store.write_results()
    return folder.store.root


COMMANDS = [
    "--help",
    "--version",
    "run --help",
    "search --help",
    "list methods",
    "list datasets",
    "list metrics",
    "list experiments",
    "list presets",
    "data list",
    "weights",
    "status runs",
    "leaderboard runs",
    "differences runs --format csv",
    "compare runs runs",
    "claims runs",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_only_reads_imports_nothing_slow(runs: Path, command: str) -> None:
    run_without("torch,sklearn", command, runs.parent)


def test_the_reference_is_printed_without_what_computes_its_tables(tmp_path: Path) -> None:
    run_without("torch,sklearn,pandas,scipy", "leaderboard --reference", tmp_path)


def run_without(slow: str, command: str, folder: Path) -> None:
    """Run a command there, in a process of its own that must not import these modules."""
    checkout = Path(__file__).resolve().parents[2]
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, slow, *command.split()],
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": str(checkout), "LORDBENCH_HOME": str(folder), "LORDBENCH_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert process.returncode == 0, process.stdout + process.stderr


def test_help_lists_every_command_once() -> None:
    listed = [command.name for commands in SECTIONS.values() for command in commands]
    assert sorted(listed) == sorted(cli.commands)
