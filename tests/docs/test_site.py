"""The documentation site builds without a warning, and documents all that is public in the contracts."""

import inspect
import os
import re
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import lordbench

CHECKOUT = Path(__file__).resolve().parents[2]
NAMES = re.findall(r"^::: (\S+)$", (CHECKOUT / "docs/interfaces.md").read_text(), re.MULTILINE)
"""Dotted names of the classes, functions and types on the page of interfaces."""
CONTRACTS = {
    *("Method", "Codes", "Context", "Budget", "Phase", "Update", "ImageSet", "Dataset"),
    *("PairMetric", "SetMetric", "Probe", "Experiment", "Trained", "Measurement"),
}


def resolve(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


CLASSES = [name for name in NAMES if isinstance(resolve(name), type)]


def public(contract: type) -> list[str]:
    """Names of the public attributes and methods that a class itself defines."""
    own = {*vars(contract), *inspect.get_annotations(contract)}
    return sorted(name for name in own if name == "__call__" or not name.startswith(("_", "model_")))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (find_spec("mkdocs") and find_spec("material") and find_spec("mkdocstrings")):
        pytest.skip("needs the extra `docs`")
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=CHECKOUT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert built.returncode == 0, built.stderr
    return folder


def test_every_contract_is_on_the_page() -> None:
    assert {name.rpartition(".")[2] for name in NAMES} >= CONTRACTS


@pytest.mark.parametrize("name", CLASSES)
def test_every_public_attribute_has_a_docstring_entry(name: str) -> None:
    contract = resolve(name)
    entries = re.findall(r"^ {4}(\w+): \S", inspect.cleandoc(contract.__doc__ or ""), re.MULTILINE)
    for member in public(contract):
        field = member in inspect.get_annotations(contract)
        assert member in entries or (not field and vars(contract)[member].__doc__), member


@pytest.mark.parametrize("name", [name for name in NAMES if inspect.isroutine(resolve(name))])
def test_every_function_has_a_docstring(name: str) -> None:
    assert resolve(name).__doc__


def test_the_page_of_the_api_documents_every_function(site: Path) -> None:
    page = (site / "api/index.html").read_text()
    for name in set(lordbench.__all__) - {"PROTOCOL_VERSION", "__version__"}:
        function = getattr(lordbench, name)
        assert f'id="{function.__module__}.{name}"' in page, name


def test_the_site_has_every_page(site: Path) -> None:
    for page in (CHECKOUT / "docs").glob("*.md"):
        folder = site if page.stem == "index" else site / page.stem
        assert (folder / "index.html").is_file(), page.name


def test_the_page_of_interfaces_shows_every_public_member(site: Path) -> None:
    page = (site / "interfaces/index.html").read_text()
    starts = {name: page.index(f'id="{name}"') for name in NAMES}
    for name in CLASSES:
        end = min((start for start in starts.values() if start > starts[name]), default=None)
        section = page[starts[name] : end]
        for member in public(resolve(name)):
            in_table = re.search(rf">{member}</(?:code|span|a)>", section)
            assert in_table or f'id="{name}.{member}"' in section, f"{name}.{member}"
