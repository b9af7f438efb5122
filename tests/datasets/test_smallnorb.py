"""smallnorb: six binary files become images, each with the labels that stand beside it."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from commandline import Run
from official_files import matrix
from preparing import load, shades

from lordbench.data.images import TEST, TRAIN

PARTS = ("smallnorb-5x46789x9x18x6x2x96x96-training", "smallnorb-5x01235x9x18x6x2x96x96-testing")
CATEGORIES = ("animal", "human", "plane", "truck", "car")
#  category, instance, elevation, azimuth, lighting of each photograph, by part
TRAINING = [(0, 4, 0, 34, 0), (4, 9, 8, 0, 5), (2, 6, 3, 12, 1), (0, 4, 0, 2, 0)]
TESTING = [(1, 0, 5, 20, 2), (3, 5, 7, 34, 4)]


def shade(part: int, photo: int, camera: int) -> int:
    return 100 * part + 10 * photo + camera


def files() -> dict[str, bytes]:
    found = {}
    for part, rows in enumerate((TRAINING, TESTING)):
        table = np.array(rows, np.int32)
        images = np.zeros((len(rows), 2, 96, 96), np.uint8)
        for photo in range(len(rows)):
            for camera in range(2):
                images[photo, camera] = shade(part, photo, camera)
        contents = {"dat": images, "cat": table[:, 0], "info": table[:, 1:]}
        found |= {f"{PARTS[part]}-{kind}.mat": matrix(values) for kind, values in contents.items()}
    return found


def put(folder: Path, contents: dict[str, bytes], zipped: bool = True) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return folder


def prepare(run: Run, path: Path) -> int:
    return run("data", "prepare", "smallnorb", "--from", str(path), "--no-verify")


class TestLabels:
    @pytest.mark.parametrize("choice", ["full", "object"])
    def test_each_image_has_the_labels_of_its_photograph(self, run: Run, tmp_path: Path, choice: str) -> None:
        assert prepare(run, put(tmp_path / "norb", files())) == 0
        found = load("smallnorb", class_label=choice)
        assert found.images.shape == (12, 1, 64, 64)
        row = 0
        for part, rows in enumerate((TRAINING, TESTING)):
            for photo, (category, instance, elevation, azimuth, lighting) in enumerate(rows):
                for camera in range(2):
                    toy = f"{CATEGORIES[category]} {instance}"
                    place = f"elevation {30 + 5 * elevation}"
                    angle = f"azimuth {10 * azimuth}"
                    rest = f"lighting {lighting} camera {camera}"
                    expected = {
                        "full": (f"{toy} {place} {rest}", angle),
                        "object": (toy, f"{place} {angle} {rest}"),
                    }[choice]
                    assert shades(found.images[row : row + 1]) == [[shade(part, photo, camera)]]
                    assert found.class_names[found.classes[row]] == expected[0]
                    assert found.content_names[found.contents[row]] == expected[1]
                    row += 1

    def test_one_camera_leaves_azimuth_elevation_and_lighting(self, run: Run, tmp_path: Path) -> None:
        assert prepare(run, put(tmp_path / "norb", files())) == 0
        found = load("smallnorb", class_label="object", cameras="first")
        assert len(found) == 6
        assert not any("camera" in name for name in (*found.content_names, *found.class_names))
        both = load("smallnorb", class_label="object")
        assert np.array_equal(found.images, both.images[::2])
        assert set(found.attributes) == set(both.attributes) - {"camera"}

    def test_attributes_are_the_official_labels(self, run: Run, tmp_path: Path) -> None:
        assert prepare(run, put(tmp_path / "norb", files())) == 0
        found = load("smallnorb")
        azimuth = found.attributes["azimuth"]
        names = [azimuth.name(value) for value in azimuth.values]
        assert names == [found.content_names[content] for content in found.contents]
        assert azimuth.cyclic
        assert not found.attributes["elevation"].cyclic

    def test_the_official_split_is_that_of_the_files(self, run: Run, tmp_path: Path) -> None:
        assert prepare(run, put(tmp_path / "norb", files())) == 0
        found = load("smallnorb")
        training = np.isin(found.images[:, 0, 0, 0], [shade(0, i, j) for i in range(4) for j in range(2)])
        assert np.array_equal(found.parts, np.where(training, TRAIN, TEST))

    def test_the_class_is_part_of_the_fingerprint(self, run: Run, tmp_path: Path) -> None:
        prepare(run, put(tmp_path / "norb", files()))
        marks = {load("smallnorb", class_label=choice).fingerprint for choice in ("full", "object")}
        assert len(marks) == 2

    def test_two_photographs_of_one_class_differ_in_azimuth_only(self, run: Run, tmp_path: Path) -> None:
        prepare(run, put(tmp_path / "norb", files()))
        found = load("smallnorb")
        assert found.classes[0] == found.classes[6]
        assert found.classes[0] != found.classes[1]
        assert [found.content_names[found.contents[row]] for row in (0, 6)] == ["azimuth 340", "azimuth 20"]

    def test_unpacked_files_give_the_same(self, run: Run, tmp_path: Path) -> None:
        prepare(run, put(tmp_path / "zipped", files()))
        zipped = load("smallnorb").fingerprint
        assert prepare(run, put(tmp_path / "plain", files(), zipped=False)) == 0
        assert load("smallnorb").fingerprint == zipped


class TestErrors:
    @pytest.mark.parametrize("victim", [f"{PARTS[0]}-dat.mat", f"{PARTS[1]}-cat.mat", f"{PARTS[1]}-info.mat"])
    @pytest.mark.parametrize("damage", ["truncated", "longer", "magic", "missing", "gzip", "header"])
    def test_a_damaged_file_is_named(
        self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], victim: str, damage: str
    ) -> None:
        contents = files()
        whole = contents[victim]
        contents[victim] = {
            "truncated": whole[:-3],
            "longer": whole + b"0",
            "magic": b"U" + whole,
            "header": whole[:9],
        }.get(damage, whole)
        folder = put(tmp_path / "norb", contents)
        path = folder / f"{victim}.gz"
        if damage == "missing":
            path.unlink()
        if damage == "gzip":
            path.write_bytes(path.read_bytes()[:-20])
        assert prepare(run, folder) == 2
        assert f"{victim}.gz" in capsys.readouterr().err
        assert run("data", "show", "smallnorb") == 2

    @pytest.mark.parametrize(("column", "value"), [(0, 5), (1, 10), (2, 9), (3, 3), (3, 36), (4, -1)])
    def test_a_label_out_of_range_is_refused(
        self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], column: int, value: int
    ) -> None:
        table = np.array(TESTING, np.int32)
        table[1, column] = value
        contents = files()
        contents[f"{PARTS[1]}-cat.mat"] = matrix(table[:, 0])
        contents[f"{PARTS[1]}-info.mat"] = matrix(table[:, 1:])
        assert prepare(run, put(tmp_path / "norb", contents)) == 2
        assert f"{PARTS[1]}-{'info' if column else 'cat'}.mat" in capsys.readouterr().err

    def test_parts_must_agree_on_their_length(
        self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        contents = files()
        contents[f"{PARTS[0]}-info.mat"] = matrix(np.array(TRAINING[:3], np.int32)[:, 1:])
        assert prepare(run, put(tmp_path / "norb", contents)) == 2
        assert "3 entries" in capsys.readouterr().err

    def test_a_forged_length_is_refused_before_memory_is_asked_for(
        self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        contents = files()
        contents[f"{PARTS[0]}-cat.mat"] = np.array([0x1E3D4C54, 1, 2**31 - 1, 1, 1], "<i4").tobytes()
        assert prepare(run, put(tmp_path / "norb", contents)) == 2
        assert "24300" in capsys.readouterr().err
