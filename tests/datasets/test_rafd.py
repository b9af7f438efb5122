"""rafd: labels from the names of the files, and crops that follow the face."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from commandline import PRESET, Run, results
from PIL import Image
from preparing import Files, jpeg, load, write_folder, write_zip

from lordbench.config.registry import make_dataset
from lordbench.data.images import UInt8Array
from lordbench.datasets import rafd
from lordbench.datasets.rafd import FRONT, LEFT, RIGHT, face_square

NAMES = [
    "Rafd000_01_Caucasian_female_neutral_left.jpg",
    "Rafd045_28_Caucasian_male_contemptuous_right.jpg",
    "Rafd090_09_Kid_female_happy_frontal.jpg",
    "Rafd090_28_Caucasian_male_angry_frontal.jpg",
    "Rafd135_73_Moroccan_male_surprised_left.jpg",
    "Rafd180_01_Caucasian_female_sad_frontal.jpg",
]
"""In the order of the rows."""
AT = {NAMES[2]: (300, 420), NAMES[3]: (390, 560)}
"""Where the middle of the face is, for those that have one."""
BACKGROUND = 200
FACE = 400
"""Side of the pasted head; the face fills about two thirds."""


def portrait(at: tuple[int, int] | None) -> UInt8Array:
    """A plain 681 x 1024 picture, uint8 (H, W, 3), with the head of scikit-image's astronaut."""
    pixels = np.full((1024, 681, 3), BACKGROUND, np.uint8)
    if at:
        head = Image.fromarray(skimage.data.astronaut()[10:210, 125:325])
        left, top = at[0] - FACE // 2, at[1] - FACE // 2
        pixels[top : top + FACE, left : left + FACE] = np.asarray(head.resize((FACE, FACE)))
    return pixels


@pytest.fixture(scope="module")
def files() -> Files:
    return [(name, jpeg(portrait(AT.get(name)))) for name in NAMES]


@pytest.fixture
def official(tmp_path: Path, files: Files) -> Path:
    return write_folder(tmp_path / "RaFD", files)


def prepare(run: Run, path: Path, *more: str) -> int:
    return run("data", "prepare", "rafd", "--from", str(path), "--no-verify", "--workers", "1", *more)


class TestLabels:
    def test_each_image_has_the_labels_of_its_name(self, run: Run, official: Path) -> None:
        assert prepare(run, official) == 0
        found = load("rafd")
        columns = make_dataset("rafd", {}).stored().columns
        assert found.images.shape == (6, 3, 64, 64)
        assert found.contents is not None
        assert found.content_names is not None
        for row, name in enumerate(NAMES):
            _, model, group, gender, expression, gaze = name.removesuffix(".jpg").split("_")
            assert found.class_names[found.classes[row]] == expression
            assert found.content_names[found.contents[row]] == f"{model} {name[4:7]} {gaze}"
            for attribute, text in {"identity": model, "angle": name[4:7], "gaze": gaze}.items():
                column = found.attributes[attribute]
                assert column.name(column.values[row]) == text
            for label, text in {"group": group, "gender": gender}.items():
                names = columns[label].names
                assert names is not None
                assert names[columns[label].values[row]] == text
        flat = np.ptp(found.images.astype(int), axis=(1, 2, 3)) < 5
        assert flat.tolist() == [name not in AT for name in NAMES]

    @pytest.mark.parametrize(("angles", "kept"), [("three", [1, 2, 3, 4]), ("frontal", [2, 3])])
    def test_cameras_can_be_chosen(self, run: Run, official: Path, angles: str, kept: list[int]) -> None:
        prepare(run, official)
        whole, found = load("rafd"), load("rafd", angles=angles)
        assert np.array_equal(found.images, whole.images[kept])
        assert [found.class_names[i] for i in found.classes] == [NAMES[i].split("_")[4] for i in kept]

    def test_neither_the_kind_of_place_nor_its_order_matters(
        self, run: Run, official: Path, files: Files, tmp_path: Path
    ) -> None:
        prepare(run, official)
        whole = load("rafd").fingerprint
        strays = [("../Rafd090_30_Kid_male_sad_left.jpg", b"x"), ("other/Rafd1.jpg", b"x")]
        strays += [(".DS_Store", b"x"), ("readme.txt", b"x"), ("__MACOSX/._Rafd1.jpg", b"x")]
        shuffled = [*files, *strays]
        random.Random(0).shuffle(shuffled)
        assert prepare(run, write_zip(tmp_path / "delivered.zip", shuffled)) == 0
        assert load("rafd").fingerprint == whole
        assert prepare(run, write_folder(tmp_path / "below", shuffled[::-1])) == 0
        assert load("rafd").fingerprint == whole

    def test_a_folder_in_the_zip(self, run: Run, files: Files, tmp_path: Path) -> None:
        members = [(f"RaFD/{name}", content) for name, content in files]
        assert prepare(run, write_zip(tmp_path / "RaFD.zip", members).parent) == 0
        assert len(load("rafd")) == 6


