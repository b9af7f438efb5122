"""Progress of a running cell, written for other processes; it does not affect the cell."""

import io
import json
import warnings
from pathlib import Path

import pytest
from commandline import TINY, Run
from helpers import context
from rich.console import Console
from run_folders import moment

from lordbench.report.progress import RunProgress, shortened
from lordbench.results.progress import CellProgress, read_progress
from lordbench.results.status import read_status
from lordbench.runner.watchers import ProgressWriter, Watcher, Watchers
from lordbench.training.checkpoints import Progress
from lordbench.training.loop import Silent


class Clock:
    """Stands still until `now` is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Training:
    """A writer, and the training that it follows, a step of 10 images at a time."""

    def __init__(self, path: Path, images: int = 0) -> None:
        self.clock, self.path = Clock(), path
        self.writer = ProgressWriter(path, every=2.0, clock=self.clock)
        self.context = context(1000)
        self.context.progress = Progress(images=images)
        self.writer.begin()
        self.writer.follow(self.context)

    def step(self, done: int, seconds: float, loss: float | None = None) -> CellProgress:
        self.clock.now += seconds
        self.context.progress.images += 10
        self.writer.step(done, 10, loss)
        found = read_progress(self.path)
        assert found is not None
        return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "progress.json"


class TestTheWriter:
    def test_writes_by_the_clock(self, path: Path) -> None:
        training = Training(path)
        training.writer.phase("stage", steps=50, done=0, epoch_steps=5)
        assert training.step(1, 1.0, loss=0.5).step == 0
        now = training.step(2, 1.5)
        assert (now.doing, now.step, now.steps, now.loss) == ("stage", 2, 50, 0.5)
        assert (now.images, now.images_in_all, now.share) == (20, 1000, 0.02)
        assert now.rate == pytest.approx(20 / 2.5)
        assert now.training_left == pytest.approx(980 / 8)
        assert training.step(3, 1.9).step == 2

    def test_counts_images_of_earlier_attempts_but_not_in_the_rate(self, path: Path) -> None:
        training = Training(path, images=500)
        training.writer.phase("stage", steps=50, done=25, epoch_steps=5)
        now = training.step(26, 2.0)
        assert (now.images, now.rate) == (510, 5.0)

    def test_names_experiments_and_is_removed_with_the_cell(self, path: Path) -> None:
        training = Training(path)
        training.writer.experiment("leakage", done=1, total=3)
        now = read_progress(path)
        assert now is not None
        assert (now.doing, now.training, now.share) == ("leakage", False, 1 / 3)
        training.writer.end(failed=False)
        assert not path.exists()

    def test_survives_a_full_disk(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        training = Training(path)
        training.writer.phase("stage", steps=50, done=0, epoch_steps=5)

        def full(source: object, target: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("lordbench.utils.files.os.replace", full)
            assert training.step(1, 3.0).step == 0
        assert training.step(2, 3.0).step == 2


class TestWatchers:
    def test_one_that_fails_is_dropped_and_the_others_continue(self) -> None:
        told = []

        class Clumsy(Watcher):
            def step(self, done: int, images: int, loss: float | None) -> None:
                raise ValueError("stumbled")

        class Careful(Watcher):
            def step(self, done: int, images: int, loss: float | None) -> None:
                told.append(done)

        watchers = Watchers(Silent(), [Clumsy(), Careful()])
        watchers.begin()
        with pytest.warns(UserWarning, match="Clumsy stopped: stumbled"):
            watchers.step(1, 10, None)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            watchers.step(2, 10, None)
        assert told == [1, 2]

    def test_are_not_called_for_a_cell_that_has_not_begun(self) -> None:
        class Deaf(Watcher):
            def end(self, *, failed: bool) -> None:
                pytest.fail("it was told")

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            Watchers(Silent(), [Deaf()]).end(failed=True)


class TestARun:
    def test_leaves_its_plan_and_no_progress(self, run: Run) -> None:
        only = ["--methods", "./broken.py,mlvae", "--experiments", "reconstruction"]
        assert run(*TINY, *only, "--seeds", "3") == 1
        assert not list(Path("runs").rglob("progress.json"))
        status = read_status(Path("runs"))
        assert [cell.state for cell in status.cells] == ["failed", "done"]
        assert [cell.cell.seed for cell in status.cells] == [3, 3]
        assert status.cells[0].error == "ValueError: no such luck"
        assert set(status.cells[1].experiment_seconds) == {"reconstruction"}
        assert run(*TINY, "--methods", "mlvae", "--experiments", "reconstruction", "--seeds", "3") == 0
        later = read_status(Path("runs"))
        assert [cell.state for cell in (*later.cells, *later.others)] == ["done", "failed"]

    def test_interrupted_keeps_its_progress(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        def stop(self: RunProgress, done: int, images: int, loss: float | None) -> None:
            raise KeyboardInterrupt

        only = ["--methods", "lord,mlvae", "--experiments", "reconstruction"]
        with monkeypatch.context() as patch:
            patch.setattr(RunProgress, "step", stop)
            assert run(*TINY, *only) == 130
        status = read_status(Path("runs"))
        assert not status.alive
        assert [cell.state for cell in status.cells] == ["interrupted", "planned"]
        progress = status.cells[0].progress
        assert progress is not None
        assert progress.images_in_all == 640
        assert run(*TINY, *only) == 0
        assert [cell.state for cell in read_status(Path("runs")).cells] == ["done", "done"]

    def test_is_seen_running_from_within(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = []

        def look(self: RunProgress, text: str) -> None:
            (status,) = read_status(Path("runs")).cells
            assert status.progress is not None
            seen.append((status.state, status.progress.doing, status.progress.training))

        monkeypatch.setattr(RunProgress, "note", look)
        assert run(*TINY, "--methods", "mlvae", "--experiments", "reconstruction") == 0
        assert set(seen) == {("running", "reconstruction", False)}

    def test_keeps_its_progress_out_of_the_rows(self, run: Run) -> None:
        only = ["--methods", "mlvae", "--experiments", "reconstruction"]
        run(*TINY, *only)
        before = Path("runs/results.csv").read_bytes()
        (cell,) = Path("runs/cells").iterdir()
        (cell / "progress.json").write_text(json.dumps({"measurements": []}))
        assert run(*TINY, *only) == 0
        assert Path("runs/results.csv").read_bytes() == before


class TestBarsOfOtherProcesses:
    def test_come_and_go_with_their_cells(self) -> None:
        progress = RunProgress(Console(file=io.StringIO()), cells=3)
        progress.show({"a": ("lord, seed 0", moment()), "b": ("lord, seed 1", moment(doing=""))})
        bars = {task.description: task for task in progress.bars.tasks}
        assert bars["lord, seed 0"].percentage == 25
        assert "lord, seed 1" in bars
        assert bars["lord, seed 0"].fields["details"] == ["amortization", "loss 0.2500", "100 images/s"]
        progress.show({"b": ("lord, seed 1", moment(doing="leakage", training=False, step=1, steps=4))})
        cells, other = progress.bars.tasks
        assert (other.description, other.fields["details"][0]) == ("lord, seed 1", "leakage")
        assert other.percentage == 25
        progress.show({})
        assert progress.bars.tasks == [cells]


class TestLongTitles:
    @pytest.mark.parametrize(
        ("title", "short"),
        [
            ("lord[regularizer=kl] on toycars, seed 0", "lord[regularizer=kl] …, seed 0"),
            ("lord[regularizer=none] on toycars, seed 1", "lord[regularizer=none]…, seed 1"),
            ("lord[regularizer=none] on toycars", "lord[regularizer=none] on toyc…"),
            ("lord[architecture=published,noise=1], seed 12", "lord[arch…ed,noise=1], seed 12"),
            ("lord on toycars, seed 0", "lord on toycars, seed 0"),
        ],
    )
    def test_keep_what_tells_cells_apart(self, title: str, short: str) -> None:
        assert shortened(title, len(short)) == short
