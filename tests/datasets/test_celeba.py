"""celeba: aligned faces, with the identities of the official list."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from commandline import Run
from preparing import jpeg, load, shades, write_folder, write_zip

from lordbench.config.registry import make_dataset

IDENTITIES = {"000001.jpg": 2880, "000002.jpg": 7, "000003.jpg": 2880, "000004.jpg": 10177, "000005.jpg": 7}
ZIP = "img_align_celeba.zip"


def face(number: int) -> bytes:
    """A square of a colour of its own in the middle 128 x 128 pixels, white around it."""
    pixels = np.full((218, 178, 3), 255, np.uint8)
    pixels[45:173, 25:153] = [40 * number, 10, 100]
    return jpeg(pixels)


def files() -> list[tuple[str, bytes]]:
    return [(f"img_align_celeba/{name}", face(int(name[:6]))) for name in IDENTITIES]


def identities(names: dict[str, int] = IDENTITIES) -> bytes:
    return "".join(f"{name} {identity}\n" for name, identity in names.items()).encode()


@pytest.fixture
def official(tmp_path: Path) -> Path:
    folder = tmp_path / "celeba"
    folder.mkdir()
    write_zip(folder / ZIP, files()[::-1])
    (folder / "identity_CelebA.txt").write_bytes(identities())
    return folder


def prepare(run: Run, path: Path, *more: str) -> int:
    return run("data", "prepare", "celeba", "--from", str(path), "--no-verify", "--workers", "1", *more)


class TestOtherFiles:
    def test_copies_of_another_size_are_named(
        self, run: Run, official: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        small = jpeg(np.zeros((128, 128, 3), np.uint8))
        write_zip(official / ZIP, [(f"img_align_celeba/{name}", small) for name in IDENTITIES])
        assert prepare(run, official) == 2
        error = capsys.readouterr().err
        assert "it has 128 x 128 pixels, the official images 178 x 218" in error
        assert "truncated" not in error

    @pytest.mark.parametrize("name", ["identity_CelebA.txt", "list_attr_celeba.txt", ZIP])
    @pytest.mark.parametrize("verify", [True, False])
    def test_a_web_page_is_named(
        self, run: Run, official: Path, capsys: pytest.CaptureFixture[str], name: str, verify: bool
    ) -> None:
        (official / name).write_text("\n<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded")
        more = [] if verify else ["--no-verify"]
        assert run("data", "prepare", "celeba", "--from", str(official), "--workers", "1", *more) == 2
        error = capsys.readouterr().err
        # The images come first, and their own checksum is that of another archive.
        if name == ZIP or not verify:
            assert f"{name}: this is not the file, it is an HTML page" in error
            assert "quota" in error

    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            (b"", "empty"),
            (gzip.compress(identities(), mtime=0), "compressed with gzip"),
            (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        ],
    )
    def test_another_kind_of_list_is_named(
        self, run: Run, official: Path, capsys: pytest.CaptureFixture[str], content: bytes, kind: str
    ) -> None:
        (official / "identity_CelebA.txt").write_bytes(content)
        assert prepare(run, official) == 2
        assert f"identity_CelebA.txt: this is not the file, it is {kind}" in capsys.readouterr().err


class TestLabels:
    @pytest.mark.parametrize("given", [".", ZIP])
    def test_each_face_has_the_identity_of_its_file(self, run: Run, official: Path, given: str) -> None:
        assert prepare(run, official / given) == 0
        found = load("celeba")
        assert found.images.shape == (5, 3, 64, 64)
        assert found.contents is None
        for row, (name, identity) in enumerate(sorted(IDENTITIES.items())):
            assert found.class_names[found.classes[row]] == str(identity)
            assert shades(found.images[row : row + 1])[0] == pytest.approx(
                [40 * int(name[:6]), 10, 100], abs=3
            )

    def test_the_crop_is_the_middle(self, run: Run, official: Path) -> None:
        prepare(run, official)
        images = load("celeba").images
        assert np.ptp(images[:, :, 2:-2, 2:-2].astype(int), axis=(2, 3)).max() <= 4
        assert images[:, 1].max() < 60

    def test_rare_people_can_be_left_out(self, run: Run, official: Path) -> None:
        prepare(run, official)
        found = load("celeba", min_images=2)
        assert found.class_names == ("7", "2880")
        assert found.classes.tolist() == [1, 0, 1, 0]
        assert shades(found.images)[3][0] == pytest.approx(200, abs=3)
        assert found.fingerprint != load("celeba").fingerprint
        assert load("celeba", min_images=2).fingerprint == found.fingerprint
        with pytest.raises(Exception, match="two classes"):
            load("celeba", min_images=9)

    def test_the_unpacked_folder_gives_the_same(self, run: Run, official: Path) -> None:
        prepare(run, official)
        whole = load("celeba").fingerprint
        (official / ZIP).unlink()
        assert prepare(run, write_folder(official, files())) == 0
        assert load("celeba").fingerprint == whole

    def test_the_other_lists_are_stored_if_they_exist(self, run: Run, official: Path) -> None:
        (official / "Eval").mkdir()
        (official / "Eval" / "list_eval_partition.txt").write_text(
            "".join(f"{name} {int(name[:6]) % 3}\n" for name in IDENTITIES)
        )
        (official / "list_attr_celeba.txt").write_text(
            "5\n5_o_Clock_Shadow Young \n" + "".join(f"{name}  1 -1\n" for name in IDENTITIES)
        )
        prepare(run, official)
        columns = make_dataset("celeba", {}).stored().columns
        assert columns["partition"].values.tolist() == [1, 2, 0, 1, 2]
        assert columns["Young"].values.tolist() == [-1] * 5
        assert columns["5_o_Clock_Shadow"].values.tolist() == [1] * 5


class TestErrors:
    @pytest.mark.parametrize("damage", ["no line", "no number", "no word", "no file"])
    def test_a_missing_annotation_is_named(
        self, run: Run, official: Path, capsys: pytest.CaptureFixture[str], damage: str
    ) -> None:
        path = official / "identity_CelebA.txt"
        lines = path.read_text().splitlines()
        if damage == "no file":
            path.unlink()
        else:
            lines[3] = {"no line": "", "no number": "000004.jpg", "no word": "000004.jpg ten"}[damage]
            path.write_text("\n".join(lines))
        assert prepare(run, official) == 2
        said = capsys.readouterr().err
        assert "identity_CelebA.txt" in said
        assert "000004.jpg" in said or damage in ("no word", "no file")
        assert make_dataset("celeba", {}).missing()

    def test_members_outside_the_folder_have_no_effect(self, run: Run, official: Path) -> None:
        prepare(run, official)
        whole = load("celeba").fingerprint
        strays = [(f"{place}000009.jpg", b"x") for place in ("../", "/", "img_align_celeba/../", "extra/")]
        strays.append(("__MACOSX/img_align_celeba/._000001.jpg", b"x"))
        write_zip(official / ZIP, [*strays, *files()])
        assert prepare(run, official) == 0
        assert load("celeba").fingerprint == whole

    def test_a_damaged_face_is_named(
        self, run: Run, official: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        members = files()
        members[2] = (members[2][0], members[2][1][:600])
        write_zip(official / ZIP, members)
        assert prepare(run, official) == 2
        assert f"{ZIP}/img_align_celeba/000003.jpg" in capsys.readouterr().err

    def test_a_flipped_byte_in_the_zip_is_noticed(
        self, run: Run, official: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        content = bytearray((official / ZIP).read_bytes())
        content[content.index(b"\xff\xd8") + 400] ^= 1
        (official / ZIP).write_bytes(content)
        assert prepare(run, official) == 2
        assert f"{ZIP}/img_align_celeba/000005.jpg" in capsys.readouterr().err

    def test_a_truncated_zip_is_named(
        self, run: Run, official: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (official / ZIP).write_bytes((official / ZIP).read_bytes()[:-30])
        assert prepare(run, official) == 2
        assert f"{ZIP}: this file cannot be read" in capsys.readouterr().err
