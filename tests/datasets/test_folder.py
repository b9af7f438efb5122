"""folder: labels from paths, any kind of image file, and errors that name the file."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from commandline import Run
from PIL import Image
from pydantic import ValidationError

from lordbench.data.image_files import read_images
from lordbench.data.images import ImageSet
from lordbench.datasets.folder import Folder, FolderConfig
from lordbench.runner.executors import base
from lordbench.utils.errors import MissingDataError, Notice, UserError

RED = (255, 0, 0)


def put(path: Path, colour: object = RED, mode: str = "RGB", size: tuple[int, int] = (10, 10)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)
    return path


def load(folder: Path, pattern: str = "", size: int = 8) -> ImageSet:
    return Folder(FolderConfig(pattern=pattern), str(folder)).load(size)


def middle(path: Path) -> list[int]:
    return read_images([path], 8)[0, :, 4, 4].tolist()


@pytest.fixture
def people(tmp_path: Path) -> Path:
    for person in ("bea", "abe"):
        for view in ("left", "front"):
            put(tmp_path / "people" / person / f"{view}.png", RED if person == "abe" else (0, 0, 255))
    return tmp_path / "people"


class TestLabels:
    def test_without_a_pattern_only_the_first_sub_folder_is_a_label(self, people: Path) -> None:
        put(people / "bea" / "deep" / "below" / "left.png")
        found = load(people)
        assert found.name == "folder:people"
        assert found.class_names == ("abe", "bea")
        assert found.classes.tolist() == [0, 0, 1, 1, 1]
        assert found.contents is None

    def test_faces_are_declared_by_a_setting(self, people: Path) -> None:
        assert not load(people).faces
        assert Folder(FolderConfig(faces=True), str(people)).load(8).faces

    def test_a_pattern_gives_class_and_content(self, people: Path) -> None:
        found = load(people, "{class}/{content}.png")
        assert found.content_names == ("front", "left")
        assert found.contents.tolist() == [0, 1, 0, 1]
        assert found.images[0, :, 0, 0].tolist() == [255, 0, 0]
        assert found.images[2, :, 0, 0].tolist() == [0, 0, 255]

    def test_a_pattern_reads_one_flat_folder(self, tmp_path: Path) -> None:
        for name in ("x_anna_smile_1", "x_anna_frown_2", "y_bert_smile_3"):
            put(tmp_path / "flat" / f"{name}.png")
        found = load(tmp_path / "flat", "*_{class}_{content}_{take}.png")
        assert found.class_names == ("anna", "bert")
        assert found.content_names == ("frown", "smile")

    def test_a_wildcard_stays_within_its_part_of_the_path(self, people: Path) -> None:
        put(people / "bea" / "deep" / "left.png")
        with pytest.raises(UserError, match=r"1 of 5 images do not match .* bea/deep/left\.png"):
            load(people, "{class}/*.png")

    def test_a_repeated_name_must_match_the_same_text(self, tmp_path: Path) -> None:
        put(tmp_path / "d" / "a" / "a_1.png")
        put(tmp_path / "d" / "b" / "a_2.png")
        with pytest.raises(UserError, match=r"1 of 2 .* b/a_2\.png"):
            load(tmp_path / "d", "{class}/{class}_{content}.png")

    def test_dots_in_a_pattern_are_just_dots(self, tmp_path: Path) -> None:
        put(tmp_path / "d" / "axb.png")
        with pytest.raises(UserError, match=r"axb\.png"):
            load(tmp_path / "d", "{class}.b.png")

    def test_the_suffix_of_a_pattern_leaves_other_images_out(self, people: Path) -> None:
        put(people / "thumbnail.jpg")
        with pytest.warns(Notice, match=r"1 file of other types \(1 \.jpg\)"):
            assert len(load(people, "{class}/{content}.png")) == 4
        with pytest.raises(UserError, match=r"thumbnail\.jpg"):
            load(people)

    @pytest.mark.parametrize("pattern", ["{content}.png", "{class}/{two words}.png", "*.png"])
    def test_a_pattern_that_cannot_work_is_refused(self, pattern: str) -> None:
        with pytest.raises(ValidationError):
            FolderConfig(pattern=pattern)

    def test_a_brace_that_names_nothing_is_text(self, tmp_path: Path) -> None:
        for name in ("abe{1.png", "bea{1.png"):
            put(tmp_path / name)
        assert load(tmp_path, "{class}{*").class_names == ("abe", "bea")


class TestOrderAndFingerprint:
    def test_neither_folder_nor_order_of_writing_matters(self, people: Path, tmp_path: Path) -> None:
        for path in sorted(people.rglob("*.png")):
            copy = tmp_path / "elsewhere" / "people" / path.relative_to(people)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
        here, there = load(people), load(tmp_path / "elsewhere" / "people")
        assert np.array_equal(here.images, there.images)
        assert here.fingerprint == there.fingerprint

    def test_pixels_labels_and_size_are_in_the_fingerprint(self, people: Path) -> None:
        marks = [load(people).fingerprint, load(people, "{class}/{content}.png").fingerprint]
        marks.append(load(people, size=16).fingerprint)
        put(people / "abe" / "left.png", (254, 0, 0))
        marks.append(load(people).fingerprint)
        assert len(set(marks)) == 4


class TestKindsOfImages:
    def test_a_set_without_colour_has_one_channel(self, tmp_path: Path) -> None:
        put(tmp_path / "d" / "a" / "1.png", 90, "L")
        put(tmp_path / "d" / "b" / "1.png", (90, 90, 90))
        assert load(tmp_path / "d").images.shape == (2, 1, 8, 8)
        put(tmp_path / "d" / "b" / "2.png", (90, 91, 90))
        assert load(tmp_path / "d").images.shape == (3, 3, 8, 8)

    @pytest.mark.parametrize(
        ("mode", "colour", "suffix", "expected"),
        [
            ("1", 1, ".png", [255]),
            ("L", 77, ".pgm", [77]),
            ("LA", (0, 0), ".png", [255]),
            ("RGB", (1, 2, 3), ".bmp", [1, 2, 3]),
            ("RGBA", (255, 0, 0, 0), ".png", [255]),
            ("RGBA", (255, 0, 0, 128), ".webp", None),
            ("CMYK", (0, 255, 255, 0), ".tiff", [255, 0, 0]),
        ],
    )
    def test_every_mode_reads_as_it_looks(
        self, tmp_path: Path, mode: str, colour: object, suffix: str, expected: list[int] | None
    ) -> None:
        found = middle(put(tmp_path / f"x{suffix}", colour, mode))
        if expected is None:
            assert found[0] == 255
            assert abs(found[1] - 127) <= 8
        else:
            assert found == expected

    def test_a_palette_reads_as_its_colours_and_its_transparency_as_white(self, tmp_path: Path) -> None:
        image = Image.new("P", (10, 10), 1)
        image.putpalette([0, 0, 0, 10, 200, 30])
        image.save(tmp_path / "colour.png")
        image.save(tmp_path / "clear.png", transparency=1)
        assert middle(tmp_path / "colour.png") == [10, 200, 30]
        assert middle(tmp_path / "clear.png") == [255]

    @pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
    @pytest.mark.parametrize(("value", "expected"), [(65535, 255), (32896, 128), (257, 1), (0, 0)])
    def test_16_bits_are_scaled_not_clipped(
        self, tmp_path: Path, suffix: str, value: int, expected: int
    ) -> None:
        path = tmp_path / f"x{suffix}"
        if suffix == ".pgm":  # which older versions of Pillow do not write
            path.write_bytes(b"P5 10 10 65535\n" + np.full(100, value, ">u2").tobytes())
        else:
            Image.fromarray(np.full((10, 10), value, np.uint16)).save(path)
        assert middle(path) == [expected]

    def test_exif_orientation_is_honoured(self, tmp_path: Path) -> None:
        image = Image.new("RGB", (16, 16), "white")
        image.paste("black", (0, 0, 16, 8))
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned a quarter clockwise: what is stored on top is seen on the right
        image.save(tmp_path / "turned.png", exif=exif)
        pixels = read_images([tmp_path / "turned.png"], 16)[0, 0]
        assert pixels[:, 12:].max() < 20
        assert pixels[:, :4].min() > 235

    def test_the_middle_square_is_kept(self, tmp_path: Path) -> None:
        image = Image.new("RGB", (40, 20), RED)
        image.paste("blue", (10, 0, 30, 20))
        image.save(tmp_path / "wide.png")
        found = read_images([tmp_path / "wide.png"], 8)[0]
        assert (found == np.array([0, 0, 255])[:, None, None]).all()

    def test_shrinking_averages(self, tmp_path: Path) -> None:
        board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
        Image.fromarray(board).save(tmp_path / "board.png")
        assert np.abs(read_images([tmp_path / "board.png"], 8).astype(int) - 127).max() <= 4


class TestOtherFiles:
    def test_hidden_and_other_files_are_ignored(self, people: Path) -> None:
        for name in (".DS_Store", "Thumbs.db", "desktop.ini", "abe/._left.png", ".cache/x.png"):
            (people / name).parent.mkdir(exist_ok=True)
            (people / name).write_bytes(b"no image")
        assert len(load(people)) == 4

    def test_links_are_followed_and_loops_end(self, people: Path, tmp_path: Path) -> None:
        put(tmp_path / "outside" / "1.png")
        os.symlink(tmp_path / "outside", people / "cid")
        os.symlink(people, people / "abe" / "loop")
        found = load(people)
        assert found.class_names == ("abe", "bea", "cid")
        assert len(found) == 5

    def test_what_is_passed_over_is_said_once(self, people: Path) -> None:
        for name in (
            "cid/1.HEIC",
            "cid/2.heic",
            "abe/notes.txt",
            "labels.csv",
            "bea/.hidden",
            "bea/Thumbs.db",
        ):
            (people / name).parent.mkdir(exist_ok=True)
            (people / name).write_bytes(b"no image")
        (people / "dan").mkdir()
        with pytest.warns(Notice) as caught:
            assert load(people).class_names == ("abe", "bea")
        assert [str(notice.message) for notice in caught] == [
            f"{people}: passed over 2 folders without images to read (cid: 2 .heic; dan: empty)"
            " and 2 files of other types (1 .txt, 1 .csv)"
        ]

    def test_many_folders_are_counted(self, people: Path) -> None:
        for i in range(7):
            (people / f"empty{i}").mkdir()
        with pytest.warns(Notice, match=r"7 folders .*empty4: empty; and 2 more"):
            load(people)

    def test_images_left_out_by_a_pattern_are_said(self, people: Path) -> None:
        put(people / "abe" / "front.jpg")
        put(people / "cid" / "front.jpg")
        with pytest.warns(Notice, match=r"1 folder .*\(cid: 1 \.jpg\) and 1 file of other types \(1 \.jpg\)"):
            load(people, "{class}/{content}.png")

    def test_nothing_is_said_where_all_is_read(self, people: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            load(people)

    @pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".JPG", ".apng", ".Png", ".pnm"])
    def test_further_suffixes_of_images_are_read(self, people: Path, suffix: str) -> None:
        (people / "cid").mkdir()
        (people / "abe" / "left.png").rename(people / "cid" / f"left{suffix}")
        assert load(people).class_names == ("abe", "bea", "cid")

    def test_recycled_things_are_a_class(self, people: Path) -> None:
        put(people / "recycled" / "1.png")
        assert load(people).class_names == ("abe", "bea", "recycled")

    @pytest.mark.parametrize("name", ["@eaDir", "__MACOSX", "#recycle", "$RECYCLE.BIN", "lost+found"])
    def test_folders_of_systems_are_no_classes(self, people: Path, name: str) -> None:
        put(people / name / "1.png")
        put(people / "abe" / name / "1.png")
        assert len(load(people)) == 4


class TestNames:
    def test_composed_and_decomposed_names_are_one(self, tmp_path: Path) -> None:
        composed, decomposed = "caf\u00e9", "cafe\u0301"
        for i, (name, view) in enumerate([(composed, decomposed), (decomposed, "x"), ("z", composed)]):
            put(tmp_path / "d" / name / f"{view}.png", (i, 0, 0))
        found = load(tmp_path / "d", "{class}/{content}.png")
        assert found.class_names == (composed, "z")
        assert found.content_names == (composed, "x")
        assert found.classes.tolist() == [0, 0, 1]
        assert found.contents.tolist() == [0, 1, 0]

    def test_a_pattern_may_be_decomposed(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            put(tmp_path / "d" / f"\u00e9_{name}.png")
        assert load(tmp_path / "d", "e\u0301_{class}.png").class_names == ("a", "b")

    def test_names_that_are_not_utf8_can_be_written_and_stay_different(self, tmp_path: Path) -> None:
        names = ["caf\udce9", "caf\udcff", r"caf\xe9", r"\x5c"]
        for name in names:
            put(tmp_path / "s\udce9t" / name / "1.png")
        found = load(tmp_path / "s\udce9t")
        assert found.name == r"folder:s\xe9t"
        assert set(found.class_names) == {r"caf\xe9", r"caf\xff", r"caf\x5cxe9", r"\x5cx5c"}
        "".join(found.class_names).encode()

    def test_an_error_about_such_a_file_can_be_written(self, people: Path) -> None:
        (people / "abe" / "\udce9.png").write_bytes(b"damaged")
        with pytest.raises(UserError, match=r"abe/\\xe9\.png: cannot read"):
            load(people)

    @pytest.mark.parametrize("suffix", [".PNG", ".Png"])
    def test_a_pattern_matches_suffixes_in_capitals(self, people: Path, suffix: str) -> None:
        for path in sorted(people.rglob("left.png")):
            path.rename(path.with_suffix(suffix))
        for pattern in ("{class}/{content}.png", "{class}/{content}.PNG"):
            assert load(people, pattern).content_names == ("front", "left")


class TestParts:
    @pytest.fixture
    def parts(self, tmp_path: Path, people: Path) -> Path:
        shutil.copytree(people, tmp_path / "root" / "train")
        shutil.copytree(people, tmp_path / "root" / "Val")
        return tmp_path / "root"

    def test_parts_of_a_split_are_no_classes(self, parts: Path) -> None:
        with pytest.raises(UserError, match="Val and train look like parts of a split") as caught:
            load(parts)
        assert f"folder:{parts}/Val" in caught.value.hint
        assert '--pattern "*/{class}/*"' in caught.value.hint

    def test_the_hints_work(self, parts: Path) -> None:
        assert load(parts / "train").class_names == ("abe", "bea")
        assert load(parts, "*/{class}/*").class_names == ("abe", "bea")
        assert load(parts, "{class}/*/*").class_names == ("Val", "train")

    def test_so_are_parts_without_classes(self, tmp_path: Path) -> None:
        for name in ("test", "training_set"):
            put(tmp_path / "d" / name / "1.png")
        with pytest.raises(UserError, match="parts of a split"):
            load(tmp_path / "d")
        assert load(tmp_path / "d", "{class}/*").class_names == ("test", "training_set")

    def test_a_class_may_have_such_a_name(self, people: Path) -> None:
        put(people / "test" / "1.png")
        assert load(people).class_names == ("abe", "bea", "test")


class TestErrors:
    def test_a_missing_folder(self, tmp_path: Path) -> None:
        folder = Folder(FolderConfig(), str(tmp_path / "nowhere"))
        assert "nowhere" in folder.missing()
        with pytest.raises(MissingDataError, match="nowhere"):
            folder.load(8)

    def test_a_file_in_place_of_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(MissingDataError, match="not a folder"):
            load(put(tmp_path / "x.png"))

    def test_no_images(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="no images"):
            load(tmp_path)

    def test_one_class(self, tmp_path: Path) -> None:
        put(tmp_path / "d" / "only" / "1.png")
        with pytest.raises(UserError, match="two classes"):
            load(tmp_path / "d")

    @pytest.mark.parametrize("damage", ["truncated", "text", "empty", "link"])
    def test_an_unreadable_image_is_named(self, people: Path, damage: str) -> None:
        victim = people / "bea" / "left.png"
        noise = np.random.default_rng(0).integers(256, size=(50, 50, 3), dtype=np.uint8)
        Image.fromarray(noise).save(victim)
        content = victim.read_bytes()
        if damage == "link":
            victim.unlink()
            victim.symlink_to(people / "gone.png")
        else:
            victim.write_bytes({"truncated": content[:3000], "text": b"hello", "empty": b""}[damage])
        with pytest.raises(UserError, match=r"bea/left\.png") as caught:
            load(people)
        assert "move it out" in caught.value.hint

    def test_a_picture_that_unpacks_to_far_too_much_is_refused(
        self, people: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
        put(people / "abe" / "bomb.png", size=(40, 40))
        with pytest.raises(UserError, match=r"bomb\.png.*pixels"):
            load(people)

    def test_pixels_of_unknown_range_are_refused(self, people: Path) -> None:
        Image.fromarray(np.ones((9, 9), np.float32)).save(people / "abe" / "float.tif")
        with pytest.raises(UserError, match=r"float\.tif.*floating-point"):
            load(people)


class TestCommands:
    def test_a_notice_is_shown_once_without_its_place_in_the_code(
        self, run: Run, people: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (people / "cid").mkdir()
        # It loads the images several times.
        assert run("check", f"folder:{people}") == 0
        error = capsys.readouterr().err
        assert error.count("Note: ") == error.count("1 folder without images to read (cid: empty)") == 1
        assert ".py" not in error

    def test_workers_say_nothing_again(self, people: Path, recwarn: pytest.WarningsRecorder) -> None:
        (people / "cid").mkdir()
        assert len(base._images(f"folder:{people}", "{}", 8)) == 4
        assert not recwarn.list

    def test_a_folder_of_any_name_can_be_shown(self, run: Run, people: Path) -> None:
        for name in ("scans [2024]", "[red] [bold]", "caf\udce9", "a:b,c=d", "x "):
            people.rename(people.with_name(name))
            people = people.with_name(name)
            assert run("data", "show", f"folder:{people}", "--out", "sheet.png") == 0
