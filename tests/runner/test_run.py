"""`lordbench run` from end to end: rows, pictures, resuming."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commandline import STAMPS, TINY, Run, results

from lordbench.results.rows import COLUMNS


@pytest.mark.slow
def test_three_methods_give_rows_tables_and_pictures(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*TINY) == 0
    rows = results()
    assert list(rows.columns) == list(COLUMNS)
    assert set(rows["method"]) == {"lord", "drnet", "mlvae"}
    assert set(rows["experiment"]) == {
        "content-transfer", "leakage", "reconstruction", "retrieval", "dependence",
    }  # fmt: skip
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


def test_values_are_in_range(run: Run) -> None:
    run(*TINY, "--methods", "lord")
    rows = results().dropna(subset=["value"])
    for metric in ("ssim", "probe_mlp.accuracy", "chance", "class_agreement", "l1"):
        assert rows.loc[rows["metric"] == metric, "value"].between(0, 1).all()
    bounded = rows.dropna(subset=["ci_low"])
    assert (bounded["ci_low"] <= bounded["value"] + 1e-9).all()
    assert (bounded["value"] <= bounded["ci_high"] + 1e-9).all()


def test_a_collapsed_training_is_named_when_it_ends(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*TINY, "--methods", "mlvae", "--set", "budget.images=64") == 0
    expected = "Collapsed: mlvae on ./halves_set.py, seed 0: L1 of reconstructions 0."
    assert expected in capsys.readouterr().err
    collapsed = results().query("metric == 'collapsed'")
    assert collapsed["value"].tolist() == [1]
    assert "L1 of reconstructions" in collapsed["note"].iloc[0]
    assert pd.read_csv("runs/leaderboard.csv")["n_collapsed"].tolist()[0] == 1


def test_metrics_without_weights_have_a_note(run: Run) -> None:
    run(*TINY, "--methods", "mlvae")
    rows = results()
    for metric in ("lpips", "fid", "fd_vgg16", "kd_vgg16"):
        lacking = rows[rows["metric"] == metric]
        assert len(lacking) > 0
        assert lacking["value"].isna().all()
        assert (lacking["note"] != "").all()


def test_floors_are_equal_for_all_methods(run: Run) -> None:
    run(*TINY, "--methods", "drnet,mlvae")
    rows = results()
    floors = rows[rows["subject"].isin(["copy", "random"]) & rows["value"].notna()]
    assert len(floors) > 0
    assert (floors.groupby(["subject", "metric"])["value"].nunique() == 1).all()


@pytest.mark.slow
def test_a_second_run_trains_nothing(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
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


@pytest.mark.slow
def test_order_of_methods_does_not_matter(run: Run) -> None:
    run(*TINY, "--methods", "lord,mlvae", "--out", "a")
    run(*TINY, "--methods", "mlvae,lord", "--out", "b")
    pd.testing.assert_frame_equal(results("a").drop(columns=STAMPS), results("b").drop(columns=STAMPS))


@pytest.mark.slow
def test_an_interrupted_run_ends_with_the_same_bytes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert set(results()["experiment"]) == {
        "content-transfer", "leakage", "reconstruction", "retrieval", "dependence",
    }  # fmt: skip


def test_how_the_path_of_a_preset_is_written_makes_no_other_cell(run: Run) -> None:
    arguments = [*TINY, "--methods", "mlvae", "--experiments", "reconstruction"]
    for preset in ("tiny.yaml", "./tiny.yaml", str(Path("tiny.yaml").resolve())):
        assert run(*(preset if text == "tiny.yaml" else text for text in arguments)) == 0
    assert len(list(Path("runs/cells").iterdir())) == 1
    assert set(results()["preset"]) == {"tiny.yaml"}


def test_force_trains_again(run: Run) -> None:
    run(*TINY, "--methods", "mlvae", "--experiments", "reconstruction")
    (model,) = Path("runs").rglob("model.safetensors")
    before = model.stat().st_mtime_ns
    run(*TINY, "--methods", "mlvae", "--experiments", "reconstruction", "--force")
    assert model.stat().st_mtime_ns != before


def test_several_jobs_give_the_same_bytes_as_one(run: Run, threads: Callable[[int], None]) -> None:
    arguments = [*TINY, "--methods", "drnet,mlvae", "--experiments", "reconstruction", "--set", "threads=1"]
    threads(2)
    assert run(*arguments, "--out", "one", "-j", "1") == 0
    threads(1)
    assert run(*arguments, "--out", "two", "-j", "2") == 0
    one, two = (results(folder).drop(columns=STAMPS) for folder in ("one", "two"))
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert set(one["threads"]) == {1}
    curves = list(Path("one").rglob("curve.csv"))
    assert len(curves) == 2
    assert all(path.read_bytes() == ("two" / path.relative_to("one")).read_bytes() for path in curves)


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


def test_settings_of_a_method_define_a_variant(run: Run) -> None:
    run(*TINY, "--methods", "lord", "--set", "lord.noise=0.5", "--experiments", "reconstruction")
    run(*TINY, "--methods", "lord[noise=0.5]", "--experiments", "reconstruction")
    rows = results()
    assert set(rows["variant"]) == {"noise=0.5"}
    assert rows["cell"].nunique() == 1


SEEDED = """
from typing import ClassVar
import torch
from lordbench.training.method import Codes, Method

class Seeded(Method):
    summary: ClassVar[str] = "keeps its first random number and the seed of its training"
    source: ClassVar[str] = "none"

    def __init__(self, config, spec):
        super().__init__(config, spec)
        self.first = torch.nn.Parameter(torch.rand(1))
        self.register_buffer("seed", torch.zeros(1))

    def fit(self, train, context):
        self.seed.fill_(context.seed % 1000)

    def encode(self, images):
        return Codes(images.mean((2, 3)), images.mean((2, 3)))

    def decode(self, codes):
        return codes.content_code[:, :, None, None].expand(-1, 3, 16, 16)
"""
TELLING = """
from typing import ClassVar
from lordbench.evaluation import Experiment, Measurement

class Telling(Experiment):
    summary: ClassVar[str] = "tells what the seed decides"

    def run(self, trained):
        method, n = trained.method, len(trained.split.test)
        found = {
            "weights": method.first.item(), "training": method.seed.item(),
            "experiments": trained.seed % 1000, "split": float(trained.split.test.images.astype(int).sum()),
        }
        return [
            Measurement(experiment="telling", subject="seed", codes="encoded", metric=name, value=value, n=n,
                        higher_is_better=None)
            for name, value in found.items()
        ]
"""


def test_a_seed_decides_split_weights_training_and_experiments(run: Run) -> None:
    Path("seeded.py").write_text(SEEDED)
    Path("telling.py").write_text(TELLING)
    command = [*TINY, "--methods", "./seeded.py", "--experiments", "./telling.py"]
    assert run(*command, "--seeds", "0,1,2") == 0
    rows = results()
    assert rows.groupby("metric")["value"].nunique().to_dict() == {
        "experiments": 3, "split": 3, "training": 3, "weights": 3,
    }  # fmt: skip
    assert run(*command, "--seeds", "2", "--out", "again") == 0
    again = results("again").set_index("metric")["value"]
    assert again.to_dict() == rows[rows["seed"] == 2].set_index("metric")["value"].to_dict()
