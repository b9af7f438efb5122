"""Event files of `lordbench run --tensorboard` hold the curve once, the values and the pictures."""

from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from commandline import STAMPS, TINY, Run, results

from lordbench.report.progress import RunProgress

ONE = [*TINY, "--methods", "lord", "--set", "budget.images=3200", "--experiments"]
TRANSFER, RECONSTRUCTION = [*ONE, "content-transfer"], [*ONE, "reconstruction"]
installed = pytest.mark.skipif(find_spec("tensorboard") is None, reason="tensorboard is not installed")


def events(folder: str = "runs") -> Any:
    """The event files of the one cell, as TensorBoard reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (path,) = Path(folder, "tensorboard").iterdir()
    found = EventAccumulator(str(path), size_guidance={"scalars": 0})
    found.Reload()
    return found


def curve(folder: str = "runs") -> pd.DataFrame:
    (path,) = Path(folder).rglob("curve.csv")
    return pd.read_csv(path)


def assert_holds_the_curve(accumulator: Any, curve: pd.DataFrame) -> None:
    for phase, lines in curve.groupby("phase"):
        for term in lines.columns.drop(["phase", "step"]):
            expected = lines[["step", term]].dropna()
            if len(expected):
                scalars = accumulator.Scalars(f"{phase}/{term}")
                assert [scalar.step for scalar in scalars] == list(expected["step"])
                assert [scalar.value for scalar in scalars] == pytest.approx(list(expected[term]), rel=1e-6)


@installed
class TestEventFiles:
    def test_hold_curve_throughput_values_and_pictures(self, run: Run) -> None:
        assert run(*TRANSFER, "--tensorboard") == 0
        found = events()
        assert_holds_the_curve(found, curve())
        assert all(scalar.value > 0 for scalar in found.Scalars("amortization/images per second"))
        rows = results()
        ssim = rows[(rows["subject"] == "transfer") & (rows["metric"] == "ssim")]
        assert set(ssim["codes"]) == {"encoded", "learned"}
        for row in ssim.itertuples():
            (scalar,) = found.Scalars(f"{row.experiment}/{row.subject}/{row.codes}/ssim")
            assert scalar.value == pytest.approx(row.value)
        assert set(found.Tags()["images"]) == {path.stem for path in Path("runs").rglob("*.png")}
        assert "transfer-encoded" in found.Tags()["images"]

    def test_of_a_resumed_training_hold_each_step_once(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        steps = Counter[int]()

        def stop_late_in_stage_2(self: RunProgress, done: int, images: int, loss: float | None) -> None:
            steps[done] += 1
            if done == 35 and steps[done] == 2:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(RunProgress, "step", stop_late_in_stage_2)
            assert run(*RECONSTRUCTION, "--tensorboard") == 130
        assert run(*RECONSTRUCTION, "--tensorboard") == 0
        (path,) = Path("runs/tensorboard").iterdir()
        assert len(list(path.iterdir())) >= 2
        assert_holds_the_curve(events(), curve())

    def test_of_a_training_started_without_them_hold_all_steps(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def stop_in_stage_2(self: RunProgress, done: int, images: int, loss: float | None) -> None:
            if self.name == "amortization":
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(RunProgress, "step", stop_in_stage_2)
            assert run(*RECONSTRUCTION) == 130
        assert run(*RECONSTRUCTION, "--tensorboard") == 0
        assert_holds_the_curve(events(), curve())

    def test_change_no_result(self, run: Run) -> None:
        run(*RECONSTRUCTION, "--out", "without")
        run(*RECONSTRUCTION, "--out", "with", "--tensorboard")
        assert not Path("without/tensorboard").exists()
        pd.testing.assert_frame_equal(
            results("with").drop(columns=STAMPS), results("without").drop(columns=STAMPS)
        )
        pd.testing.assert_frame_equal(curve("with"), curve("without"))


def test_without_the_package_nothing_is_run(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lordbench.utils.errors.find_spec", lambda name: None)
    assert run(*TRANSFER, "--tensorboard") == 2
    assert "lordbench[tensorboard]" in capsys.readouterr().err
    assert not Path("runs").exists()
