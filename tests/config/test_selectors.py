"""Selectors with paths: brackets, spaces and bytes of a path are its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from lordbench.config.registry import make_dataset
from lordbench.config.selectors import Selector, parse, split_list


@pytest.mark.parametrize(
    ("text", "name", "settings"),
    [
        ("folder:scans [2024]", "folder:scans [2024]", {}),
        ("folder:scans [2024][pattern={class}/*]", "folder:scans [2024]", {"pattern": "{class}/*"}),
        ("folder:[a][b]/c", "folder:[a][b]/c", {}),
        ("folder:a,b=c:d", "folder:a,b=c:d", {}),
        (r"folder:C:\data\[1]", r"folder:C:\data\[1]", {}),
        ("folder:x[]", "folder:x", {}),
        (" folder:x ", "folder:x", {}),
        ("./my [x].py", "./my [x].py", {}),
        ("my [x].py[noise=0.5]", "my [x].py", {"noise": 0.5}),
        ("folder:caf\udce9", r"folder:caf\xe9", {}),
    ],
)
def test_paths_keep_their_brackets(text: str, name: str, settings: dict[str, object]) -> None:
    assert parse(text) == Selector(name, settings)


def test_a_path_that_exists_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("x[pattern=y]", "x "):
        (tmp_path / name).mkdir()
        assert parse(f"folder:{name}") == Selector(f"folder:{name}")


def test_a_list_of_paths_is_split_between_them() -> None:
    assert split_list("./my [x].py[a=1,b=2],lord") == ["./my [x].py[a=1,b=2]", "lord"]


@pytest.mark.parametrize("name", ["caf\udce9", r"caf\xe9", "scans [2024]", "x "])
def test_the_folder_of_a_selector_is_the_one_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    dataset = make_dataset(parse(f"folder:{tmp_path / name}").name, {})
    assert dataset.source == str(tmp_path / name)
    assert dataset.missing() == ""
