"""The registry: components by file, path and entry point; broken ones do not affect the others."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from lordbench.config import registry
from lordbench.training.method import Method
from lordbench.utils.errors import UserError

PLUGIN = """
from typing import ClassVar
import torch
from lordbench.training.method import Codes, Method

class Mean(Method):
    summary: ClassVar[str] = "a grey image"
    source: ClassVar[str] = "none"
    def fit(self, train, context): pass
    def encode(self, images): return Codes(images.mean((2, 3)), images.mean((1, 2)))
    def decode(self, codes): return torch.full((len(codes), 3, self.spec.size, self.spec.size), 0.5)
"""


def test_the_projects_own_components_all_load() -> None:
    expected = {
        "methods": {"lord", "drnet", "mlvae"},
        "datasets": {"toycars", "digits", "folder"},
        "metrics": {
            "lpips",
            "ssim",
            "psnr",
            "l1",
            "fid",
            "fd_vgg16",
            "kd_vgg16",
            "probe_linear",
            "probe_mlp",
        },
        "experiments": {"content-transfer", "leakage", "reconstruction"},
    }
    for kind, names in expected.items():
        found = registry.available(kind)  # type: ignore[arg-type]
        assert names <= set(found)
        for component in found.values():
            component.load()


def test_a_method_by_path(tmp_path: Path) -> None:
    (tmp_path / "my_method.py").write_text(PLUGIN)
    component = registry.find("methods", str(tmp_path / "my_method.py"))
    assert component.name == "my_method"
    assert issubclass(component.load(), Method)


def test_plugin_names_shadow_nothing(tmp_path: Path) -> None:
    """A user's file may be called like a package; it must not take that name."""
    (tmp_path / "lpips.py").write_text(PLUGIN)
    registry.find("methods", str(tmp_path / "lpips.py")).load()
    import lpips

    assert str(tmp_path) not in str(lpips.__file__)
    assert not {"drnet", "baselines", "metrics"} & set(sys.modules)


def test_an_edited_file_is_read_again(tmp_path: Path) -> None:
    """A notebook edits a file between two runs."""
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN)
    first = registry.find("methods", str(path)).load()
    assert registry.find("methods", str(path)).load() is first
    path.write_text(PLUGIN.replace("a grey image", "a greyer image"))
    assert registry.find("methods", str(path)).load().summary == "a greyer image"


def test_no_package_takes_the_name_of_a_shipped_component(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("mlvae", "somewhere:Mine", "lordbench.methods")
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry] if group == entry.group else [])
    registry._available.cache_clear()
    try:
        with pytest.raises(UserError, match=r"two methods are called 'mlvae': .*mlvae\.py and somewhere"):
            registry.find("methods", "lord")
    finally:
        registry._available.cache_clear()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import nothing_like_this", "nothing_like_this"),
        ("def broken(:", "SyntaxError"),
        ("x = 1", "found none"),
        (PLUGIN + PLUGIN.replace("Mean", "Other"), "Mean, Other"),
        (PLUGIN.replace("def decode", "def something_else"), "found none"),
    ],
)
def test_errors_of_broken_plugins_say_why(tmp_path: Path, source: str, words: str) -> None:
    path = tmp_path / "broken_one.py"
    path.write_text(source)
    with pytest.raises(UserError) as caught:
        registry.find("methods", str(path)).load()
    assert words in str(caught.value)
    assert "broken_one" in str(caught.value)


def test_unknown_names_get_a_suggestion() -> None:
    with pytest.raises(UserError, match="did you mean drnet"):
        registry.find("methods", "drnett")
    with pytest.raises(UserError, match="no such file"):
        registry.find("methods", "./nowhere.py")


def test_an_unknown_name_suggests_a_local_file_or_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").touch()
    (tmp_path / "faces").mkdir()
    for kind, name, meant in (
        ("methods", "mine", "write ./mine.py"),
        ("datasets", "faces", "write folder:faces"),
        ("methods", "./mien.py", "did you mean mine.py"),
    ):
        with pytest.raises(UserError) as caught:
            registry.find(kind, name)
        assert meant in caught.value.message + caught.value.hint
    with pytest.raises(UserError) as caught:
        registry.find("methods", "faces")
    assert "folder" not in caught.value.hint


def test_source_hash_depends_on_the_content_not_the_folder(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "m.py", tmp_path / "b" / "m.py"
    for path, newline in ((first, "\n"), (second, "\r\n")):
        path.parent.mkdir()
        path.write_bytes(PLUGIN.replace("\n", newline).encode())
    assert registry.source_hash([first]) == registry.source_hash([second])
    second.write_text(PLUGIN + "# changed")
    assert registry.source_hash([first]) != registry.source_hash([second])
