"""Weights & Biases and MLflow get the curve, the values and the pictures; offline."""

from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from commandline import TINY, Run, results

from lordbench.runner.trackers import require_trackers
from lordbench.utils.errors import UserError

ARGUMENTS = [*TINY, "--methods", "mlvae", "--experiments", "content-transfer"]


@pytest.mark.skipif(find_spec("mlflow") is None, reason="mlflow is not installed")
def test_mlflow_has_curve_values_and_pictures(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert run(*ARGUMENTS, "--mlflow") == 0
    client = MlflowClient(Path("runs/mlruns").resolve().as_uri())
    experiment = client.get_experiment_by_name("lordbench")
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED"
    assert found.data.params["seed"] == "0"
    rows = results()
    (ssim,) = rows.query("subject == 'transfer' and metric == 'ssim' and codes == 'encoded'")["value"]
    assert found.data.metrics["content-transfer/encoded/transfer/ssim"] == pytest.approx(ssim)
    (path,) = Path("runs").rglob("curve.csv")
    curve = pd.read_csv(path)
    phase = curve["phase"].iloc[0]
    sent = client.get_metric_history(found.info.run_id, f"{phase}/reconstruction")
    assert [m.step for m in sent] == list(curve["step"])
    pictures = {Path(each.path).name for each in client.list_artifacts(found.info.run_id, "pictures")}
    assert pictures == {path.name for path in Path("runs/cells").rglob("*.png")}


@pytest.mark.skipif(find_spec("wandb") is None, reason="wandb is not installed")
def test_wandb_leaves_a_run_to_sync(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert run(*ARGUMENTS, "--wandb") == 0
    (written,) = Path("runs/wandb").rglob("*.wandb")
    content = written.read_bytes()
    assert b"content-transfer/encoded/transfer/ssim" in content
    assert b"images per second" in content


def test_a_tracker_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lordbench.utils.errors.find_spec", lambda name: None)
    with pytest.raises(UserError, match="wandb"):
        require_trackers(("wandb",))


def test_an_unknown_tracker_is_named() -> None:
    with pytest.raises(UserError, match="did you mean mlflow"):
        require_trackers(("mlfow",))
