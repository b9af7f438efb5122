"""Executors run each cell once, and retry those of lost workers from their checkpoint."""

import signal
import subprocess
import sys
import threading
import warnings
from collections import deque
from collections.abc import Collection, Hashable, Sequence
from contextvars import copy_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import broken_methods
import pandas as pd
import pytest
import torch
from commandline import DEADLY, STAMPS, TINY, Run, results
from crashes import workers_of
from waiting import wait_for

from lordbench.evaluation.collapse import CollapseWarning
from lordbench.results.run_folder import Store
from lordbench.runner import executors
from lordbench.runner.executors import local
from lordbench.runner.executors.base import (
    Attempt,
    Queue,
    Result,
    Task,
    Watch,
    WorkerExecutor,
    WorkerLostError,
    run_task,
)
from lordbench.runner.plan import Plan, Request, make_plan
from lordbench.runner.run_cell import WorkerState
from lordbench.runner.run_folder import cell_lock, open_run_folder
from lordbench.utils import hardware
from lordbench.utils.errors import hidden_notices
from lordbench.utils.files import plugin_folder, read_json
from lordbench.utils.parallel import ALLOWED

METHODS = ["--methods", "drnet,mlvae", "--experiments", "reconstruction"]

CPU, GPU = torch.device("cpu"), torch.device("cuda")


class Scripted(WorkerExecutor):
    """Returns the results of a script, one per attempt; None is a lost worker."""

    def __init__(self, script: list[str | None], slow: int = 0) -> None:
        super().__init__(jobs=1, retries=2, threads=1)
        self.script, self.slow = script, slow
        self.sent = 0
        self.parts: list[str] = []
        self.batches: list[int] = []
        self.closed = False

    def open(self, state: WorkerState) -> None:
        pass

    def send(self, tasks: Sequence[Task]) -> Sequence[Hashable]:
        numbers = range(self.sent, self.sent + len(tasks))
        self.sent += len(tasks)
        self.batches.append(len(tasks))
        self.parts += ["training" if task.only_train else "evaluation" for task in tasks]
        return numbers

    def ended(self, running: Collection[Any], seconds: float) -> Collection[Hashable]:
        self.slow -= 1
        return [] if self.slow >= 0 else list(running)

    def result(self, handle: int) -> str:
        result = self.script[handle]
        if result is None:
            raise WorkerLostError("a worker was lost")
        return result

    def close(self) -> None:
        self.closed = True


def planned(threads: int | None, image_bytes: int = 0) -> Any:
    """What a plan says of the size of its cells."""
    cell = SimpleNamespace(preset=SimpleNamespace(threads=threads))
    images = SimpleNamespace(images=SimpleNamespace(nbytes=image_bytes))
    return SimpleNamespace(cells=[cell], images={"images": images})


class TestCellsAtATime:
    @pytest.mark.parametrize(
        ("cells", "threads", "device", "expected"),
        [
            (9, 1, CPU, 4),
            (3, 1, CPU, 3),
            (9, 2, CPU, 2),
            (9, 8, CPU, 1),
            (9, None, CPU, 1),
            (0, 1, CPU, 1),
            (9, 1, GPU, 1),
        ],
    )
    def test_they_fill_the_cores(
        self,
        monkeypatch: pytest.MonkeyPatch,
        cells: int,
        threads: int | None,
        device: torch.device,
        expected: int,
    ) -> None:
        monkeypatch.setattr(hardware, "cores", lambda: 4)
        monkeypatch.setattr(hardware, "available_memory", lambda: 64 << 30)
        assert executors.make("local", {}).sized(planned(threads), cells, device).jobs == expected

    def test_but_not_more_than_fit_into_the_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hardware, "cores", lambda: 64)
        for gib, expected in ((5, 2), (1, 1), (64, 9)):
            monkeypatch.setattr(hardware, "available_memory", lambda gib=gib: gib << 30)
            assert executors.make("local", {}).sized(planned(1), 9, CPU).jobs == expected

    def test_images_count_as_well(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hardware, "cores", lambda: 64)
        monkeypatch.setattr(hardware, "available_memory", lambda: 16 << 30)
        assert executors.make("local", {}).sized(planned(1, 3 << 30), 9, CPU).jobs == 2

    @pytest.mark.parametrize("jobs", [1, 3])
    def test_a_given_number_stays(self, jobs: int) -> None:
        assert executors.make("local", {"jobs": jobs}).sized(planned(1), 9, CPU).jobs == jobs

    def test_the_command_runs_several(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hardware, "cores", lambda: 2)
        assert run(*TINY, *METHODS, "--set", "threads=1") == 0
        assert read_json(Path("runs/plan.json"))["jobs"] == 2


