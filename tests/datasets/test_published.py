"""Published data sets: complete stores, checksums, sizes, and the command line."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commandline import PRESET, Run, results
from PIL import Image
from preparing import jpeg, load, write_folder, write_tar, write_zip

from lordbench.config.registry import make_dataset
from lordbench.data.images import Column, ImageSet, UInt8Array
from lordbench.datasets import edges2shoes
from lordbench.datasets.published import decoding, store
from lordbench.datasets.published.archives import Folder, Members, TarGz, Zip
from lordbench.datasets.published.dataset import Labels, resized
from lordbench.datasets.published.source import OfficialFile
from lordbench.datasets.published.store import Draft
from lordbench.report.contact_sheet import contact_sheet
from lordbench.utils.errors import MissingDataError, UserError
from lordbench.utils.progress import untracked

STORE = Path("home/prepared/edges2shoes-1-64px")
PREPARE = ("data", "prepare", "edges2shoes", "--workers", "1", "--from")


def pairs(folder: Path, numbers: range = range(1, 5)) -> Path:
    """A small edges2shoes.tar.gz of noise, which differs with the numbers of its files."""
    rng = np.random.default_rng(numbers.start)
    members = [
        (f"edges2shoes/{split}/{number}_AB.jpg", jpeg(rng.integers(256, size=(256, 512, 3), dtype=np.uint8)))
        for split in ("train", "val")
        for number in numbers
    ]
    return write_tar(folder / "edges2shoes.tar.gz", members)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return pairs(tmp_path)


@pytest.fixture
def prepared(run: Run, archive: Path) -> Path:
    assert run(*PREPARE, str(archive), "--no-verify") == 0
    return STORE


class TestStore:
    def test_images_are_mapped_not_loaded(self, prepared: Path) -> None:
        found = load("edges2shoes")
        assert isinstance(found.images, np.memmap)
        assert not found.images.flags.writeable

    def test_a_second_time_gives_the_same_bytes(self, run: Run, prepared: Path, archive: Path) -> None:
        before = {path.name: path.read_bytes() for path in prepared.iterdir()}
        assert set(before) == {"images.npy", "labels.npy", "meta.json"}
        assert run(*PREPARE, str(archive), "--no-verify") == 0
        assert {path.name: path.read_bytes() for path in prepared.iterdir()} == before

    @pytest.mark.parametrize("order", [[0, 1, 2], [0, 2, 1], [2, 1, 0]])
    def test_the_checksum_is_that_of_the_file_whatever_the_order(
        self, tmp_path: Path, order: list[int]
    ) -> None:
        images = np.random.default_rng(0).integers(256, size=(6, 1, 8, 8), dtype=np.uint8)
        rows = [np.array(some) for some in ([0, 1], [4, 2], [3, 5])]
        blocks = [(rows[k], images[rows[k]]) for k in order]
        draft = Draft({"x": Column(np.arange(6))}, (1, 8, 8), blocks, 3)
        store.write(tmp_path / "s", draft, {}, untracked)
        found = store.read(tmp_path / "s")
        assert found is not None
        assert np.array_equal(found.images, images)
        assert found.sha256 == hashlib.sha256((tmp_path / "s" / "images.npy").read_bytes()).hexdigest()

    @pytest.mark.parametrize("before", [False, True])
    def test_an_interrupted_preparation_leaves_what_was_there(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bool
    ) -> None:
        archive = pairs(tmp_path)
        if before:
            run(*PREPARE, str(archive), "--no-verify")
        dataset = make_dataset("edges2shoes", {})
        mark = dataset.load(64).fingerprint if before else None

        def interrupted(*_: object) -> Iterator[tuple[np.ndarray, UInt8Array]]:
            yield np.array([0]), np.zeros((2, 3, 64, 64), np.uint8)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(edges2shoes, "decoded", interrupted)
            assert run(*PREPARE, str(archive), "--no-verify") == 130
        assert (dataset.missing() == "") == before
        if before:
            assert dataset.load(64).fingerprint == mark
        assert run(*PREPARE, str(archive), "--no-verify") == 0
        assert [path.name for path in STORE.parent.iterdir() if path.is_dir()] == [STORE.name]

    def test_what_a_killed_process_left_is_never_taken(self, run: Run, archive: Path) -> None:
        half = STORE.parent / f".half-{STORE.name}"
        half.mkdir(parents=True)
        (half / "images.npy").write_bytes(b"half")
        assert make_dataset("edges2shoes", {}).missing()
        assert run(*PREPARE, str(archive), "--no-verify") == 0
        assert not half.exists()
        assert len(load("edges2shoes")) == 16

    def test_an_interruption_between_the_two_renames_loses_nothing(
        self, run: Run, prepared: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mark, replace = load("edges2shoes").fingerprint, Path.replace

        def interrupted(path: Path, target: Path) -> Path:
            if path.name.startswith(".half-"):
                raise KeyboardInterrupt
            return replace(path, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", interrupted)
            assert run(*PREPARE, str(archive), "--no-verify") == 130
        assert load("edges2shoes").fingerprint == mark

    def test_a_size_that_another_process_has_made_is_not_made_again(
        self, prepared: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        load("edges2shoes", 32)
        found = next(path for path in prepared.rglob("images.npy") if path.parent != prepared)
        before, answers = found.stat().st_ino, iter([None])
        read = store.read
        # The first look finds nothing yet.
        monkeypatch.setattr(store, "read", lambda f: next(answers, read(f)) if f == found.parent else read(f))
        load("edges2shoes", 32)
        assert found.stat().st_ino == before

    def test_the_fingerprint_covers_every_label_and_the_official_split(self, prepared: Path) -> None:
        """One store may be read with other labels: as settings, or another version, say."""

        class Changed(edges2shoes.Edges2shoes):
            change: Callable[[Labels], Labels]

            def labels(self, columns: dict[str, Column]) -> Labels:
                return self.change(super().labels(columns))

        def renamed(named: tuple[np.ndarray, tuple[str, ...]]) -> tuple[np.ndarray, tuple[str, ...]]:
            return named[0], tuple(f"{name}!" for name in named[1])

        def reversed_ids(named: tuple[np.ndarray, tuple[str, ...]]) -> tuple[np.ndarray, tuple[str, ...]]:
            return named[0][::-1], named[1]

        changes: list[Callable[[Labels], Labels]] = [
            lambda labels: labels,
            lambda labels: replace(labels, classes=renamed(labels.classes)),
            lambda labels: replace(labels, classes=reversed_ids(labels.classes)),
            lambda labels: replace(labels, contents=renamed(labels.contents)),
            lambda labels: replace(labels, contents=reversed_ids(labels.contents)),
            lambda labels: replace(labels, contents=None),
            lambda labels: replace(labels, parts=1 - labels.parts),
            lambda labels: replace(labels, parts=None),
        ]
        marks = []
        for change in changes:
            dataset = Changed(Changed.Config())
            dataset.change = change
            marks.append(dataset.load(64).fingerprint)
        assert marks[0] == load("edges2shoes").fingerprint
        assert len(set(marks)) == len(changes)

    @pytest.mark.parametrize("name", ["images.npy", "labels.npy", "meta.json"])
    def test_a_damaged_store_is_named(self, prepared: Path, name: str) -> None:
        path = prepared / name
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(UserError, match=r"edges2shoes-1-64px.*damaged") as caught:
            load("edges2shoes")
        assert "prepare" in caught.value.hint


class TestSizes:
    def test_a_smaller_size_averages_and_is_kept(self, prepared: Path) -> None:
        whole, small = load("edges2shoes"), load("edges2shoes", 32)
        assert small.images.shape == (16, 3, 32, 32)
        means = whole.images.reshape(16, 3, 32, 2, 32, 2).mean(axis=(3, 5))
        assert np.abs(small.images - means).mean() < 8
        assert small.fingerprint != whole.fingerprint
        stamp = (prepared / "32px" / "images.npy").stat().st_mtime_ns
        assert load("edges2shoes", 32).fingerprint == small.fingerprint
        assert (prepared / "32px" / "images.npy").stat().st_mtime_ns == stamp

    def test_preparing_anew_drops_the_smaller_ones(self, run: Run, prepared: Path, tmp_path: Path) -> None:
        old = load("edges2shoes", 32).images.copy()
        run(*PREPARE, str(pairs(tmp_path, range(5, 12))), "--no-verify")
        assert len(load("edges2shoes", 32)) != len(old)

    def test_a_larger_size_is_refused_with_the_way_out(self, prepared: Path) -> None:
        with pytest.raises(UserError, match="64 pixels") as caught:
            load("edges2shoes", 128)
        assert "--set resolution=128" in caught.value.hint


class TestVerification:
    def official(self, monkeypatch: pytest.MonkeyPatch, md5: str) -> None:
        monkeypatch.setattr(edges2shoes, "ARCHIVE", OfficialFile("edges2shoes.tar.gz", md5))

    def test_a_wrong_checksum_names_the_file_and_both_sums(
        self, run: Run, archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.official(monkeypatch, "0" * 32)
        assert run(*PREPARE, str(archive)) == 2
        said = capsys.readouterr().err
        assert "edges2shoes.tar.gz" in said
        assert "0" * 32 in said
        assert hashlib.md5(archive.read_bytes()).hexdigest() in said
        assert "--no-verify" in said
        assert not STORE.exists()

    def test_the_right_checksum_is_enough(
        self, run: Run, archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run(*PREPARE, str(archive), "--no-verify")
        unverified = load("edges2shoes").fingerprint
        self.official(monkeypatch, hashlib.md5(archive.read_bytes()).hexdigest())
        assert run(*PREPARE, str(archive)) == 0
        assert json.loads((STORE / "meta.json").read_text())["about"]["check"] == "checksums"
        assert load("edges2shoes").fingerprint != unverified
        run("data", "list")
        assert "checksums match" in " ".join(capsys.readouterr().out.split())

    def test_without_a_known_checksum_the_number_of_images_must_be_right(
        self, run: Run, archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(*PREPARE, str(archive)) == 2
        assert "16 images, where the official set has 100,050" in capsys.readouterr().err
        monkeypatch.setattr(edges2shoes.Edges2shoes, "n_images", 16)
        assert run(*PREPARE, str(archive)) == 0
        assert json.loads((STORE / "meta.json").read_text())["about"]["check"] == "count"


class TestCommandLine:
    def test_a_run_on_a_prepared_set(self, run: Run, prepared: Path) -> None:
        Path("small.yaml").write_text(PRESET.replace("images: 640", "images: 64"))
        assert run("run", "--dataset", "edges2shoes", "--methods", "lord", "--preset", "small.yaml",
                   "--experiments", "reconstruction") == 0  # fmt: skip
        assert set(results()["dataset"]) == {"edges2shoes"}

    def test_a_run_on_a_set_that_is_missing_says_how_to_get_it(
        self, run: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(MissingDataError):
            load("cars3d")
        assert run("run", "--dataset", "cars3d[resolution=128]") == 2
        said = " ".join(capsys.readouterr().err.split())
        assert "nips2015-analogy-data.tar.gz from http" in said
        assert "lordbench data prepare cars3d --from PATH --set resolution=128" in said

    def test_list_says_what_is_ready_and_how_to_get_the_rest(
        self, run: Run, prepared: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        capsys.readouterr()
        assert run("data", "list") == 0
        said = " ".join(capsys.readouterr().out.split())
        assert "not verified" in said
        for name in ("cars3d", "smallnorb", "celeba"):
            assert f"lordbench data prepare {name} --from PATH" in said
        assert "prepare edges2shoes" not in said

    @pytest.mark.parametrize("name", ["toycars", "nothing", "folder"])
    def test_only_published_sets_are_prepared(self, run: Run, name: str) -> None:
        assert run("data", "prepare", name, "--from", ".") == 2

    def test_a_place_that_is_not_there(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(*PREPARE, "nowhere.tar.gz") == 2
        assert "nowhere.tar.gz: no such file" in capsys.readouterr().err

    def test_settings_that_preparing_ignores_are_refused(
        self, run: Run, archive: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("data", "prepare", "cars3d", "--from", str(archive), "--set", "n_cars=20") == 2
        assert "cars3d[n_cars=20]" in capsys.readouterr().err

    def test_unknown_settings_are_refused(self, run: Run, archive: Path) -> None:
        assert run(*PREPARE, str(archive), "--set", "resolutoin=32") == 2


class TestContactSheet:
    def test_show_works_for_every_kind_of_set(self, run: Run, prepared: Path) -> None:
        assert run("data", "show", "edges2shoes") == 0
        assert Image.open("edges2shoes.png").mode == "RGB"
        assert run("data", "show", "toycars[n_cars=3,azimuths=2,elevations=2]", "--size", "16",
                   "--out", "cars") == 0  # fmt: skip
        assert Image.open("cars").format == "PNG"
        assert run("data", "show", "digits", "--size", "8") == 0

    def test_a_setting_given_as_two_values_is_refused(self, run: Run) -> None:
        assert run("data", "show", "toycars[n_cars=3]", "--set", "n_cars=4") == 2
        assert not list(Path.cwd().glob("*.png"))

    def test_classes_go_down_and_contents_across(self, tmp_path: Path) -> None:
        values = np.array([10, 60, 110, 160, 210], np.uint8)
        images = np.broadcast_to(values[:, None, None, None], (5, 1, 96, 96)).copy()
        classes, contents = np.array([1, 1, 0, 0, 0]), np.array([0, 1, 2, 1, 0])
        found = ImageSet("x", images, classes, contents, ("a", "b"), ("p", "q", "r"), "")
        contact_sheet(found, tmp_path / "x.png")
        sheet = np.asarray(Image.open(tmp_path / "x.png"))[:, :, 0]
        shown = (
            [int(v) for v in sheet[90, ::8] if v in values],
            [int(v) for v in sheet[190, ::8] if v in values],
        )
        assert [list(dict.fromkeys(line)) for line in shown] == [[210, 160], [10, 60]]

    def test_the_contents_shown_differ(self, tmp_path: Path) -> None:
        """Every eighth of 4 x 8 views is the same side of a car."""
        sides = np.tile(np.arange(8, dtype=np.uint8) * 30, 4)
        images = np.tile(np.broadcast_to(sides[:, None, None, None], (32, 1, 96, 96)), (2, 1, 1, 1)).copy()
        classes, contents = np.repeat([0, 1], 32), np.tile(np.arange(32), 2)
        names = tuple(map(str, range(32)))
        found = ImageSet("x", images, classes, contents, ("a", "b"), names, "")
        contact_sheet(found, tmp_path / "x.png", columns=4)
        row = np.asarray(Image.open(tmp_path / "x.png"))[90, ::8, 0]
        assert len(set(row.tolist()) & set(sides.tolist())) == 4


def brightness(_: Sequence[str], pixels: UInt8Array) -> list[int]:
    return [round(value) for value in pixels.mean(axis=(1, 2, 3))]


@pytest.mark.parametrize("simplejpeg_installed", [True, False])
def test_decoded_pixels_are_pillows(monkeypatch: pytest.MonkeyPatch, simplejpeg_installed: bool) -> None:
    if not simplejpeg_installed:
        monkeypatch.setitem(sys.modules, "simplejpeg", None)
    rng = np.random.default_rng(0)
    pixels = np.asarray(Image.fromarray(rng.integers(256, size=(9, 7, 3), dtype=np.uint8)).resize((90, 70)))
    for options in ({"subsampling": 2}, {"subsampling": 0, "progressive": True}, {"quality": 30}):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", **options)
        expected = np.asarray(Image.open(file))
        assert np.array_equal(decoding._pixels(file.getvalue(), Path("x"), (90, 70)), expected)


@pytest.mark.parametrize("kind", [Zip, TarGz, Folder])
def test_chunks_keep_the_order_of_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Members]
) -> None:
    monkeypatch.setattr(decoding, "CHUNK", 20 * 3 * 8 * 8)
    files = [(f"{i}.jpg", jpeg(np.full((8, 8, 3), 2 * i, np.uint8))) for i in range(2 * 20 + 3)]
    place = {Zip: write_zip, TarGz: write_tar, Folder: write_folder}[kind](tmp_path / "x", files)
    names = [name for name, _ in files]
    stream = decoding.decoded(kind(place), names, 10_000, (8, 8), brightness, workers=2)
    assert [([names[i] for i in places], made) for places, made in stream] == [
        ([f"{i}.jpg" for i in some], [2 * i for i in some])
        for some in (range(20), range(20, 40), range(40, 43))
    ]


@pytest.mark.parametrize(
    ("shape", "off"), [((2, 3, 128, 128), 0), ((3, 1, 96, 96), 0), ((1, 3, 120, 160), 1), ((1, 1, 16, 16), 0)]
)
def test_resizing_is_pillows(shape: tuple[int, ...], off: int) -> None:
    images = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    for image, small in zip(images, resized(images, 64), strict=True):
        for channel, own in zip(image, small, strict=True):
            expected = Image.fromarray(channel).resize((64, 64), Image.Resampling.BILINEAR)
            assert np.abs(own.astype(int) - np.asarray(expected)).max() <= off
