"""`lordbench run` from end to end: rows, resume, failures, bad input; nothing lost, nothing done twice."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

from lordbench.cli import main
from lordbench.results.row import COLUMNS, read_csv

DATASET = """
from typing import ClassVar
from helpers import halves
from lordbench.dataset import Dataset

class Halves(Dataset):
    summary: ClassVar[str] = "coloured halves"
    def load(self, size, track=None):
        return halves(n_classes=8, n_contents=16, size=size)
"""
PRESET = """
summary: tiny
image_size: 16
precision: float32
budget: {images: 640, batch_size: 32}
evaluation: {pairs: 30, real_images: 64, grid: [3, 2]}
defaults: {class_size: 8, content_size: 4, width: 8, reconstruction: pyramid}
"""
BROKEN = """
from typing import ClassVar
from lordbench.method import Codes, Method

class Broken(Method):
    summary: ClassVar[str] = "fails"
    source: ClassVar[str] = "none"
    def fit(self, train, context): raise ValueError("no such luck")
    def encode(self, images): return Codes(images.mean((2, 3)), images.mean((1, 2)))
    def decode(self, codes): return codes.class_code
"""
STAMPS = ["train_seconds", "train_images_per_second", "peak_memory_mib", "started"]
Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call the command line in this process, offline, in an empty folder; returns the exit status."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LORDBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LORDBENCH_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("LORDBENCH_WEIGHTS", "")
    (tmp_path / "halves_set.py").write_text(DATASET)
    (tmp_path / "tiny.yaml").write_text(PRESET)
    (tmp_path / "broken.py").write_text(BROKEN)

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["lordbench", *arguments])
        try:
            main()
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    return call


TINY = ["run", "--dataset", "./halves_set.py", "--preset", "tiny.yaml"]


def results(folder: str = "runs") -> pd.DataFrame:
    return read_csv(Path(folder) / "results.csv")


def test_three_methods_give_rows_tables_and_pictures(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*TINY) == 0
    rows = results()
    assert list(rows.columns) == list(COLUMNS)
    assert set(rows["method"]) == {"lord", "drnet", "mlvae"}
    assert set(rows["experiment"]) == {"content-transfer", "leakage", "reconstruction"}
    assert {"transfer", "copy", "random", "reconstruction", "real"} <= set(
        rows.loc[rows["experiment"] == "content-transfer", "subject"]
    )
    learned = rows[rows["codes"] == "learned"]
    assert set(learned["method"]) == {"lord"}
    for column in ("data_fingerprint", "method_source", "device", "torch_version", "started", "precision"):
        assert (rows[column] != "").all()
    assert "lord" in capsys.readouterr().out
    assert pd.read_csv("runs/leaderboard.csv").shape[0] >= 3
    for cell in Path("runs/cells").iterdir():
        assert (cell / "transfer-encoded.png").exists()
        assert len(pd.read_csv(cell / "curve.csv")) > 0
        assert not (cell / "checkpoint.safetensors").exists()


def test_values_lie_where_they_can(run: Run) -> None:
    run(*TINY, "--methods", "lord")
    rows = results().dropna(subset=["value"])
    for metric in ("ssim", "probe_mlp.accuracy", "chance", "class_agreement", "l1"):
        assert rows.loc[rows["metric"] == metric, "value"].between(0, 1).all()
    bounded = rows.dropna(subset=["ci_low"])
    assert (bounded["ci_low"] <= bounded["value"] + 1e-9).all()
    assert (bounded["value"] <= bounded["ci_high"] + 1e-9).all()


def test_metrics_without_weights_say_so(run: Run) -> None:
    run(*TINY, "--methods", "mlvae")
    rows = results()
    for metric in ("lpips", "fid", "fd_vgg16", "kd_vgg16"):
        lacking = rows[rows["metric"] == metric]
        assert len(lacking) > 0
        assert lacking["value"].isna().all()
        assert (lacking["note"] != "").all()


def test_floors_and_pairs_are_the_same_for_all_methods(run: Run) -> None:
    run(*TINY, "--methods", "drnet,mlvae")
    rows = results()
    floors = rows[rows["subject"].isin(["copy", "random"]) & rows["value"].notna()]
    assert len(floors) > 0
    assert (floors.groupby(["subject", "metric"])["value"].nunique() == 1).all()


def test_second_time_nothing_is_trained(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run(*TINY, "--methods", "lord")
    first = Path("runs/results.csv").read_bytes()
    models = [path.stat().st_mtime_ns for path in Path("runs").rglob("model.safetensors")]
    table = capsys.readouterr().out
    assert run(*TINY, "--methods", "lord") == 0
    captured = capsys.readouterr()
    assert captured.out == table
    assert "nothing: done before" in captured.err
    assert Path("runs/results.csv").read_bytes() == first
    assert [path.stat().st_mtime_ns for path in Path("runs").rglob("model.safetensors")] == models


def test_order_of_methods_does_not_matter(run: Run) -> None:
    run(*TINY, "--methods", "lord,mlvae", "--out", "a")
    run(*TINY, "--methods", "mlvae,lord", "--out", "b")
    pd.testing.assert_frame_equal(results("a").drop(columns=STAMPS), results("b").drop(columns=STAMPS))


def test_interrupted_run_ends_with_the_same_bytes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run(*TINY, "--methods", "lord", "--out", "unbroken")
    from lordbench.experiments.leakage import Leakage
    from lordbench.report.progress import RunProgress

    def stop_in_training(self: RunProgress, done: int, images: int, loss: float | None) -> None:
        if done == 7:
            raise KeyboardInterrupt

    def stop_in_leakage(self: Leakage, trained: object) -> None:
        raise KeyboardInterrupt

    for place, name, stop in ((RunProgress, "step", stop_in_training), (Leakage, "run", stop_in_leakage)):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, stop)
            assert run(*TINY, "--methods", "lord") == 130
    assert run(*TINY, "--methods", "lord") == 0
    pd.testing.assert_frame_equal(results().drop(columns=STAMPS), results("unbroken").drop(columns=STAMPS))
    for path in Path("unbroken/cells").rglob("*.png"):
        assert path.read_bytes() == (Path("runs") / path.relative_to("unbroken")).read_bytes()


def test_more_experiments_on_a_finished_cell_train_nothing(run: Run) -> None:
    run(*TINY, "--methods", "mlvae", "--experiments", "reconstruction")
    (model,) = Path("runs").rglob("model.safetensors")
    before = model.stat().st_mtime_ns
    run(*TINY, "--methods", "mlvae")
    assert model.stat().st_mtime_ns == before
    assert set(results()["experiment"]) == {"content-transfer", "leakage", "reconstruction"}


def test_force_trains_again(run: Run) -> None:
    run(*TINY, "--methods", "mlvae", "--experiments", "reconstruction")
    (model,) = Path("runs").rglob("model.safetensors")
    before = model.stat().st_mtime_ns
    run(*TINY, "--methods", "mlvae", "--experiments", "reconstruction", "--force")
    assert model.stat().st_mtime_ns != before


def test_a_failing_method_stops_only_itself(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*TINY, "--methods", "./broken.py,mlvae", "--experiments", "reconstruction") == 1
    assert "no such luck" in capsys.readouterr().err
    assert set(results()["method"]) == {"mlvae"}
    (failure,) = Path("runs").rglob("failure.json")
    assert "no such luck" in json.loads(failure.read_text())["traceback"]
    assert run(*TINY, "--methods", "./broken.py") == 1  # never taken for finished


def test_a_diverging_loss_is_recorded(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*TINY, "--methods", "lord[generator_rate=1e30]", "--experiments", "reconstruction") == 1
    assert "became" in capsys.readouterr().err
    assert not list(Path("runs").rglob("model.safetensors"))


def test_several_jobs_give_the_rows_of_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # what each of two jobs gets on two cores
    try:
        run(*TINY, "--methods", "drnet,mlvae", "--experiments", "reconstruction", "--out", "one")
    finally:
        torch.set_num_threads(threads)
    assert (
        run(*TINY, "--methods", "drnet,mlvae", "--experiments", "reconstruction", "--out", "two", "-j", "2")
        == 0
    )
    drop = [*STAMPS, "threads"]
    pd.testing.assert_frame_equal(
        results("one").drop(columns=drop), results("two").drop(columns=drop), rtol=1e-3
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--methods", "lrod"], "did you mean lord"),
        (["--dataset", "toycar"], "did you mean toycars"),
        (["--methods", "lord[noize=1]"], "did you mean noise"),
        (["--set", "budget.image=1"], "budget.image"),
        (["--seeds", "a"], "--seeds"),
        (["--device", "cuda:7"], "cuda:7"),
        (["--device", "gpu"], "gpu"),
        (["--dataset", "folder:nowhere"], "nowhere"),
        (["--dataset", "folder"], "folder:PATH"),
        (["--experiments", "leakages"], "did you mean leakage"),
        (["--preset", "quik"], "did you mean quick"),
        (["--dataset", "kth"], "handwaving"),
        (["--split", "nothing"], "split"),
    ],
)
def test_bad_input_is_named_and_exits_with_2(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert run("run", "--preset", "tiny.yaml", *arguments) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert "Traceback" not in captured.err
    assert not Path("runs").exists()


def test_missing_weights_for_training_stop_before_training(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*TINY, "--methods", "lord[reconstruction=perceptual]") == 2
    assert "vgg16" in capsys.readouterr().err


def test_two_runs_in_one_folder(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    Path("runs").mkdir()
    with FileLock("runs/.lock"):
        assert run(*TINY) == 2
    assert "another run" in capsys.readouterr().err


def test_an_output_path_that_is_a_file(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    Path("taken").write_text("mine")
    assert run(*TINY, "--out", "taken") == 2
    assert "cannot write" in capsys.readouterr().err
    assert Path("taken").read_text() == "mine"


def test_a_full_disk_loses_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run(*TINY, "--methods", "mlvae", "--experiments", "reconstruction")
    before = Path("runs/results.csv").read_bytes()
    import lordbench.files

    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(lordbench.files.os, "replace", full)
        assert run(*TINY, "--methods", "mlvae,drnet", "--experiments", "reconstruction") != 0
    assert Path("runs/results.csv").read_bytes() == before
    assert not list(Path("runs").rglob(".writing-*"))
    assert run(*TINY, "--methods", "mlvae,drnet", "--experiments", "reconstruction") == 0
    assert set(results()["method"]) == {"mlvae", "drnet"}


def test_leaderboard_of_two_machines(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run(*TINY, "--methods", "mlvae", "--out", "a")
    run(*TINY, "--methods", "drnet", "--out", "b")
    shutil.copy("b/results.csv", "other.csv")
    capsys.readouterr()
    assert run("leaderboard", "a", "other.csv", "--format", "csv") == 0
    text = capsys.readouterr().out
    assert "mlvae" in text
    assert "drnet" in text
    assert run("leaderboard", "a", "--format", "latex", "--out", "table.tex") == 0
    assert "toprule" in Path("table.tex").read_text()


@pytest.mark.parametrize("kind", ["methods", "datasets", "metrics", "experiments", "presets"])
def test_lists(run: Run, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    assert run("list", kind) == 0
    assert "broken" not in capsys.readouterr().out


def test_doctor_and_weights(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor") == 0
    assert run("weights") == 0
    assert "vgg16" in capsys.readouterr().out


def test_grey_images_without_content_labels(run: Run) -> None:
    from PIL import Image

    generator = np.random.default_rng(0)
    for person in range(5):
        Path(f"faces/p{person}").mkdir(parents=True)
        for i in range(8):
            Image.fromarray(generator.integers(0, 256, (20, 18), dtype=np.uint8)).save(
                f"faces/p{person}/{i}.pgm"
            )
    assert run("run", "--dataset", "folder:faces", "--preset", "tiny.yaml", "--methods", "lord") == 0
    rows = results()
    assert set(rows["dataset"]) == {"folder:faces"}
    assert "class from content" in set(rows["subject"])
    assert "content from class" not in set(rows["subject"])
    assert "class_agreement" in set(rows["metric"])
    held_out = ["--methods", "mlvae", "--split", "classes"]
    assert run("run", "--dataset", "folder:faces", "--preset", "tiny.yaml", *held_out) == 0


def test_settings_of_a_method_make_a_variant(run: Run) -> None:
    run(*TINY, "--methods", "lord", "--set", "lord.noise=0.5", "--experiments", "reconstruction")
    run(*TINY, "--methods", "lord[noise=0.5]", "--experiments", "reconstruction")
    rows = results()
    assert set(rows["variant"]) == {"noise=0.5"}
    assert rows["cell"].nunique() == 1
