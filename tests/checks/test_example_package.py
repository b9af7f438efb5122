"""Once the example package is installed, its plug-ins are found by name and pass the check."""

import os
import subprocess
import sys
from pathlib import Path

from broken_methods import CHECKOUT, EXAMPLE

PROGRAM = """
from lordbench.config import registry
names = {"methods": "linear", "datasets": "stripes", "metrics": "colour", "experiments": "brightness"}
for kind, name in names.items():
    component = registry.find(kind, name)
    assert component.load().__module__ == f"lordbench_example.{name}"
    assert [path.name for path in component.source_files()] == [f"{name}.py"]
import lordbench.cli.main
lordbench.cli.main.main()
"""


def test_it_is_installed_found_and_passes(tmp_path: Path) -> None:
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*install, "--target", str(site), str(EXAMPLE)], check=True, timeout=120)
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, "check", "linear", "stripes", "colour", "brightness"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(site), str(CHECKOUT)])},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("failed") == 0
