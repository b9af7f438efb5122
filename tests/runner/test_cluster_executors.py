"""Cells on a Ray cluster of two nodes on this machine, and as submitit's jobs without Slurm."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from commandline import DEADLY, STAMPS, TINY, Run, results
from nodes import two_nodes
from waiting import wait_for

pytestmark = pytest.mark.cluster

GRID = [*TINY, "--experiments", "reconstruction", "--set", "budget.images=3200", "--checkpoint-every", "0"]


@pytest.fixture
def unbroken(run: Run) -> pd.DataFrame:
    """The rows of a run without accidents, on one thread as in the workers."""
    Path("deadly.py").write_text(DEADLY)
    Path("attempts.txt").write_text("survives\n" * 9)
    assert run(*GRID, "--methods", "./deadly.py,drnet", "--out", "unbroken") == 0
    Path("attempts.txt").unlink()
    return results("unbroken")


def assert_same(unbroken: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(results().drop(columns=STAMPS), unbroken.drop(columns=STAMPS))


class TestSlurm:
    """With submitit's local executor: the same jobs and signals, without Slurm."""

    @pytest.mark.parametrize("signal", ["SIGKILL", "SIGUSR2"])
    @pytest.mark.slow
    def test_killed_and_preempted_jobs_resume_from_their_checkpoint(
        self, run: Run, unbroken: pd.DataFrame, signal: str
    ) -> None:
        pytest.importorskip("submitit")
        Path("deadly.py").write_text(DEADLY.replace("SIGKILL", signal))
        slurm = ["--executor", "slurm", "--slurm-cluster", "local", "-j", "2"]
        assert run(*GRID, "--methods", "./deadly.py,drnet", *slurm) == 0
        attempts = Path("attempts.txt").read_text().split()
        assert len(attempts) == 2
        assert "50" in attempts
        unstable = ["cell", "method_source"]  # of the other signal
        rows = results().drop(columns=[*STAMPS, *unstable])
        order = ["method", "subject", "metric"]
        pd.testing.assert_frame_equal(
            rows.sort_values(order, ignore_index=True),
            unbroken.drop(columns=[*STAMPS, *unstable]).sort_values(order, ignore_index=True),
        )

    def test_pickles_are_in_a_private_folder_and_never_in_a_run_folder(self, run: Run) -> None:
        pytest.importorskip("submitit")
        slurm = ["--executor", "slurm", "--slurm-cluster", "local"]
        assert run(*GRID, "--methods", "drnet", *slurm) == 0
        assert not list(Path("runs").rglob("*.pkl"))
        (folder,) = Path("home/slurm").iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700


class TestRay:
    @pytest.fixture
    def cluster(self, run: Run) -> Iterator[Any]:
        pytest.importorskip("ray")
        cluster = two_nodes()
        yield cluster
        cluster.shutdown()

    def test_a_killed_node_loses_no_cell(self, run: Run, unbroken: pd.DataFrame, cluster: Any) -> None:
        Path("attempts.txt").write_text("survives\n" * 9)
        command = [*GRID, "--methods", "./deadly.py,drnet"]
        ray = ["--executor", "ray", "--ray-address", cluster.address]
        process = subprocess.Popen([sys.executable, "-m", "lordbench", *command, *ray], text=True)
        try:
            wait_for(lambda: list(Path("runs").rglob("checkpoint.safetensors")) or None)
            cluster.remove_node(cluster.second, allow_graceful=False)
            assert process.wait(timeout=300) == 0
        finally:
            process.kill()
        assert_same(unbroken)
