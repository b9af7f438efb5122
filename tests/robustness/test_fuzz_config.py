"""Any content of a config or the command line gives a valid object or a UserError, within bounds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from commandline import PRESET, Run
from fuzzing import VALUES, altered, as_json, changed, memory_below, refusing
from hypothesis import example, given
from hypothesis import strategies as st

from lordbench.config import selectors
from lordbench.config.labels import parse_labels
from lordbench.config.presets import Grid, Preset, load_grid, load_preset
from lordbench.datasets.folder import Folder, FolderConfig
from lordbench.results.claims import Claim, read_claims
from lordbench.utils.errors import UserError

GRID = "summary: s\nextends: quick\ngrid:\n  - {methods: [lord], dataset: digits, labels: [own]}\n"
CLAIM = "- {claim: c, source: s, dataset: d, better: a, than: b, in: [e/c/s/m]}\n"
LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60))
NASTY = (
    b"", b"\xff\xfe", b"\0", b"[" * 5000, b"{a: " * 5000, b"x: 2001-99-99", b"x: !!int ''", b"x: !!float z",
    b"x: !!timestamp z", b"x: !!bool z", b"x: !!python/object/apply:os.system [exit]", b"? {a: b}\n: c",
    b"&a [*a]", b"a: &a {b: *a}", b"summary: " + b"9" * 5000, b"x: " + b"1:" * 3000 + b"1", LAUGHS.encode(),
    b"image_size: 16\nimage_size: 32\nsummary: s\nbudget: {images: 1}", b"<<: [1]", b"1: 2\n2001-01-01: x",
    b"x: !!binary '!'", b"x: !!set [a]", b"x: !!omap {a: b}", b"%YAML 9.9\n---\n", b"a: b\n---\nc: d",
    b"summary: s\nimage_size: 16\nbudget: {epochs: .inf}",
)  # fmt: skip
NAMES = st.text("abcdefghijklmnopqrstuvwxyz_-./:", min_size=1, max_size=12)
KEYS = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)
SETTINGS = st.dictionaries(
    KEYS,
    st.one_of(
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        KEYS.filter(lambda text: isinstance(yaml.safe_load(text), str)),
    ),
    max_size=4,
)
FILES = st.one_of(
    st.binary(max_size=80),
    st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.text("abc01:-?[]{}&*!|>'\"#%@`, \n", max_size=60).map(str.encode),
    VALUES.map(as_json),
    *(altered(text.encode()) for text in (PRESET, GRID, CLAIM)),
    *(changed(yaml.safe_load(text)).map(as_json) for text in (PRESET, GRID)),
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("config") / "given.yaml"


def each_nasty(test: Any) -> Any:
    for content in NASTY:
        test = example(content=content)(test)
    return test


@each_nasty
@given(content=FILES)
def test_a_config_is_read_or_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    for read, kind in ((lambda: load_preset(str(file), {}), Preset), (lambda: load_grid(str(file)), Grid)):
        with refusing(UserError, file):
            found = read()
            assert isinstance(found, kind)
            assert not isinstance(found, Preset) or found.budget.budget(1000).images >= 0
    with refusing(UserError, file):
        assert all(isinstance(claim, Claim) for claim in read_claims(file))


@pytest.mark.parametrize("content", [LAUGHS.encode(), b"x: [" + b"1, " * 200_000 + b"1]", b"# " * 300_000])
def test_a_config_that_expands_to_far_more_than_its_size_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with memory_below(256 << 20), pytest.raises(UserError, match="more than"):
        load_preset(str(file), {})


@given(text=st.one_of(st.text(max_size=40), st.text("ab[]{}=,:&*!'\"-0189e. ", max_size=30)))
@example(text="a[b=" + "[" * 3000)
@example(text="a[b=2001-99-99]")
@example(text="a[b=!!int x]")
@example(text=f"a[b={'9' * 5000}]")
@example(text="clusters[k=" + "1:" * 3000 + "1]")
def test_selectors_labels_and_settings_are_read_or_refused(text: str) -> None:
    for read in (selectors.parse, selectors.assignment, parse_labels):
        try:
            found = read(text)
        except UserError:
            continue
        if isinstance(found, selectors.Selector):
            assert found.name == found.name.strip()
            selectors.describe(found.settings)
    assert all(part and part == part.strip() for part in selectors.split_list(text))


@given(name=NAMES, settings=SETTINGS)
@example(name="/", settings={"_": False})
def test_a_formatted_selector_is_parsed_to_the_same(name: str, settings: dict[str, Any]) -> None:
    text = f"{name}[{selectors.describe(settings)}]" if settings else name
    found = selectors.parse(text)
    assert found == selectors.Selector(name, settings)
    assert {key: type(value) for key, value in found.settings.items()} == {
        key: type(value) for key, value in settings.items()
    }


@given(parts=st.lists(st.tuples(NAMES, SETTINGS), max_size=4))
def test_a_list_of_selectors_is_split_where_it_was_joined(parts: list[tuple[str, dict[str, Any]]]) -> None:
    texts = [f"{name}[{selectors.describe(settings)}]" for name, settings in parts]
    assert selectors.split_list(",".join(texts)) == texts


@given(value=st.floats(allow_nan=False))
def test_any_number_is_read_back_from_a_setting(value: float) -> None:
    found = selectors.assignment(f"key={value}")[1]
    # What is not finite is kept as text, which settings refuse or read as they like.
    assert found == (value if math.isfinite(value) else str(value))


@given(pattern=st.one_of(st.text(max_size=20), st.text("{}class*content/.()?[]|\\+^$ ", max_size=24)))
@example(pattern="{class}{class}{content}")
@example(pattern="../{class}/*.png")
@example(pattern="{class}(?{x}.*)")
def test_a_pattern_of_a_folder_is_read_or_refused_and_stays_inside(outside: Path, pattern: str) -> None:
    try:
        config = FolderConfig(pattern=pattern)
    except ValueError:
        return
    try:
        found = Folder(config, str(outside / "inside"))._labels(outside / "inside")
    except UserError:
        return
    assert set(found) <= {"a/1.png", "b/2.png"}


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images in another one."""
    folder = tmp_path_factory.mktemp("outside")
    for name in ("secret/3.png", "inside/a/1.png", "inside/b/2.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("text", ["", ",", "x", "1.5", "9" * 30, "-9223372036854775809", "9" * 5000])
def test_invalid_seeds_are_refused(run: Run, capsys: pytest.CaptureFixture[str], text: str) -> None:
    assert run("run", "--preset", "tiny.yaml", "--dataset", "./halves_set.py", f"--seeds={text}") == 2
    assert "seeds" in capsys.readouterr().err
    assert not Path("runs").exists()