class TestCrop:
    def test_it_follows_the_face(self, run: Run, official: Path) -> None:
        prepare(run, official)
        columns = make_dataset("rafd", {}).stored().columns
        assert columns["detected"].values.tolist() == [int(name in AT) for name in NAMES]
        one, other = load("rafd").images[2:4].astype(int)
        assert np.abs(one - other).mean() < 12

    def test_the_square_is_centred_on_the_face_and_inside_the_picture(self) -> None:
        for x, y in [(340, 460), (210, 300), (470, 640)]:
            left, top, side = face_square(portrait((x, y)).transpose(2, 0, 1), (FRONT,)) or (0, 0, 0)
            assert left + side / 2 == pytest.approx(x, abs=30)
            assert top + side / 2 == pytest.approx(y, abs=30)
            assert 200 < side < 400
            assert left >= 0
            assert left + side <= 681

    def test_a_face_at_the_edge_is_not_believed(self) -> None:
        assert face_square(portrait((340, 820)).transpose(2, 0, 1), (FRONT, LEFT, RIGHT)) is None

    def test_the_fixed_box_ignores_the_face(self, run: Run, official: Path) -> None:
        assert prepare(run, official, "--set", "crop=box") == 0
        stored = make_dataset("rafd", {"crop": "box"}).stored()
        assert stored.about["settings"] == {"resolution": 64, "crop": "box"}
        assert not stored.columns["detected"].values.any()
        left, top, side = rafd.BOX
        expected = Image.fromarray(portrait(AT[NAMES[3]])).crop((left, top, left + side, top + side))
        shown = stored.images[3].transpose(1, 2, 0).astype(int)
        assert np.abs(shown - np.asarray(expected.resize((64, 64), Image.Resampling.BILINEAR))).mean() < 3

    def test_both_crops_are_kept_side_by_side(self, run: Run, official: Path) -> None:
        prepare(run, official)
        assert make_dataset("rafd", {"crop": "box"}).missing()
        prepare(run, official, "--set", "crop=box")
        assert load("rafd").fingerprint != load("rafd", crop="box").fingerprint


class TestErrors:
    @pytest.mark.parametrize(
        "name",
        [
            "Rafd090_28_Caucasian_male_anrgy_frontal.jpg",
            "Rafd091_28_Caucasian_male_angry_frontal.jpg",
            "Rafd090_74_Caucasian_male_angry_frontal.jpg",
            "Rafd090_28_Caucasian_male_angry.jpg",
            "Rafd090_28_Caucasian_male_angry_frontal (1).jpg",
        ],
    )
    def test_a_misspelt_name_is_named(
        self, run: Run, official: Path, capsys: pytest.CaptureFixture[str], name: str
    ) -> None:
        (official / name).write_bytes((official / NAMES[0]).read_bytes())
        assert prepare(run, official) == 2
        assert f"RaFD/{name}: the name is not like Rafd090_28" in " ".join(capsys.readouterr().err.split())

    def test_a_truncated_image_is_named(
        self, run: Run, official: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = official / NAMES[4]
        path.write_bytes(path.read_bytes()[:800])
        assert prepare(run, official) == 2
        assert NAMES[4] in capsys.readouterr().err
        assert make_dataset("rafd", {}).missing()

    def test_an_image_of_another_size_is_named(
        self, run: Run, official: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (official / NAMES[1]).write_bytes(jpeg(portrait(None)[:1000]))
        assert prepare(run, official) == 2
        said = capsys.readouterr().err
        assert NAMES[1] in said
        assert "681 x 1000 pixels, the official images 681 x 1024" in said

    def test_the_number_of_images_must_be_right(
        self, run: Run, official: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("data", "prepare", "rafd", "--from", str(official), "--workers", "1") == 2
        assert "6 images, where the official set has 8,040" in " ".join(capsys.readouterr().err.split())

    def test_a_place_without_it(self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "empty").mkdir()
        assert prepare(run, tmp_path / "empty") == 2
        assert "Rafd*.jpg not found" in " ".join(capsys.readouterr().err.split())


def test_a_run(run: Run, tmp_path: Path) -> None:
    plain = jpeg(portrait(None))
    names = [
        f"Rafd090_{model}_Kid_male_{expression}_{gaze}.jpg"
        for model in ("30", "42")
        for expression in ("happy", "sad")
        for gaze in ("frontal", "left", "right")
    ]
    prepare(run, write_folder(tmp_path / "RaFD", [(name, plain) for name in names]))
    Path("small.yaml").write_text(PRESET.replace("images: 640", "images: 64"))
    assert run("run", "--dataset", "rafd", "--methods", "lord", "--preset", "small.yaml",
               "--experiments", "reconstruction") == 0  # fmt: skip
    assert set(results()["dataset"]) == {"rafd"}
