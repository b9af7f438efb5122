"""The Dockerfile, which no test builds: what it copies is enough to install lordbench, and is not ignored."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8")
LAST_STAGE = DOCKERFILE.rpartition("\nFROM ")[2]
SOURCES = [
    name for line in re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()
]


def test_what_it_copies_is_all_that_the_context_has() -> None:
    ignored = (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    assert sorted(line[1:] for line in ignored if line.startswith("!")) == sorted(SOURCES)


@pytest.mark.slow
def test_what_it_copies_is_enough_to_build_lordbench(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in SOURCES:
        path = CHECKOUT / name
        (shutil.copytree if path.is_dir() else shutil.copy)(path, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(tmp_path), str(source)], check=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"lordbench/api.py", "lordbench/plugins/configs/presets/quick.yaml"} <= set(names)


def test_it_runs_lordbench_as_a_user_with_its_home_in_a_volume() -> None:
    assert re.search(r'^ENTRYPOINT \["lordbench"\]$', LAST_STAGE, re.MULTILINE)
    assert re.findall(r"^USER (\S+)$", LAST_STAGE, re.MULTILINE) == ["lordbench"]
    (home,) = re.findall(r"LORDBENCH_HOME=(\S+)", LAST_STAGE)
    assert f"\nVOLUME {home}\n" in LAST_STAGE


def test_the_page_names_its_build_arguments() -> None:
    page = (CHECKOUT / "docs/containers.md").read_text(encoding="utf-8")
    for name in re.findall(r"^ARG (\w+)=", DOCKERFILE, re.MULTILINE):
        assert f"`{name}`" in page
