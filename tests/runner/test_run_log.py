"""The messages of a run are in its folder, with progress now and then also where there is no terminal."""

import io
import re
from pathlib import Path

import pytest
from commandline import TINY, Run
from rich.console import Console
from run_folders import moment, planned

from lordbench.report import progress
from lordbench.report.progress import ProgressLines
from lordbench.results.status import CellStatus, RunStatus
from lordbench.runner.run_log import RunLog, run_log

ARGUMENTS = [*TINY, "--methods", "mlvae", "--experiments", "reconstruction"]


class TestLog:
    def test_it_has_plan_progress_and_end(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
        run(*ARGUMENTS)
        text = Path("runs/run.log").read_text()
        assert "preset tiny.yaml" in text
        assert "mlvae on ./halves_set.py, seed 0: training" in text
        assert "0 of 1 cells done" in text
        done = re.search(r"✓ mlvae on ./halves_set.py, seed 0: trained in .+, evaluated in .+: (.+)", text)
        assert done is not None
        assert re.match(r"recon. L1 \d\.\d+", done[1])
        assert "best floor" in text
        assert "Settings not searched: mlvae." in text
        assert "\x1b" not in text

    def test_it_says_when_and_by_which_command(self, run: Run) -> None:
        run(*TINY, "--methods", "mlvae[kl_weight=0.5]", "--experiments", "reconstruction")
        header, *lines = Path("runs/run.log").read_text().splitlines()
        assert re.fullmatch(
            r"=== \d{4}-\d\d-\d\d \d\d:\d\d:\d\d · lordbench \S+ · "
            r"lordbench run --dataset ./halves_set.py --preset tiny.yaml "
            r"--methods 'mlvae\[kl_weight=0.5\]' --experiments reconstruction",
            header,
        )
        assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines if line.strip())

    def test_a_later_run_continues_it(self, run: Run) -> None:
        run(*ARGUMENTS)
        first = Path("runs/run.log").read_text()
        run(*ARGUMENTS)
        assert Path("runs/run.log").read_text().startswith(first)

    def test_failures_are_in_it(self, run: Run) -> None:
        assert run(*TINY, "--methods", "./broken.py") == 1
        assert "no such luck" in Path("runs/run.log").read_text()

    def test_a_full_disk_stops_nothing(self) -> None:
        console = Console(file=io.StringIO())
        with run_log(console, Path("/dev/full")) as log:
            log.print("text")
            log.progress("50 %")
        assert "50 %" in console.file.getvalue()  # type: ignore[attr-defined]


class TestLines:
    def test_they_come_when_it_is_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        lines: list[str] = []
        cells = [CellStatus(cell=planned("a"), state="running", progress=moment())]
        cells += [CellStatus(cell=planned("b"), state="done")]
        run = RunStatus(root=Path(), alive=True, plan=None, cells=tuple(cells), others=())
        ticking = ProgressLines(lines.append, lambda: run, {"a": "lord on cars, seed 0"})
        ticking.look()
        assert not lines
        monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
        ticking.look()
        (line,) = lines
        assert line.startswith(
            "lord on cars, seed 0: amortization 25% · loss 0.2500 · 100 images/s · 30 s left"
        )
        assert line.endswith("1 of 2 cells done, 30 s left")

    @pytest.mark.parametrize("terminal", [True, False])
    def test_a_terminal_shows_bars_instead(self, terminal: bool) -> None:
        console = Console(file=io.StringIO(), force_terminal=terminal)
        file = Console(file=io.StringIO())
        RunLog(console, file).progress("lord: 50 %")
        assert ("50 %" in console.file.getvalue()) == (not terminal)  # type: ignore[attr-defined]
        assert "50 %" in file.file.getvalue()  # type: ignore[attr-defined]
