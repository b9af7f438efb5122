"""edges2shoes: every file becomes an edge and a shoe, paired by its name."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from commandline import Run
from preparing import Files, jpeg, load, shades, write_folder, write_tar, write_zip

PAIRS = [("train", 10), ("train", 9), ("val", 1), ("train", 1)]
"""In the order of the archive."""
ORDERED = [("train", 1), ("train", 9), ("train", 10), ("val", 1)]


def colour(split: str, number: int, domain: str) -> list[int]:
    return [200 if split == "val" else 100, 20 * number, 240 if domain == "shoe" else 20]


def pair(split: str, number: int) -> bytes:
    pixels = np.zeros((256, 512, 3), np.uint8)
    pixels[:, :256] = colour(split, number, "edge")
    pixels[:, 256:] = colour(split, number, "shoe")
    return jpeg(pixels)


def files(root: str = "edges2shoes/") -> list[tuple[str, bytes]]:
    return [(f"{root}{split}/{number}_AB.jpg", pair(split, number)) for split, number in PAIRS]


def archive(folder: Path, members: Files) -> Path:
    return write_tar(folder / "edges2shoes.tar.gz", members)


def prepare(run: Run, path: Path, *more: str) -> int:
    return run("data", "prepare", "edges2shoes", "--from", str(path), "--no-verify", "--workers", "1", *more)


class TestLabels:
    def test_each_half_has_the_labels_of_its_file(self, run: Run, tmp_path: Path) -> None:
        assert prepare(run, archive(tmp_path, files())) == 0
        found = load("edges2shoes")
        assert found.images.shape == (8, 3, 64, 64)
        assert found.class_names == ("edge", "shoe")
        expected = [(split, number, domain) for split, number in ORDERED for domain in ("edge", "shoe")]
        for row, (split, number, domain) in enumerate(expected):
            assert found.class_names[found.classes[row]] == domain
            assert found.content_names[found.contents[row]] == f"{split} {number}"
            wanted = np.array(colour(split, number, domain))
            assert np.abs(found.images[row].astype(int) - wanted[:, None, None]).max() <= 3

    def test_several_processes_give_the_same(self, run: Run, tmp_path: Path) -> None:
        path = archive(tmp_path, files())
        prepare(run, path)
        alone = load("edges2shoes")
        assert prepare(run, path, "--workers", "2") == 0
        assert load("edges2shoes").fingerprint == alone.fingerprint

    def test_the_unpacked_folder_gives_the_same(self, run: Run, tmp_path: Path) -> None:
        prepare(run, archive(tmp_path, files()))
        whole = load("edges2shoes").fingerprint
        for root in ("edges2shoes/", ""):
            folder = write_folder(tmp_path / f"unpacked{len(root)}", files(root))
            assert prepare(run, folder) == 0
            assert load("edges2shoes").fingerprint == whole

    def test_order_and_other_members_have_no_effect(self, run: Run, tmp_path: Path) -> None:
        prepare(run, archive(tmp_path, files()))
        whole = load("edges2shoes").fingerprint
        strays = [("../train/5_AB.jpg", b"x"), ("edges2shoes/test/5_AB.jpg", b"x"), ("train/6_AB.jpg", b"x")]
        dotted = [(f"./{name}", content) for name, content in files()]
        assert prepare(run, archive(tmp_path, [*strays, *dotted[::-1]])) == 0
        assert load("edges2shoes").fingerprint == whole


class TestErrors:
    @pytest.mark.parametrize(
        ("damage", "workers"), [("truncated", "1"), ("text", "1"), ("size", "1"), ("truncated", "2")]
    )
    def test_a_damaged_file_is_named(
        self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str, workers: str
    ) -> None:
        noise = np.random.default_rng(0).integers(256, size=(256, 512, 3), dtype=np.uint8)
        content = {
            "truncated": jpeg(noise)[:50_000],
            "text": b"hello",
            "size": jpeg(noise[:, :500]),
        }[damage]
        members = files()
        members[1] = (members[1][0], content)
        assert prepare(run, archive(tmp_path, members), "--workers", workers) == 2
        said = capsys.readouterr().err
        of_size = "it has 500 x 256 pixels, the official images 512 x 256"
        problem = of_size if damage == "size" else "this file cannot be read"
        assert f"edges2shoes/train/9_AB.jpg: {problem}" in said
        assert ("Get the official file" if damage == "size" else "Get it again") in said

    def test_a_file_twice_in_the_archive(
        self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert prepare(run, archive(tmp_path, files() + files()[:1])) == 2
        assert "it contains edges2shoes/train/10_AB.jpg twice" in capsys.readouterr().err

    def test_a_far_too_large_file(self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        bomb = ("edges2shoes/train/2_AB.jpg", bytes(5 << 20))
        assert prepare(run, archive(tmp_path, [*files(), bomb])) == 2
        assert "train/2_AB.jpg: more than 4 MiB" in capsys.readouterr().err

    def test_a_split_that_is_missing(
        self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        train = [member for member in files() if "train" in member[0]]
        assert prepare(run, archive(tmp_path, train)) == 2
        assert "edges2shoes/val/*_AB.jpg not found" in capsys.readouterr().err


def test_the_store_keeps_the_official_split(run: Run, tmp_path: Path) -> None:
    from lordbench.config.registry import make_dataset

    prepare(run, archive(tmp_path, files()))
    store = make_dataset("edges2shoes", {}).stored()
    assert store.columns["split"].names == ("train", "val")
    assert store.columns["split"].values.tolist() == [0] * 6 + [1] * 2
    assert shades(store.images)[6] == pytest.approx(colour("val", 1, "edge"), abs=3)


def drawn(shoe: np.ndarray, swapped: bool) -> bytes:
    """A shoe and its edges: black lines on white."""
    edges = np.full((256, 256, 3), 255, np.uint8)
    edges[60:64, 40:220] = edges[60:200, 40:44] = 0
    return jpeg(np.concatenate([shoe, edges] if swapped else [edges, shoe], axis=1))


@pytest.mark.parametrize("swapped", [True, False])
def test_swapped_halves_are_refused(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], swapped: bool
) -> None:
    shoe = np.full((256, 256, 3), 255, np.uint8)
    shoe[60:200, 40:220] = (120, 60, 30)
    members = [(f"edges2shoes/{split}/1_AB.jpg", drawn(shoe, swapped)) for split in ("train", "val")]
    assert prepare(run, archive(tmp_path, members)) == (2 if swapped else 0)
    assert ("edges are on the right" in capsys.readouterr().err) == swapped


def test_black_and_white_shoes_are_no_edges(run: Run, tmp_path: Path) -> None:
    shoe = np.full((256, 256, 3), 255, np.uint8)
    shoe[60:200, 40:220] = 20
    members = [(f"edges2shoes/{split}/1_AB.jpg", drawn(shoe, swapped=False)) for split in ("train", "val")]
    assert prepare(run, archive(tmp_path, members)) == 0


def test_a_zip_or_a_plain_tar_is_read_whatever_its_name(run: Run, tmp_path: Path) -> None:
    prepare(run, archive(tmp_path, files()))
    expected = load("edges2shoes").fingerprint
    renamed = write_zip(tmp_path / "zipped.tar.gz", files())
    unpacked = tmp_path / "edges2shoes.tar"
    unpacked.write_bytes(gzip.decompress((tmp_path / "edges2shoes.tar.gz").read_bytes()))
    for path in (renamed, unpacked):
        assert prepare(run, path) == 0
        assert load("edges2shoes").fingerprint == expected
