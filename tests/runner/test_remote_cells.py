"""A cell on a machine that does not see the run folder loses at most the last few seconds."""

from pathlib import Path

import pandas as pd
import pytest
from commandline import STAMPS, TINY, Run, results

from lordbench.results.run_folder import Store
from lordbench.runner.executors.base import Attempt, Result, Task
from lordbench.runner.executors.ray import Keeper, run_task_remotely
from lordbench.runner.plan import Request, make_plan
from lordbench.runner.run_cell import WorkerState

METHOD = ["--methods", "mlvae", "--experiments", "reconstruction", "--set", "budget.images=3200"]


@pytest.fixture
def task(run: Run) -> Task:
    request = Request(
        ["mlvae"], "./halves_set.py", "tiny.yaml", ["reconstruction"], overrides={"budget.images": 3200}
    )
    (cell,) = make_plan(request).cells
    return Task.of(Attempt(cell), WorkerState(Store(Path("runs")), "cpu", checkpoint_seconds=0), threads=1)


def test_the_files_are_those_of_a_local_run(run: Run, task: Task) -> None:
    answer = Result.model_validate_json(run_task_remotely(task, Keeper(Path("runs")), every=0.05))
    assert answer.status == "done"
    Store(Path("runs")).write_results()
    assert run(*TINY, *METHOD, "--out", "here") == 0
    pd.testing.assert_frame_equal(results().drop(columns=STAMPS), results("here").drop(columns=STAMPS))
    there, here = (Store(Path(root)).cell(task.cell.id).path for root in ("runs", "here"))
    assert {path.name for path in there.iterdir()} == {path.name for path in here.iterdir()}
    for path in there.glob("*.npz"):
        assert path.read_bytes() == (here / path.name).read_bytes()


def test_a_lost_machine_loses_the_time_since_its_checkpoint(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lordbench.training.checkpoints import CheckpointStore

    first_steps: list[int] = []
    resumed = CheckpointStore.progress

    def progress(self: CheckpointStore) -> object:
        found = resumed(self)
        first_steps.append(found.step if found else 0)
        return found

    monkeypatch.setattr(CheckpointStore, "progress", progress)
    keeper = Keeper(Path("runs"))
    first, files = keeper.begin(task.cell.id)
    assert (first, files) == (1, {})
    saved = CheckpointStore.save

    def save(self: CheckpointStore, *state: object) -> None:
        saved(self, *state)  # type: ignore[arg-type]
        keeper.change(task.cell.id, first, {self.path.name: self.path.read_bytes()}, [])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(CheckpointStore, "save", save)
        with pytest.raises(KeyboardInterrupt):
            run_task_remotely(task, Unreachable(keeper))
    run_task_remotely(task, keeper)
    assert first_steps == [0, 25]


class Unreachable(Keeper):
    """A keeper behind a broken network: it gets no files."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper

    def begin(self, cell: str) -> tuple[int, dict[str, bytes]]:
        return 1, {}

    def change(self, cell: str, attempt: int, written: dict[str, bytes], removed: list[str]) -> None:
        raise OSError("no route")


def test_a_machine_that_was_given_up_changes_no_files(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    old, _ = keeper.begin("0123abcd")
    keeper.change("0123abcd", old, {"curve.csv": b"old"}, [])
    new, files = keeper.begin("0123abcd")
    assert files == {"curve.csv": b"old"}
    keeper.change("0123abcd", new, {"curve.csv": b"new"}, [])
    keeper.change("0123abcd", old, {"curve.csv": b"late"}, ["curve.csv"])
    assert Store(tmp_path).cell("0123abcd").curve.read_bytes() == b"new"


@pytest.mark.parametrize("name", ["../plan.json", "/etc/passwd", ".lock", "a/b", ""])
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    keeper = Keeper(tmp_path)
    attempt, _ = keeper.begin("0123abcd")
    for change in ({name: b"x"}, []), ({}, [name]):
        with pytest.raises(ValueError, match="invalid file name"):
            keeper.change("0123abcd", attempt, *change)
    with pytest.raises(FileNotFoundError):
        keeper.begin("../elsewhere")
    assert not list(tmp_path.rglob("*.csv"))
