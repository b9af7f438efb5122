"""The GitHub workflows: they run the project's own commands, and what they install is what it declares."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
FILES = sorted((CHECKOUT / ".github/workflows").glob("*.yml"))
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read(file: Path) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as true.
    return {
        "on" if key is True else str(key): value for key, value in yaml.safe_load(file.read_text()).items()
    }


def commands(file: Path) -> list[str]:
    return [step["run"] for job in read(file)["jobs"].values() for step in job["steps"] if "run" in step]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_workflow_has_triggers_few_rights_and_jobs_that_exist(file: Path) -> None:
    workflow = read(file)
    assert {"push", "pull_request"} <= workflow["on"].keys()
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["runs-on"]
        assert job.get("needs") is None or job["needs"] in workflow["jobs"]
        assert all(("run" in step) != ("uses" in step) for step in job["steps"])


def test_the_tests_run_the_scripts_of_ci_with_all_versions() -> None:
    file = CHECKOUT / ".github/workflows/tests.yml"
    scripts = [command.split()[0] for command in commands(file) if command.startswith(".ci/")]
    assert scripts == [".ci/run", ".ci/versions"]
    assert all(os.access(CHECKOUT / script, os.X_OK) for script in scripts)
    known = re.findall(r"^  (\w+)\) python=", (CHECKOUT / ".ci/versions").read_text(), re.MULTILINE)
    assert read(file)["jobs"]["versions"]["strategy"]["matrix"]["versions"] == known


def test_the_site_is_built_strictly_with_the_declared_packages() -> None:
    install, build = commands(CHECKOUT / ".github/workflows/docs.yml")
    assert re.findall(r'"([^"]+)"', install) == PROJECT["optional-dependencies"]["docs"]
    assert build == "mkdocs build --strict"


def test_the_lowest_python_is_tested() -> None:
    text = (CHECKOUT / ".github/workflows/tests.yml").read_text()
    assert f'python-version: "{PROJECT["requires-python"].removeprefix(">=")}"' in text
