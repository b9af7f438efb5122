"""kth: frames of videos, labelled by file name and the list of sequences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from commandline import PRESET, Run, results
from kth_files import RANGES, SEQUENCES, avi, listing, of, prepare, refused, shade, write_archives
from PIL import Image
from preparing import load, write_folder, write_zip

from lordbench.config.registry import make_dataset
from lordbench.data.images import TEST, TRAIN, UNUSED
from lordbench.utils.errors import UserError


@pytest.fixture
def official(tmp_path: Path) -> Path:
    return write_archives(tmp_path / "kth")


class TestLabels:
    def test_each_frame_has_the_labels_of_its_file_and_range(self, run: Run, official: Path) -> None:
        assert prepare(run, official) == 0
        store = make_dataset("kth", {}).stored()
        columns = store.columns
        found = {}
        for i, image in enumerate(store.images):
            action, person, condition = (
                columns[name].names[columns[name].values[i]] for name in ("action", "person", "condition")
            )
            video, number = f"{person}_{action}_{condition}", int(columns["frame"].values[i])
            assert image[0, :, :50].mean() == pytest.approx(shade(video, number), abs=1.5)
            assert (video, number) not in found
            found[video, number] = int(columns["sequence"].values[i])
        assert found == {(video, n): s for video, of_frame in SEQUENCES.items() for n, s in of_frame.items()}

    def test_frames_are_resized_without_cropping_and_black_is_black(self, run: Run, official: Path) -> None:
        prepare(run, official)
        for image in make_dataset("kth", {}).stored().images[:, 0]:
            assert image.shape == (64, 64)
            assert image[:, 60:].max() <= 2
            assert np.ptp(image[:, :55].astype(int)) <= 3

    def test_class_is_the_person_and_the_split_is_the_official_one(self, run: Run, official: Path) -> None:
        prepare(run, official)
        found = load("kth")
        assert found.images.shape == (20, 1, 64, 64)
        assert found.contents is None
        assert found.class_names == ("person01", "person02", "person11")
        assert found.classes.tolist() == [0] * 9 + [1] * 5 + [2] * 6
        assert found.parts.tolist() == [UNUSED] * 9 + [TEST] * 5 + [TRAIN] * 6

    def test_action_and_condition_are_chosen_when_loading(self, run: Run, official: Path) -> None:
        prepare(run, official)
        found = load("kth", action="boxing", condition="d2")
        assert found.class_names == ("person01", "person22")
        assert found.classes.tolist() == [0] * 8 + [1] * 3
        assert found.parts.tolist() == [UNUSED] * 8 + [TEST] * 3
        with pytest.raises(UserError, match=r"prepared without walking d4.*handwaving d1") as caught:
            load("kth", action="walking")
        assert "walking.zip" in caught.value.hint
        assert "data prepare kth" in caught.value.hint
        with pytest.raises(UserError, match="prepared without boxing d3"):
            load("kth", action="boxing", condition="d3")

    def test_a_sequence_beyond_the_official_damage_is_left_out(self, run: Run, tmp_path: Path) -> None:
        ranges = {"person01_boxing_d4": "1-2, 244-245, 246-370", "person02_boxing_d4": "1-2"}
        files = {video: avi([50] * 245, 2) for video in ranges}
        folder = write_folder(tmp_path / "kth", [(f"{v}_uncomp.avi", files[v]) for v in ranges])
        (folder / "00sequences.txt").write_bytes(listing(ranges))
        assert prepare(run, folder) == 0
        assert make_dataset("kth", {}).stored().columns["frame"].values.tolist() == [1, 2, 244, 245, 1, 2]


class TestPlaces:
    @pytest.mark.parametrize("layout", ["sub-folders", "flat", "mixed", "shuffled"])
    def test_archives_and_folders_give_the_same(
        self, run: Run, official: Path, tmp_path: Path, layout: str
    ) -> None:
        prepare(run, official)
        whole = load("kth").fingerprint
        other = write_folder(
            tmp_path / "other", [("00sequences.txt", listing(dict(reversed(RANGES.items()))))]
        )
        handwaving, boxing = of("handwaving"), of("boxing")
        if layout == "flat":
            write_folder(other, handwaving + boxing)
        elif layout == "shuffled":
            write_zip(other / "handwaving.zip", handwaving[2:] + handwaving[:2])
            write_zip(other / "boxing.zip", boxing)
        else:
            write_folder(other / "handwaving", handwaving)
            write_folder(other / "boxing", boxing)
        if layout == "mixed":
            write_zip(other / "handwaving.zip", handwaving)
        assert prepare(run, other) == 0
        assert load("kth").fingerprint == whole
        assert len(load("kth", action="boxing", condition="d2")) == 11

    def test_a_single_archive(self, run: Run, official: Path) -> None:
        assert prepare(run, official / "handwaving.zip") == 0
        assert len(load("kth")) == 20
        with pytest.raises(UserError, match="prepared without boxing"):
            load("kth", action="boxing", condition="d2")

    def test_other_members_have_no_effect(self, run: Run, official: Path, tmp_path: Path) -> None:
        prepare(run, official)
        whole = load("kth").fingerprint
        name, content = of("handwaving")[0]
        places = ("../", "/", "handwaving/../", "extra/", "__MACOSX/._")
        strays = [(f"{place}{name}", b"x") for place in places]
        strays += [("person26_handwaving_d4_uncomp.avi", content), (f"{name}.part", b"x")]
        write_zip(official / "handwaving.zip", [*strays, *of("handwaving")])
        write_folder(official / "more", [(name, b"x")])
        assert prepare(run, official) == 0
        assert load("kth").fingerprint == whole
        assert not list(tmp_path.glob("*.avi"))


def frames(root: Path, labels: str, values: dict[str, int], mode: str = "L", size: int = 64) -> None:
    (root / labels).mkdir(parents=True)
    for name, value in values.items():
        Image.new("L", (size, size), value).convert(mode).save(root / labels / name)


class TestFrames:
    @pytest.fixture
    def released(self, tmp_path: Path) -> Path:
        root = tmp_path / "kth"
        frames(root, "handwaving/person02/d4", {"10.png": 30, "9.png": 20, "1.jpg": 10})
        frames(root, "handwaving/person01/d4", {"image-001.jpeg": 40}, mode="RGB")
        frames(root, "handwaving/person01/d1", {"1.PNG": 99})
        frames(root, "boxing/person03/d4", {"1.png": 99})
        (root / "handwaving/person01/d4/._image-001.jpeg").write_bytes(b"x")
        (root / "handwaving/person01/d4/notes.txt").write_bytes(b"x")
        frames(root, "handwaving/someone/d4", {"1.png": 200})
        return root

    @pytest.mark.parametrize("given", ["", "handwaving"])
    def test_folders_of_frames_are_read_in_natural_order(self, run: Run, released: Path, given: str) -> None:
        assert prepare(run, released / given) == 0
        found = load("kth", 32)
        assert found.images.shape == (4, 1, 32, 32)
        assert found.class_names == ("person01", "person02")
        assert np.rint(found.images.mean(axis=(1, 2, 3))).tolist() == [40, 10, 20, 30]
        assert found.parts.tolist() == [UNUSED, TEST, TEST, TEST]
        columns = make_dataset("kth", {}).stored().columns
        assert columns["frame"].values[-3:].tolist() == [1, 2, 3] or given == ""
        assert set(columns["sequence"].values) == {0}
        assert len(columns["frame"].values) == (6 if given == "" else 5)

    def test_pixels_of_64_are_kept(self, run: Run, released: Path) -> None:
        pixels = np.random.default_rng(0).integers(256, size=(64, 64), dtype=np.uint8)
        Image.fromarray(pixels).save(released / "handwaving/person02/d4/9.png")
        prepare(run, released)
        assert (load("kth").images[2, 0] == pixels).all()

    @pytest.mark.parametrize("damage", ["truncated", "16 bits"])
    def test_a_damaged_frame_is_named(
        self, run: Run, released: Path, capsys: pytest.CaptureFixture[str], damage: str
    ) -> None:
        path = released / "handwaving/person02/d4/9.png"
        if damage == "truncated":
            path.write_bytes(path.read_bytes()[:60])
        else:
            Image.fromarray(np.full((64, 64), 9999, np.uint16)).save(path)
        assert "handwaving/person02/d4/9.png: this file cannot be read" in refused(run, released, capsys)

    def test_folders_are_not_official(
        self, run: Run, released: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("data", "prepare", "kth", "--from", str(released)) == 2
        assert "--no-verify" in capsys.readouterr().err


class TestVerification:
    def test_each_action_must_have_all_its_videos(
        self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        content = avi([50, 60], 2)
        names = [f"person{p:02d}_handclapping_d{k}" for p in range(1, 26) for k in range(1, 5)]
        names.remove("person13_handclapping_d3")
        for n, status in ((98, 2), (99, 0)):
            ranges = {name: "1-1" for name in names[:n]}
            folder = tmp_path / f"{n}"
            folder.mkdir()
            write_zip(folder / "handclapping.zip", [(f"{name}_uncomp.avi", content) for name in ranges])
            (folder / "00sequences.txt").write_bytes(listing(ranges))
            assert run("data", "prepare", "kth", "--from", str(folder)) == status
        assert "98 videos of handclapping, where the official set has 99" in capsys.readouterr().err
        assert make_dataset("kth", {}).stored().about["check"] == "count"


def test_a_run_on_kth(run: Run, official: Path) -> None:
    prepare(run, official, "--set", "resolution=16")
    Path("small.yaml").write_text(PRESET.replace("images: 640", "images: 64"))
    assert run("run", "--dataset", "kth[resolution=16]", "--methods", "lord", "--preset", "small.yaml",
               "--experiments", "reconstruction") == 0  # fmt: skip
    assert set(results()["dataset"]) == {"kth"}