@pytest.fixture
def plan(run: Run) -> Plan:
    return make_plan(Request(["mlvae"], "./halves_set.py", "tiny.yaml", ["reconstruction"], [0, 1]))


def test_a_worker_refuses_code_that_changed_since_the_plan(run: Run) -> None:
    source = (plugin_folder("baselines") / "gvae.py").read_text()
    Path("mine.py").write_text(source)
    (cell,) = make_plan(Request(["./mine.py"], "./halves_set.py", "tiny.yaml", ["reconstruction"])).cells
    task = Task.of(Attempt(cell), WorkerState(Store(Path("runs"))), threads=1)
    Path("mine.py").write_text(source + "\n# changed\n")
    answer = Result.model_validate_json(run_task(task.model_dump_json()))
    assert answer.status == "failed"
    assert "its code changed during the run" in answer.error


def test_a_worker_of_a_quiet_run_shows_no_notices(run: Run, recwarn: pytest.WarningsRecorder) -> None:
    Path("never.py").write_text(broken_methods.NEVER_LEARNS)
    (cell,) = make_plan(Request(["./never.py"], "./halves_set.py", "tiny.yaml", ["reconstruction"])).cells
    with hidden_notices():
        quiet = Task.of(Attempt(cell), WorkerState(Store(Path("quiet"))), threads=1)
    assert Result.model_validate_json(run_task(quiet.model_dump_json())).status == "done"
    assert not recwarn.list
    task = Task.of(Attempt(cell), WorkerState(Store(Path("loud"))), threads=1)
    with pytest.warns(CollapseWarning):
        run_task(task.model_dump_json())


DONE = Result(status="done").model_dump_json()


class TestALostWorker:
    def test_is_retried_and_others_continue(self, plan: Plan, tmp_path: Path) -> None:
        notes: list[str] = []
        scripted = Scripted([None, DONE, None, DONE])
        outcomes = list(scripted.run(plan, WorkerState(Store(tmp_path)), Watch(note=notes.append)))
        assert [outcome.status for outcome in outcomes] == ["done", "done"]
        assert {outcome.cell.id for outcome in outcomes} == {cell.id for cell in plan.cells}
        assert len(notes) == 2
        assert scripted.closed

    def test_is_given_up_after_the_retries_and_recorded(self, plan: Plan, tmp_path: Path) -> None:
        scripted = Scripted([None, DONE, None, None])
        failed = [
            o for o in scripted.run(plan, WorkerState(Store(tmp_path)), Watch()) if o.status == "failed"
        ]
        (outcome,) = failed
        assert "3 times" in outcome.error
        assert read_json(Store(tmp_path).cell(outcome.cell.id).failure)["error"] == outcome.error

    def test_an_error_of_a_cell_is_not_retried(self, plan: Plan, tmp_path: Path) -> None:
        scripted = Scripted([Result(status="failed", error="no").model_dump_json(), DONE])
        outcomes = list(scripted.run(plan, WorkerState(Store(tmp_path)), Watch()))
        assert sorted(outcome.status for outcome in outcomes) == ["done", "failed"]
        assert scripted.sent == 2

    def test_progress_is_read_while_no_cell_ends(self, plan: Plan, tmp_path: Path) -> None:
        looks: list[int] = []
        watch = Watch(look=lambda: looks.append(1))
        list(Scripted([DONE, DONE], slow=3).run(plan, WorkerState(Store(tmp_path)), watch))
        assert len(looks) >= 4


