"""Packages of the extra `data`: needed where they are used, not for listing data sets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from commandline import Run
from kth_files import write_archives
from preparing import write_folder

from lordbench.utils import errors

LIST = """
import sys
from lordbench.config import registry
from lordbench.utils import files, hardware, seeds, settings
classes = registry.load_all("datasets")
assert {"kth", "rafd", "celeba", "toycars"} <= set(classes)
classes["kth"](classes["kth"].Config()).missing()
print(*sorted({"torch", "av", "cv2", "simplejpeg"} & set(sys.modules)))
"""


def test_listing_data_sets_imports_neither_torch_nor_the_optional_packages() -> None:
    listed = subprocess.run([sys.executable, "-c", LIST], capture_output=True, text=True, check=True)
    assert listed.stdout.split() == []


@pytest.mark.parametrize(("name", "package"), [("kth", "PyAV"), ("rafd", "OpenCV")])
def test_a_data_set_names_the_extra_that_it_needs(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    write_archives(Path("kth"))
    write_folder(Path("rafd"), [("x.jpg", b"")])
    monkeypatch.setattr(errors, "find_spec", lambda missing: None)
    assert run("data", "prepare", name, "--from", name, "--no-verify") == 2
    message = capsys.readouterr().err
    assert f"{package}, which is not installed" in message
    assert "pip install 'lordbench[data]'" in message
