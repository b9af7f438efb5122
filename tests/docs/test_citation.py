"""CITATION.cff has the fields of CFF 1.2.0 that tools require, and the version of the package."""

from pathlib import Path

import yaml

from lordbench.utils.version import __version__

CITATION = yaml.safe_load((Path(__file__).resolve().parents[2] / "CITATION.cff").read_text())


def test_it_has_the_required_fields_and_the_current_version() -> None:
    assert {"message", "title", "authors"} <= CITATION.keys()
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION["version"] == __version__


def test_every_reference_has_its_required_fields() -> None:
    assert all({"authors", "title", "type"} <= reference.keys() for reference in CITATION["references"])
