"""cars3d: MATLAB files in a tar.gz or a folder become images labelled by file name and by axis."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import numpy as np
import pytest
from commandline import Run
from official_files import car_shade, mat
from preparing import load, write_folder, write_tar
from scipy.io import loadmat, savemat

NAMES = ("car_002", "car_010", "car_1")
"""In natural order car_1 comes first."""


FILES = [(f"data/cars/{name}_mesh.mat", mat(i, compressed=i > 0)) for i, name in enumerate(NAMES)]
LIST = ("data/cars/list.txt", "\n".join(NAMES).encode())


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write_tar(tmp_path / "nips2015-analogy-data.tar.gz", [*FILES, LIST])


def prepare(run: Run, path: Path, *more: str) -> int:
    return run("data", "prepare", "cars3d", "--from", str(path), "--no-verify", *more)


class TestLabels:
    def test_azimuths_go_around_and_elevations_do_not(self, run: Run, archive: Path) -> None:
        prepare(run, archive)
        found = load("cars3d").attributes
        assert {name: column.cyclic for name, column in found.items()} == {
            "azimuth": True, "elevation": False,
        }  # fmt: skip

    def test_each_image_matches_its_labels(self, run: Run, archive: Path) -> None:
        assert prepare(run, archive) == 0
        found = load("cars3d")
        assert found.images.shape == (3 * 96, 3, 64, 64)
        assert found.class_names == ("car_1", "car_002", "car_010")
        assert len(found.content_names) == 96
        seen = set()
        for i in range(len(found)):
            car = found.class_names[found.classes[i]]
            elevation, azimuth = re.findall(r"no\. (\d+)", found.content_names[found.contents[i]])
            expected = car_shade(NAMES.index(car), int(azimuth), int(elevation))
            assert set(found.images[i, :2, 40].ravel()) == {expected}
            seen.add((car, azimuth, elevation))
        assert len(seen) == len(found)

    def test_images_are_neither_turned_nor_mirrored_nor_recoloured(self, run: Run, archive: Path) -> None:
        prepare(run, archive)
        image = load("cars3d").images[0]
        assert (image[0, :8] == 255).all()
        assert (image[0, 16:] < 255).all()
        assert (image[2] == 255).all()

    def test_resolution_is_a_setting(self, run: Run, archive: Path) -> None:
        prepare(run, archive, "--set", "resolution=128")
        assert load("cars3d", 128, resolution=128).images[0, 0, :21, 0].tolist() == [255] * 20 + [160]

    def test_the_first_cars_alone(self, run: Run, archive: Path) -> None:
        prepare(run, archive)
        whole, part = load("cars3d"), load("cars3d", n_cars=2)
        assert part.class_names == ("car_1", "car_002")
        first = np.flatnonzero(whole.classes < 2)
        assert np.array_equal(part.images, whole.images[first])
        assert np.array_equal(part.contents, whole.contents[first])
        assert part.fingerprint != whole.fingerprint

    def test_views_are_named_by_the_degrees_in_the_files(self, run: Run, tmp_path: Path) -> None:
        files = [(name, mat(i, degrees=True)) for i, (name, _) in enumerate(FILES)]
        assert prepare(run, write_tar(tmp_path / "a.tar.gz", files)) == 0
        names = load("cars3d").content_names
        assert names[:2] == ("elevation 0, azimuth 0", "elevation 0, azimuth 15")
        assert names[95] == "elevation 18, azimuth 345"

    def test_cars_at_different_angles_are_refused(
        self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        files = [(name, mat(i, degrees=i > 0)) for i, (name, _) in enumerate(FILES)]
        assert prepare(run, write_tar(tmp_path / "a.tar.gz", files)) == 2
        assert "car_010_mesh.mat: its views are at other angles" in capsys.readouterr().err


@pytest.mark.skipif(not os.environ.get("LORDBENCH_CARS3D"), reason="LORDBENCH_CARS3D names no official files")
class TestOfficialFiles:
    def test_cars_are_as_the_files_say(self, run: Run, tmp_path: Path) -> None:
        official = sorted(Path(os.environ["LORDBENCH_CARS3D"]).glob("**/car_*_mesh.mat"))
        assert len(official) == 183
        (tmp_path / "cars").mkdir()
        for path in official[::90]:
            (tmp_path / "cars" / path.name).symlink_to(path.resolve())
        assert prepare(run, tmp_path, "--set", "resolution=128") == 0
        found = load("cars3d", 128, resolution=128)
        assert found.class_names == tuple(path.name.removesuffix("_mesh.mat") for path in official[::90])
        assert found.content_names[0] == "elevation 0, azimuth 0"
        assert found.content_names[24 + 23] == "elevation 6, azimuth 345"
        mesh = loadmat(official[90], variable_names=["im"])["im"]
        assert np.array_equal(found.images[96 + 24 + 23], mesh[:, :, :, 23, 1].transpose(2, 0, 1))


class TestSources:
    @pytest.mark.parametrize("root", ["", "data", "data/cars"])
    def test_the_unpacked_folder_gives_the_same(
        self, run: Run, archive: Path, tmp_path: Path, root: str
    ) -> None:
        prepare(run, archive)
        whole = load("cars3d").fingerprint
        folder = write_folder(tmp_path / "unpacked", FILES)
        assert prepare(run, folder / root) == 0
        assert load("cars3d").fingerprint == whole

    def test_a_folder_with_the_archive_in_it(self, run: Run, archive: Path) -> None:
        assert prepare(run, archive.parent) == 0

    def test_order_and_other_members_have_no_effect(self, run: Run, archive: Path, tmp_path: Path) -> None:
        prepare(run, archive)
        whole = load("cars3d").fingerprint
        strays = [
            ("../data/cars/car_777_mesh.mat", FILES[0][1]),
            ("data/cars/../cars/car_778_mesh.mat", FILES[0][1]),
            ("/data/cars/car_779_mesh.mat", FILES[0][1]),
            ("data/sprites/car_5_mesh.mat", b"x"),
            ("data/cars/old/car_6_mesh.mat", b"x"),
            ("data/cars/._car_1_mesh.mat", b"x"),
        ]
        prepare(run, write_tar(tmp_path / "other.tar.gz", [*strays, LIST, *FILES[::-1]]))
        assert load("cars3d").fingerprint == whole
        assert not (tmp_path.parent / "data").exists()


class TestErrors:
    @pytest.mark.parametrize("damage", ["truncated", "truncated plain", "empty", "text"])
    def test_a_damaged_car_is_named(
        self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
    ) -> None:
        plain, compressed = FILES[0][1], FILES[1][1]
        content = {
            "truncated": compressed[: len(compressed) // 2],
            "truncated plain": plain[: len(plain) // 2],
            "empty": b"",
            "text": b"no MATLAB" * 99,
        }[damage]
        archive = write_tar(tmp_path / "a.tar.gz", [FILES[0], (FILES[1][0], content)])
        assert prepare(run, archive) == 2
        assert "a.tar.gz/data/cars/car_010_mesh.mat" in capsys.readouterr().err

    def test_another_shape_is_refused(
        self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        buffer = io.BytesIO()
        savemat(buffer, {"im": np.zeros((8, 8, 3, 24, 4), np.uint8)})
        assert prepare(run, write_tar(tmp_path / "a.tar.gz", [(FILES[0][0], buffer.getvalue())])) == 2
        assert "(8, 8, 3, 24, 4)" in capsys.readouterr().err

    def test_a_truncated_archive_is_named(
        self, run: Run, archive: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        whole = archive.read_bytes()
        for length in (len(whole) // 2, len(whole) - 5):
            archive.write_bytes(whole[:length])
            assert prepare(run, archive) == 2
            assert "nips2015-analogy-data.tar.gz: this file cannot be read" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            (b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512), "MATLAB 7.3 file (HDF5)"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer"),
            (b"<!DOCTYPE html><html><title>Quota exceeded", "HTML page"),
        ],
    )
    def test_another_kind_of_file_is_named(
        self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, kind: str
    ) -> None:
        assert prepare(run, write_folder(tmp_path / "d", [FILES[0], (FILES[1][0], content)])) == 2
        error = capsys.readouterr().err
        assert re.search(rf"car_010_mesh\.mat: this is not the file, it is an? {re.escape(kind)}", error)
        assert "truncated" not in error

    def test_a_resized_copy_is_named(
        self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        buffer = io.BytesIO()
        savemat(buffer, {"im": np.zeros((64, 64, 3, 24, 4), np.uint8)})
        assert prepare(run, write_folder(tmp_path / "d", [(FILES[0][0], buffer.getvalue())])) == 2
        error = capsys.readouterr().err
        assert "uint8 (64, 64, 3, 24, 4), in the official files uint8 (128, 128, 3, 24, 4)" in error
        assert "truncated" not in error

    def test_no_cars(self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert prepare(run, write_folder(tmp_path / "no", [("cats/cat_1_mesh.mat", b"")])) == 2
        assert "data/cars/car_*_mesh.mat not found" in capsys.readouterr().err
