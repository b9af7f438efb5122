"""Official splits: used where they are of the requested kind, never mixed with drawn ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from commandline import PRESET, Run, results
from helpers import halves
from preparing import jpeg, write_zip

from lordbench.config.registry import make_dataset
from lordbench.data.images import TEST, TRAIN, UNUSED, Column, ImageSet, Int64Array, fingerprint
from lordbench.data.splits import SplitName, official_kind, split, title, validation


def with_parts(parts: Int64Array, **shape: int) -> ImageSet:
    return replace(halves(**shape), parts=parts.astype(np.int64))


def by_class(n_classes: int = 6, n_contents: int = 5) -> ImageSet:
    """Classes 0 and 3 train, 1 and 4 test, 2 and 5 are used by nothing."""
    data = halves(n_classes=n_classes, n_contents=n_contents)
    return replace(data, parts=np.array([TRAIN, TEST, UNUSED] * 2, dtype=np.int64)[data.classes])


class TestKinds:
    def test_held_out_classes(self) -> None:
        assert official_kind(by_class()) == "classes"
        assert title(by_class(), "classes") == "official classes"
        assert title(by_class(), "samples") == "samples"

    def test_held_out_samples(self) -> None:
        data = halves(n_classes=3, n_contents=4)
        data = replace(data, parts=(data.contents == 1).astype(np.int64))
        assert official_kind(data) == "samples"

    def test_none_and_neither(self) -> None:
        data = halves(n_classes=4, n_contents=4)
        assert official_kind(data) is None
        mixed = (data.classes >= 2) | ((data.classes == 1) & (data.contents == 0))
        assert official_kind(replace(data, parts=mixed.astype(np.int64))) is None
        assert official_kind(replace(data, parts=np.zeros(len(data), np.int64))) is None


class TestSplit:
    def test_official_classes_are_kept_apart_and_the_rest_is_left_out(self) -> None:
        data = by_class()
        cut = split(data, "classes", seed=0)
        assert cut.title == "official classes"
        assert cut.train.class_names == tuple(data.class_names[i] for i in (0, 3))
        assert cut.test.class_names == tuple(data.class_names[i] for i in (1, 4))
        for part, classes in ((cut.train, (0, 3)), (cut.test, (1, 4))):
            expected = np.concatenate([data.images[data.classes == k] for k in classes])
            assert np.array_equal(part.images, expected)
            assert part.classes.tolist() == [0] * 5 + [1] * 5

    def test_it_is_the_same_for_all_seeds(self) -> None:
        first, second = (split(by_class(), "classes", seed) for seed in (0, 1))
        assert np.array_equal(first.train.images, second.train.images)

    def test_another_kind_is_drawn_by_the_seed_from_all_images(self) -> None:
        cut = split(by_class(), "samples", seed=0)
        assert cut.title == "samples"
        assert len(cut.train) + len(cut.test) == 30

    def test_held_out_samples_keep_the_ids_of_training(self) -> None:
        data = halves(n_classes=4, n_contents=4)
        held_out = (data.contents == 1) & (data.classes >= 2)
        cut = split(replace(data, parts=held_out.astype(np.int64)), "samples", seed=0)
        assert cut.test.classes.tolist() == [2, 3]
        assert cut.test.class_names == data.class_names


def test_a_subset_keeps_all_labels_of_its_images() -> None:
    data = by_class()
    data = replace(data, attributes={"number": Column(np.arange(len(data)))})
    index = np.array([29, 5, 7, 12])
    part = data.subset(index)
    assert np.array_equal(part.images, data.images[index])
    for name in ("class", "content", "number"):
        assert np.array_equal(part.labels(name), data.labels(name)[index])
    assert np.array_equal(part.parts, data.parts[index])


def faces(folder: Path, partition: dict[int, int]) -> None:
    """A CelebA of two faces a person; the partition of each person."""
    rng = np.random.default_rng(0)
    names = {f"{2 * person + k + 1:06d}.jpg": person for person in partition for k in (0, 1)}
    noise = [jpeg(rng.integers(256, size=(218, 178, 3), dtype=np.uint8)) for _ in names]
    write_zip(
        folder / "img_align_celeba.zip",
        [(f"img_align_celeba/{name}", content) for name, content in zip(names, noise, strict=True)],
    )
    (folder / "identity_CelebA.txt").write_text("".join(f"{n} {p}\n" for n, p in names.items()))
    (folder / "list_eval_partition.txt").write_text(
        "".join(f"{n} {partition[p]}\n" for n, p in names.items())
    )


def test_a_run_says_which_split_it_used(run: Run, tmp_path: Path) -> None:
    partition = {0: 0, 1: 0, 2: 1, 3: 2, 4: 2, 5: 0, 6: 2}
    faces(tmp_path, partition)
    assert run("data", "prepare", "celeba", "--from", ".", "--no-verify", "--workers", "1") == 0
    cut = split(make_dataset("celeba", {}).load(64), "classes", seed=3)
    assert cut.train.class_names == ("0", "1", "5")
    assert cut.test.class_names == ("3", "4", "6")
    Path("small.yaml").write_text(PRESET.replace("images: 640", "images: 64"))
    assert run("run", "--dataset", "celeba", "--split", "classes", "--methods", "lord", "--preset",
               "small.yaml", "--experiments", "reconstruction") == 0  # fmt: skip
    assert set(results()["split"]) == {"official classes"}


class TestDrawn:
    def test_a_tenth_is_held_out_of_each_class_or_of_the_classes(self) -> None:
        data = halves(n_classes=30, n_contents=20)
        assert np.bincount(split(data, "samples", 0).test.classes).tolist() == [2] * 30
        assert split(data, "classes", 0).test.n_classes == 3

    @pytest.mark.parametrize("name", ["samples", "classes"])
    def test_every_seed_holds_out_others(self, name: SplitName) -> None:
        held_out = {split(halves(n_classes=20), name, seed).test.images.tobytes() for seed in range(4)}
        assert len(held_out) == 4


class TestFingerprint:
    def test_it_covers_every_label_and_pixel(self) -> None:
        generator = np.random.default_rng(0)
        images = generator.integers(0, 256, (1500, 1, 8, 8)).astype(np.uint8)
        labels = generator.integers(0, 3, (3, 1500))
        plain = [images, *labels]

        def mark(pixels: npt.NDArray[np.uint8], *own: Int64Array) -> str:
            return fingerprint(pixels, own[0], own[1], "1", own[2])

        marks = {mark(*plain), fingerprint(images, labels[0], None, "1", labels[2])}
        for i in range(4):
            changed = [part.copy() for part in plain]
            changed[i][1400] = (changed[i][1400] + 1) % 3
            marks.add(mark(*changed))
        assert len(marks) == 6


@pytest.mark.parametrize("name", ["samples", "classes"])
def test_validation_images_are_test_images_of_no_reserved_seed(name: SplitName) -> None:
    images = halves(n_classes=20, n_contents=20)
    reserved = (0, 1, 2)
    held_out = {image.tobytes() for seed in reserved for image in split(images, name, seed).test.images}
    parts = validation(images, name, reserved, seed=0)
    seen = [{image.tobytes() for image in part.images} for part in (parts.train, parts.test)]
    assert not seen[0] & seen[1]
    assert not (seen[0] | seen[1]) & held_out
    assert len(parts.train) + len(parts.test) == len(images) - len(held_out)
    kept = set(parts.train.class_names) & set(parts.test.class_names)
    assert kept == (set() if name == "classes" else set(images.class_names))
    assert parts.title == f"validation of {name}, seeds 0, 1, 2"
    other = validation(images, name, reserved, seed=1)
    assert not np.array_equal(other.test.images, parts.test.images)
