"""Runs that only plan, only evaluate, stop in a debugger, or show chosen columns."""

import pdb
from pathlib import Path

import pytest
from commandline import TINY, Run, results

ONE = [*TINY, "--methods", "mlvae", "--experiments"]
RECONSTRUCTION = [*ONE, "reconstruction"]


class TestDryRun:
    def test_prints_the_plan_with_times_and_writes_nothing(
        self, run: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = sorted(Path().rglob("*"))
        assert run(*RECONSTRUCTION, "--seeds", "0,1", "--dry-run") == 0
        screen = capsys.readouterr().err
        assert "train + reconstruction" in screen
        assert "2 of 2 cells to run" in screen
        assert "at a time: about" in screen
        assert sorted(Path().rglob("*")) == before

    def test_of_finished_cells_has_nothing_to_do(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(*RECONSTRUCTION) == 0
        capsys.readouterr()
        assert run(*RECONSTRUCTION, "--dry-run") == 0
        assert "0 of 1 cells to run" in capsys.readouterr().err

    def test_names_bad_input(self, run: Run) -> None:
        assert run(*TINY, "--methods", "lrod", "--dry-run") == 2


class TestOnlyEvaluate:
    def test_runs_experiments_on_trained_cells(self, run: Run) -> None:
        assert run(*RECONSTRUCTION) == 0
        (model,) = Path("runs").rglob("model.safetensors")
        before = model.stat().st_mtime_ns
        assert run(*ONE, "reconstruction,dependence", "--only-evaluate") == 0
        assert "dependence" in set(results()["experiment"])
        assert model.stat().st_mtime_ns == before

    def test_names_cells_that_are_not_trained(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(*RECONSTRUCTION) == 0
        assert run(*RECONSTRUCTION, "--seeds", "0,1", "--only-evaluate") == 1
        assert "seed 1: not trained" in capsys.readouterr().err
        assert set(results()["seed"]) == {0}

    def test_needs_a_trained_cell(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(*RECONSTRUCTION, "--only-evaluate") == 2
        assert "--only-evaluate" in capsys.readouterr().err
        assert not Path("runs").exists()


class TestPdb:
    def test_opens_where_a_cell_fails(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        places = []

        def post_mortem(traceback: object) -> None:
            while traceback.tb_next:  # type: ignore[attr-defined]
                traceback = traceback.tb_next  # type: ignore[attr-defined]
            places.append(traceback.tb_frame.f_code.co_name)  # type: ignore[attr-defined]

        monkeypatch.setattr(pdb, "post_mortem", post_mortem)
        assert run(*TINY, "--methods", "./broken.py", "--pdb") == 1
        assert places == ["fit"]

    def test_is_for_this_process(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(*RECONSTRUCTION, "--pdb", "-j", "2") == 2
        assert "--pdb" in capsys.readouterr().err


class TestColumns:
    def test_are_those_of_the_summary(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(*RECONSTRUCTION, "--columns", "ssim,psnr") == 0
        summary = capsys.readouterr().out
        assert "SSIM" in summary.upper()
        assert "PSNR" in summary.upper()
        assert "recon. L1" not in summary

    def test_an_unknown_one_spares_the_results(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(*RECONSTRUCTION, "--columns", "sim") == 0
        captured = capsys.readouterr()
        assert "did you mean ssim" in captured.err
        assert "recon. L1" in captured.out


def test_the_plan_says_what_does_not_apply(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*TINY, "--methods", "mlvae", "--dry-run") == 0
    screen = capsys.readouterr().err
    assert "not applicable: one-shot (needs held-out classes: --split classes)" in screen
    assert "not applicable: clustered-domain" in screen