class TestTrainingsAndEvaluations:
    """Three trainings on two workers: the third begins before the first is evaluated."""

    def test_trainings_go_first_and_evaluations_fill_the_gaps(self, plan: Plan) -> None:
        first, second = plan.cells
        third = first.model_copy(update={"seed": 7})
        queue = Queue(2, deque(Attempt(cell, "training") for cell in (first, second, third)))
        assert [queue.take().cell for _ in range(2)] == [first, second]
        queue.add(Attempt(first, "evaluation"))
        assert queue.take() == Attempt(third, "training")
        queue.add(Attempt(second, "evaluation"))
        assert [queue.take().cell for _ in range(2)] == [first, second]
        assert not len(queue)

    def test_results_do_not_wait_for_all_trainings(self, plan: Plan) -> None:
        queue = Queue(2, deque(Attempt(cell, "training") for cell in plan.cells))
        for cell in plan.cells:
            queue.add(Attempt(cell, "evaluation"))
        assert queue.take() == Attempt(plan.cells[0], "evaluation")
        assert queue.take() == Attempt(plan.cells[0], "training")

    def test_the_last_two_evaluations_run_one_after_the_other(self, plan: Plan) -> None:
        first, second = plan.cells
        queue = Queue(2, deque([Attempt(first, "training")]))
        queue.add(Attempt(first, "evaluation"))
        assert not queue.is_ending([])
        queue.take()
        assert not queue.is_ending([Attempt(second, "training")])
        assert queue.is_ending([Attempt(second, "evaluation")])
        queue.add(Attempt(second, "evaluation"))
        assert queue.is_ending([])
        queue.add(Attempt(second, "evaluation"))
        assert not queue.is_ending([])

    def test_at_the_end_of_a_run_one_worker_is_left(self, plan: Plan, tmp_path: Path) -> None:
        trained = Result(status="trained").model_dump_json()
        scripted = Scripted([trained, trained, DONE, DONE])
        scripted.in_two, scripted.jobs = True, 2
        list(scripted.run(plan, WorkerState(Store(tmp_path)), Watch()))
        assert scripted.batches == [2, 1, 1]

    def test_a_trained_cell_is_sent_again_and_counts_once(self, plan: Plan, tmp_path: Path) -> None:
        started: list[str] = []
        trained = Result(status="trained").model_dump_json()
        scripted = Scripted([trained, None, DONE, trained, DONE])
        scripted.in_two = True
        watch = Watch(started=lambda cell: started.append(cell.id))
        outcomes = list(scripted.run(plan, WorkerState(Store(tmp_path)), watch))
        assert [outcome.status for outcome in outcomes] == ["done", "done"]
        assert started == [cell.id for cell in plan.cells]
        assert scripted.parts == ["training", "evaluation", "evaluation", "training", "evaluation"]


class Still(local.Worker):
    """A worker without a process: it does nothing with its tasks."""

    def __init__(self, share: Any) -> None:
        self.evaluated, self.pipe = (
            set(),
            SimpleNamespace(send_bytes=lambda task: None, recv_bytes=lambda: b""),
        )


