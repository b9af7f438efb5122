"""Errors are named, recorded and contained; small commands work."""

import json
import shutil
from pathlib import Path

import pytest
from commandline import TINY, Run, results
from filelock import FileLock
from PIL import Image

from lordbench.cli.console import OUT


def test_a_failing_method_does_not_stop_the_others(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*TINY, "--methods", "./broken.py,mlvae", "--experiments", "reconstruction") == 1
    assert "no such luck" in capsys.readouterr().err
    assert set(results()["method"]) == {"mlvae"}
    (failure,) = Path("runs").rglob("failure.json")
    assert "no such luck" in json.loads(failure.read_text())["traceback"]
    assert run(*TINY, "--methods", "./broken.py") == 1  # not taken for finished


def test_a_diverging_loss_is_recorded(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*TINY, "--methods", "lord[generator_rate=1e30]", "--experiments", "reconstruction") == 1
    assert "became" in capsys.readouterr().err
    assert not list(Path("runs").rglob("model.safetensors"))


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


def test_names_are_no_pictures(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """A terminal library would show :dog: as one."""
    for name in ("a", "b"):
        Path("dog", name).mkdir(parents=True)
        Image.new("RGB", (16, 16)).save(f"dog/{name}/1.png")
    assert run("run", "--dataset", "folder:dog", "--dry-run") == 2
    assert "folder:dog:" in capsys.readouterr().err


def test_missing_weights_for_training_stop_before_training(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    large = ("--set", "image_size=32")
    assert run(*TINY, *large, "--methods", "lord[reconstruction=perceptual]") == 2
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
    import lordbench.utils.files

    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(lordbench.utils.files.os, "replace", full)
        assert run(*TINY, "--methods", "mlvae,drnet", "--experiments", "reconstruction") != 0
    assert Path("runs/results.csv").read_bytes() == before
    assert not list(Path("runs").rglob(".writing-*"))
    assert run(*TINY, "--methods", "mlvae,drnet", "--experiments", "reconstruction") == 0
    assert set(results()["method"]) == {"mlvae", "drnet"}


@pytest.mark.slow
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


def test_paths_are_whole_in_a_narrow_terminal(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / ("long" * 20)
    monkeypatch.setenv("LORDBENCH_HOME", str(home))
    monkeypatch.setattr(OUT, "_width", 40)  # As where the terminal is narrow.
    assert run("doctor") == 0
    assert f"home: {home}\n" in capsys.readouterr().out


def test_a_tilde_is_the_home_folder_where_the_shell_leaves_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert run("leaderboard", "--published", "--format", "markdown", "--out=~/board.md") == 0
    assert (tmp_path / "home/board.md").exists()
    assert not Path("~").exists()
