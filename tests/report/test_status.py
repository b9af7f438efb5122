"""`lordbench status`: states of cells, time left, damaged files, and no effect on running runs."""

import io
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from commandline import Run
from filelock import FileLock
from rich.console import Console
from run_folders import NOW, Folder, ago, planned

from lordbench.report.status import status_view, watch
from lordbench.results.status import RunStatus, read_status
from lordbench.results.time_left import Estimate, TimeLeft
from lordbench.runner.run_folder import open_run_folder
from lordbench.utils.integrity import write_with_checksum
from lordbench.utils.locks import is_held
from lordbench.utils.progress import duration

HOLD = """
import fcntl, sys, time
with open(sys.argv[1], "a") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "runs")


@pytest.fixture
def running(folder: Folder) -> Iterator[FileLock]:
    """The lock of a run that is running in the folder."""
    with FileLock(folder.store.lock) as lock:
        yield lock


def look(folder: Folder) -> RunStatus:
    return read_status(folder.store.root)


def states(folder: Folder) -> list[str]:
    return [status.state for status in look(folder).cells]


def shown(folder: Folder) -> str:
    stream = io.StringIO()
    Console(file=stream, width=150).print(status_view([look(folder)], NOW))
    return stream.getvalue()


def left(folder: Folder) -> TimeLeft:
    return Estimate(look(folder), NOW).run()


class TestStates:
    def test_of_a_running_run(self, folder: Folder, running: FileLock) -> None:
        folder.plan(*(planned(name) for name in "abcd"))
        folder.finish("a")
        folder.fail("b")
        folder.run("c")
        assert states(folder) == ["done", "failed", "running", "planned"]

    def test_of_an_interrupted_run(self, folder: Folder) -> None:
        folder.plan(*(planned(name) for name in "abcde"))
        folder.run("a")
        folder.store.cell("b").path.mkdir(parents=True)
        folder.store.cell("b").checkpoint.touch()
        folder.train("c")
        folder.finish("d")
        assert states(folder) == ["interrupted", "interrupted", "interrupted", "done", "planned"]

    def test_earlier_failures_are_retried_by_the_running_run(self, folder: Folder, running: FileLock) -> None:
        folder.plan(planned("a"), planned("b"), began=ago(60))
        folder.fail("a", when=ago(61))
        folder.fail("b", when=ago(59))
        assert states(folder) == ["planned", "failed"]
        running.release()
        assert states(folder) == ["failed", "failed"]

    def test_a_cell_with_a_missing_experiment_is_not_done(self, folder: Folder) -> None:
        folder.plan(planned("a"))
        (folder.finish("a").path / "leakage.json").unlink()
        (status,) = look(folder).cells
        assert (status.state, status.missing) == ("interrupted", ("leakage",))

    def test_a_trained_cell_of_a_run_waits_for_its_evaluation(
        self, folder: Folder, running: FileLock
    ) -> None:
        folder.plan(planned("a"))
        (folder.finish("a").path / "leakage.json").unlink()
        assert states(folder) == ["trained"]
        running.release()
        assert states(folder) == ["interrupted"]

    def test_a_copied_cell_is_done_since_it_ended_not_since_it_was_copied(self, folder: Folder) -> None:
        folder.plan(planned("a"))
        before = datetime.now(UTC)
        copied = folder.finish("a")
        for path in copied.path.iterdir():
            os.utime(path, (0, 0))
        (status,) = look(folder).cells
        assert status.finished is not None
        assert before.replace(microsecond=0) <= status.finished <= datetime.now(UTC)
        # Files of older versions have no more than seconds.
        write_with_checksum(copied.times, {"leakage": 5.0})
        (status,) = look(folder).cells
        assert status.finished == datetime(1970, 1, 1, tzinfo=UTC)
        assert status.experiment_seconds == {"leakage": 5.0}

    def test_cells_of_earlier_runs_are_listed_separately(self, folder: Folder, running: FileLock) -> None:
        folder.plan(planned("new"))
        cell = {
            "id": "old", "method_name": "lord", "variant": "noise=1", "labels": "", "dataset": "squares",
            "data_variant": "", "split": "samples", "preset_name": "smoke", "seed": 3,
            "experiments": ["leakage", "reconstruction"],
        }  # fmt: skip
        (folder.finish("old").path / "cell.json").write_text(json.dumps(cell))
        (old,) = look(folder).others
        assert (old.cell.label, old.cell.seed, old.state) == ("lord[noise=1]", 3, "done")
        assert "other cells in this folder" in shown(folder)

    def test_what_is_shown(self, folder: Folder, running: FileLock) -> None:
        folder.plan(*(planned(name) for name in "abcd"), jobs=2)
        folder.finish("a", seconds=75)
        folder.fail("b", error="RuntimeError: first\nout of memory")
        folder.run("c")
        text = " ".join(shown(folder).split())
        for words in (
            "2 at a time",
            "trained in 1 min 15 s",
            "out of memory",
            str(folder.store.cell("b").failure),
            "amortization · 25% of training · loss 0.2500 · 100 images/s",
            "4 cells: 1 running, 1 failed, 1 planned, 1 done",
        ):
            assert words in text
        assert "first" not in text


class TestTheLock:
    def test_is_seen_while_a_run_is_running(self, folder: Folder) -> None:
        lock = folder.store.lock
        assert not is_held(lock)
        with open_run_folder(folder.store.root):
            assert is_held(lock)
            assert is_held(lock)
        assert not is_held(lock)

    def test_of_a_killed_process_is_free(self, folder: Folder) -> None:
        command = [sys.executable, "-c", HOLD, str(folder.store.lock)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as run:
            assert run.stdout is not None
            assert run.stdout.readline() == b"held\n"
            assert is_held(folder.store.lock)
            run.kill()
            run.wait()
        assert not is_held(folder.store.lock)

    def test_a_run_can_begin_while_others_look(self, folder: Folder) -> None:
        seen, over = [], threading.Event()

        def look_on() -> None:
            while not over.is_set():
                seen.append(is_held(folder.store.lock))

        watchers = [threading.Thread(target=look_on) for _ in range(3)]
        for watcher in watchers:
            watcher.start()
        try:
            for _ in range(20):
                with open_run_folder(folder.store.root):
                    time.sleep(0.01)
        finally:
            over.set()
            for watcher in watchers:
                watcher.join()
        assert True in seen

    def test_reading_the_status_leaves_no_files(self, folder: Folder) -> None:
        folder.plan(planned("a"))
        before = sorted(folder.store.root.rglob("*"))
        look(folder)
        assert sorted(folder.store.root.rglob("*")) == before


class TestTimeLeft:
    def test_is_unknown_without_finished_cells(self, folder: Folder, running: FileLock) -> None:
        folder.plan(planned("a"), planned("b"))
        assert not left(folder).is_known
        assert "time left: unknown" in shown(folder)

    def test_of_a_training_is_by_its_speed_and_of_the_rest_by_finished_cells(
        self, folder: Folder, running: FileLock
    ) -> None:
        folder.plan(planned("a"), planned("b", seed=1), planned("c", seed=2))
        folder.finish("a", seconds=50, each=5)
        folder.run("b")
        # 3,000 images at 100 a second, two experiments; then a whole cell.
        assert left(folder) == TimeLeft(seconds=30 + 10 + 50 + 10)

    def test_of_an_experiment_is_by_earlier_ones(self, folder: Folder, running: FileLock) -> None:
        folder.plan(planned("a"), planned("b", seed=1))
        folder.finish("a", each=20)
        folder.train("b")
        folder.run("b", doing="leakage", training=False, step=0, steps=2, began=ago(15))
        assert left(folder) == TimeLeft(seconds=5 + 20)
        folder.run("b", doing="leakage", training=False, step=0, steps=2, began=ago(500))
        assert left(folder) == TimeLeft(seconds=20)

    def test_of_a_method_that_is_new_here_is_about_that_of_others(
        self, folder: Folder, running: FileLock
    ) -> None:
        folder.plan(planned("a"), planned("b", "mlvae"), planned("c", "drnet"))
        folder.finish("a", seconds=50, each=10)
        folder.run("b")
        # 3,000 images at 100 a second, two experiments; then the mean of 50 and 40 seconds.
        assert left(folder) == TimeLeft(seconds=30 + 20 + 45 + 20, is_measured=False)
        assert "about 2 min" in shown(folder)

    def test_is_that_of_the_same_data_before_that_of_other_data(self, folder: Folder) -> None:
        near, far = planned("b", "mlvae"), planned("c", "mlvae").model_copy(update={"dataset": "stars"})
        folder.plan(planned("a", "lord"), near)
        folder.finish("a", seconds=50, each=10)
        folder.plan(planned("a", "lord"), far)
        assert left(folder) == TimeLeft(seconds=70, is_measured=False)
        folder.plan(planned("a", "lord"), planned("d", "gvae").model_copy(update={"dataset": "stars"}), near)
        folder.finish("d", seconds=500, each=100)
        assert left(folder) == TimeLeft(seconds=70, is_measured=False)

    def test_is_a_lower_bound_only_where_nothing_stands_in(self, folder: Folder, running: FileLock) -> None:
        other = planned("b").model_copy(update={"preset": "paper"})
        folder.plan(planned("a"), other)
        folder.run("a")
        assert left(folder) == TimeLeft(seconds=30 + 20, is_whole=False, is_measured=False)
        assert "≥ 50 s" in shown(folder)

    def test_of_an_evaluation_that_is_new_here_is_half_the_training(
        self, folder: Folder, running: FileLock
    ) -> None:
        folder.plan(planned("a"), planned("b", "mlvae"))
        folder.train("a", seconds=40)
        folder.run("a", doing="leakage", training=False, step=0, steps=2, began=ago(4))
        # Two experiments of 10 seconds, one of them begun, and a cell of 40 + 20.
        assert left(folder) == TimeLeft(seconds=16 + 60, is_measured=False)

    def test_of_a_repeated_experiment_is_never_negative(self, folder: Folder, running: FileLock) -> None:
        folder.plan(planned("a"))
        folder.finish("a")
        folder.run("a", doing="leakage", training=False, step=0, steps=1, began=ago(4))
        assert left(folder) == TimeLeft(seconds=0)

    def test_trainings_go_first_and_evaluations_fill_the_gaps(
        self, folder: Folder, running: FileLock
    ) -> None:
        cells = [planned(name, seed=seed) for seed, name in enumerate("abcd")]
        folder.plan(*cells, jobs=2)
        folder.finish("a", seconds=40, each=10)
        # Two trainings, then the third beside two evaluations, then its own evaluation.
        assert left(folder).seconds == 40 + 40 + 20
        # One worker evaluates; the other trains twice, and the first evaluates what was trained.
        folder.train("b", seconds=40)
        folder.run("b", doing="leakage", training=False, step=0, steps=2, began=NOW)
        assert left(folder).seconds == 20 + 40 + 20

    def test_is_shared_by_jobs_but_no_cell_gets_shorter(self, folder: Folder, running: FileLock) -> None:
        cells = [planned(name, seed=seed) for seed, name in enumerate("abcde")]
        folder.plan(*cells, jobs=2)
        folder.finish("a", seconds=50, each=5)
        assert left(folder).seconds == 4 * 60 / 2
        folder.plan(*cells, jobs=8)
        assert left(folder).seconds == 60

    def test_of_cells_done_and_failed_is_none(self, folder: Folder) -> None:
        folder.plan(planned("a"), planned("b"))
        folder.finish("a")
        folder.fail("b")
        assert left(folder) == TimeLeft(seconds=0)
        assert "time left:" not in shown(folder)

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [(0.4, "0 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (9600, "2 h 40 min"), (273_600, "3 d 4 h")],
    )
    def test_is_written_for_people(self, seconds: float, text: str) -> None:
        assert duration(seconds) == text


class TestDamage:
    @pytest.mark.parametrize("name", ["progress.json", "leakage.json", "model.safetensors", "failure.json"])
    @pytest.mark.parametrize("content", [b"", b"[1, 2]", b"\xff\xfe"])
    def test_in_a_cell_is_named(self, folder: Folder, name: str, content: bytes) -> None:
        folder.plan(planned("a"), planned("b"))
        path = folder.finish("a").path / name
        path.write_bytes(content)
        assert str(path) in "".join(look(folder).cells[0].notes)
        assert "Damaged" in shown(folder)

    def test_in_the_plan_leaves_the_state_of_the_folders(self, folder: Folder) -> None:
        folder.plan(planned("a"))
        folder.finish("a")
        folder.store.plan.write_text('{"cells": ')
        status = look(folder)
        assert str(folder.store.plan) in status.notes[0]
        assert [cell.cell.id for cell in status.others] == ["a"]

    def test_in_the_description_of_an_earlier_cell_is_named(self, folder: Folder) -> None:
        folder.plan()
        (folder.finish("old").path / "cell.json").write_text("{}")
        (old,) = look(folder).others
        assert "cell.json" in old.notes[0]
        assert old.cell.id == "old"


class TestTheCommand:
    def test_exits_with_1_where_a_cell_has_failed(self, folder: Folder, run: Run) -> None:
        folder.plan(planned("a"), planned("b"))
        folder.finish("a")
        assert run("status", "runs") == 0
        folder.fail("b")
        assert run("status", "runs") == 1

    def test_json_describes_several_folders(
        self, folder: Folder, run: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder.plan(planned("a"), planned("b"))
        folder.finish("a")
        shutil.copytree("runs", "others")
        assert run("status", "runs", "others", "--json") == 0
        first, second = json.loads(capsys.readouterr().out)
        assert first["root"] == "runs"
        assert first["cells"][0]["state"] == "done"
        assert first["counts"]["planned"] == 1
        assert first["left"] == {"seconds": 40.0, "is_whole": True, "is_measured": True}
        assert second["root"] == "others"

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["empty"], "not a run folder"),
            (["nowhere"], "nowhere"),
            ([], "RUNS"),
            (["empty", "--watch", "--json"], "one of them"),
        ],
    )
    def test_bad_input_is_named(
        self, run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
    ) -> None:
        Path("empty").mkdir()
        assert run("status", *arguments) == 2
        assert words in capsys.readouterr().err

    def test_watching_ends_with_the_run(self, folder: Folder, running: FileLock) -> None:
        folder.plan(planned("a"))
        folder.run("a")
        waits: list[float] = []

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 3:
                folder.finish("a").progress.unlink()
                running.release()

        stream = io.StringIO()
        (status,) = watch([folder.store.root], Console(file=stream, width=120), sleep)
        assert len(waits) == 3
        assert status.cells[0].state == "done"
        assert "1 done" in stream.getvalue()