class TestProcesses:
    @pytest.fixture
    def processes(self, monkeypatch: pytest.MonkeyPatch) -> local.Processes:
        monkeypatch.setattr(local, "Worker", Still)
        monkeypatch.setattr(hardware, "cores", lambda: 8)
        return local.Processes(jobs=2, retries=0)

    def test_who_has_evaluated_a_seed_evaluates_it_again(
        self, plan: Plan, tmp_path: Path, processes: local.Processes
    ) -> None:
        state = WorkerState(Store(tmp_path))
        evaluations = [Task.of(Attempt(cell, "evaluation"), state, threads=4) for cell in plan.cells]
        first, second = processes.send(evaluations)
        for worker in (first, second):
            processes.result(worker)
        assert processes.send(evaluations[:1]) == [first]
        processes.result(first)
        assert processes.send(evaluations[1:]) == [second]

    def test_a_training_leaves_who_has_evaluated_to_evaluations(
        self, plan: Plan, tmp_path: Path, processes: local.Processes
    ) -> None:
        state, cell = WorkerState(Store(tmp_path)), plan.cells[0]
        training, evaluation = (
            Task.of(Attempt(cell, part), state, threads=4) for part in ("training", "evaluation")
        )
        first, second = processes.send([evaluation, training])
        for worker in (first, second):
            processes.result(worker)
        assert processes.send([training, evaluation]) == [second, first]

    def test_evaluations_use_the_cores_of_idle_workers(
        self, plan: Plan, tmp_path: Path, processes: local.Processes
    ) -> None:
        tasks = [Task.of(Attempt(cell), WorkerState(Store(tmp_path)), threads=4) for cell in plan.cells]
        first, _ = processes.send(tasks)
        assert processes.share.value == 4
        processes.result(first)
        assert processes.share.value == 8

    def test_a_worker_asks_for_its_share_each_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(signal, "signal", lambda *handler: None)
        monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
        monkeypatch.setattr(local, "_end_with_parent", lambda: None)
        share, allowed = SimpleNamespace(value=1), []

        def receive() -> bytes:
            for share.value in (1, 3):
                allowed.append(ALLOWED.get()())
            raise EOFError

        pipe: Any = SimpleNamespace(recv_bytes=receive, send_bytes=None)
        copy_context().run(local._serve, pipe, share)  # type: ignore[arg-type]
        assert allowed == [1, 3]

    @pytest.mark.slow
    def test_a_killed_one_resumes_from_its_checkpoint(
        self, run: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("deadly.py").write_text(DEADLY)
        options = ["--experiments", "reconstruction", "-j", "2", "--checkpoint-every", "0"]
        options += ["--set", "budget.images=3200"]
        assert run(*TINY, "--methods", "./deadly.py,drnet", *options) == 0
        assert "SIGKILL" in capsys.readouterr().err
        broken = results()
        first, second = Path("attempts.txt").read_text().split()
        assert (int(first), int(second)) == (0, 50)
        Path("attempts.txt").write_text("survives\n")
        assert run(*TINY, "--methods", "./deadly.py,drnet", *options, "--out", "unbroken") == 0
        pd.testing.assert_frame_equal(broken.drop(columns=STAMPS), results("unbroken").drop(columns=STAMPS))

    @pytest.mark.slow
    def test_one_that_is_always_killed_fails_its_cell_only(self, run: Run) -> None:
        Path("deadly.py").write_text(DEADLY)
        methods = ["--methods", "./deadly.py[deaths=9],drnet", "--experiments", "reconstruction"]
        assert run(*TINY, *methods, "-j", "2", "--retries", "1", "--set", "budget.images=3200") == 1
        assert set(results()["method"]) == {"drnet"}
        (failure,) = Path("runs").rglob("failure.json")
        assert "2 times" in read_json(failure)["error"]
        assert not list(Path("runs").rglob("progress.json"))

    def test_end_with_the_run_that_started_them(self, run: Run) -> None:
        endless = ["--set", "budget.images=1000000000", "-j", "2"]
        process = subprocess.Popen(
            [sys.executable, "-m", "lordbench", *TINY, *METHODS, *endless], stderr=subprocess.DEVNULL
        )
        try:
            workers = set(wait_for(lambda: training_workers(2)))
        finally:
            process.kill()
            process.wait()
        wait_for(lambda: all(not Path(f"/proc/{worker}").exists() for worker in workers) or None)
        # No process locks the folder or a cell any more.
        with open_run_folder(Path("runs")) as store:
            for folder in store.cells():
                with cell_lock(store, folder.path.name, timeout=10):
                    pass


def training_workers(jobs: int) -> list[int] | None:
    """Process ids of the workers in training, once there are `jobs` of them."""
    workers = workers_of(Path("runs"))
    return workers if len(workers) == jobs else None


class TestTwoRuns:
    def test_a_run_waits_for_a_cell_that_another_process_runs(self, run: Run) -> None:
        order: list[str] = []
        plan = make_plan(Request(["mlvae"], "./halves_set.py", "tiny.yaml", ["reconstruction"]))
        (cell,) = plan.cells
        state = WorkerState(Store(Path("runs")))
        in_this_process = executors.make("local", {})

        def second() -> None:
            list(in_this_process.run(plan, state, Watch()))
            order.append("second")

        with cell_lock(state.store, cell.id):
            thread = threading.Thread(target=second)
            thread.start()
            thread.join(0.5)
            assert not state.store.cell(cell.id).is_trained()
            order.append("first")
        thread.join()
        assert order == ["first", "second"]


def test_a_setting_of_another_executor_is_an_error(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*TINY, *METHODS, "--partition", "gpu") == 2
    assert "partition is a setting of --executor slurm, not of local" in capsys.readouterr().err
    assert not Path("runs").exists()
