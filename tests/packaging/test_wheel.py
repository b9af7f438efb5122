"""The wheel works outside the checkout, and installs no package but `lordbench`."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(CHECKOUT)], check=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


def test_it_holds_the_plugin_folders_and_the_type_marker_and_installs_one_package(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"lordbench"}
    assert "lordbench/py.typed" in names
    for folder, pattern in (("baselines", "*.py"), ("metrics", "*.py"), ("configs/presets", "*.yaml")):
        for path in (CHECKOUT / folder).glob(pattern):
            assert f"lordbench/plugins/{folder}/{path.name}" in names


@pytest.mark.slow
def test_it_runs_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(site),
        str(wheel),
    ]
    subprocess.run(install, check=True, timeout=120)
    work = tmp_path / "work"
    work.mkdir()
    program = "import lordbench.cli.main; print(lordbench.__file__); lordbench.cli.main.main()"
    sizes = [
        "--experiments",
        "reconstruction,retrieval",
        "--set",
        "budget.images=256",
        "--set",
        "evaluation.pairs=20",
        "--set",
        "evaluation.real_images=30",
    ]
    run = subprocess.run(
        [sys.executable, "-c", program, "run", "--preset", "smoke", "--dataset", "toycars[n_cars=6]", *sizes],
        cwd=work,
        env=os.environ
        | {"PYTHONPATH": str(site), "LORDBENCH_HOME": str(tmp_path / "home"), "LORDBENCH_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(str(site))
    assert {"lord", "drnet", "mlvae"} <= {line.split(",")[1] for line in (work / "runs/results.csv").open()}
