"""`summaries` reads the source of shipped components; it must agree with their classes."""

from pathlib import Path

import pytest
from commandline import BROKEN

from lordbench.config import registry
from lordbench.config.component import Kind
from lordbench.config.summaries import DESCRIPTION, summaries
from lordbench.utils.errors import BrokenComponentError


@pytest.mark.parametrize("kind", ["methods", "datasets", "metrics", "experiments"])
def test_summaries_read_from_source_equal_the_attributes_of_the_loaded_classes(kind: Kind) -> None:
    described, loaded = summaries(kind), registry.load_all(kind)
    assert list(described) == list(registry.available(kind))
    for name, component in loaded.items():
        expected = {key: getattr(component, key) for key in DESCRIPTION if hasattr(component, key)}
        assert {"unit": "", **described[name]} == {"unit": "", **expected}


def test_a_plugin_is_imported_and_listed_with_its_error_if_that_fails(tmp_path: Path) -> None:
    folder = tmp_path / "methods"
    folder.mkdir()
    (folder / "mine.py").write_text(BROKEN)
    (folder / "wrong.py").write_text("import nothing_like_this\n")
    with registry.use_plugins([tmp_path]):
        described = summaries("methods")
    assert described["mine"] == {"summary": "fails", "source": "none"}
    assert isinstance(described["wrong"], BrokenComponentError)
