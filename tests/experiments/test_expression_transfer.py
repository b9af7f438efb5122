"""Expression transfer: support images, and the scores of a perfect method and of one that does nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commandline import Run
from helpers import CPU, halves
from PIL import Image
from preparing import jpeg, load, write_folder
from synthetic import cell, without_samples
from torch import Tensor

from lordbench.config import registry
from lordbench.data.images import Column, ImageSet, join
from lordbench.data.splits import SplitName, split
from lordbench.datasets.rafd import FIELDS
from lordbench.evaluation.experiment import EvaluationConfig, Trained
from lordbench.evaluation.grids import Panel, confusion_matrices, panels_side_by_side
from lordbench.evaluation.measurement import Measurement
from lordbench.evaluation.scoring import Scoring
from lordbench.experiments import expression_transfer
from lordbench.experiments.expression_transfer import (
    SUPPORT,
    ExpressionTransfer,
    make_transfers,
    only_changed,
)
from lordbench.report.boards import boards
from lordbench.training.method import Codes, DataSpec, Method, MethodConfig


def people(n_people: int = 6, n_angles: int = 5) -> ImageSet:
    """Halves as faces: colours are expressions, neighbouring directions one person from several angles."""
    images = halves(n_classes=8, n_contents=n_people * n_angles)
    assert images.contents is not None
    names = tuple(f"person{i}" for i in range(n_people))
    return replace(images, attributes={"identity": Column(images.contents // n_angles, names)})


DATA = people()


class Lookup(Method):
    """Knows every image: codes are one-hot labels. `unmoved` decodes the image that the content came from."""

    def __init__(self, images: ImageSet, unmoved: bool, learned: ImageSet | None = None) -> None:
        super().__init__(MethodConfig(), DataSpec.of(images))
        self.images, self.unmoved, self.learned = images, unmoved, learned
        self.register_buffer("pixels", torch.from_numpy(images.images).float().flatten(1) / 255)

    def fit(self, train: ImageSet, context: Any) -> None:
        """Nothing to learn."""

    def encode(self, images: Tensor) -> Codes:
        index = torch.cdist(images.flatten(1), self.pixels).argmin(dim=1)
        return Codes(torch.eye(self.images.n_classes)[self.images.classes[index]], index[:, None].float())

    def decode(self, codes: Codes) -> Tensor:
        index = codes.content_code[:, 0].long()
        if not self.unmoved:
            targets = codes.class_code.argmax(dim=1).numpy()
            contents = self.images.contents
            assert contents is not None
            rows = [
                np.flatnonzero((self.images.classes == c) & (contents == contents[i]))[0]
                for c, i in zip(targets, index, strict=True)
            ]
            index = torch.tensor(np.array(rows))
        return self.pixels[index].view(-1, 3, self.images.size, self.images.size)

    def train_codes(self) -> Codes | None:
        return (
            None if self.learned is None else self.encode(torch.from_numpy(self.learned.images).float() / 255)
        )


def trained_on(
    data: ImageSet,
    folder: Path,
    unmoved: bool = False,
    name: SplitName = "samples",
    learns: bool = False,
    **sizes: Any,
) -> Trained:
    cut = split(data, name, seed=0)
    whole = join(cut.train, cut.test) if name == "samples" else cut.test
    metrics = {metric: registry.find("metrics", metric).load() for metric in ("l1", "ssim")}
    return Trained(
        label="lookup",
        method=Lookup(whole, unmoved, cut.train if learns else None),
        split=cut,
        device=CPU,
        seed=0,
        sizes=EvaluationConfig(**({"pairs": 1000, "grid": (3, 3)} | sizes)),
        batch_size=16,
        scoring=Scoring(CPU, metrics),
        folder=folder,
    )


def found_in(rows: list[Measurement], codes: str = "encoded") -> dict[tuple[str, str], float | None]:
    return {(row.subject, row.metric): row.value for row in rows if row.codes == codes}


class TestScores:
    def test_a_perfect_method_shows_the_true_photographs(self, tmp_path: Path) -> None:
        rows = ExpressionTransfer().run(trained_on(DATA, tmp_path))
        found, real = found_in(rows), found_in(rows, "")
        assert found["transfer", "l1"] == 0
        for metric in ("expression_accuracy", "identity_accuracy", "both_accuracy"):
            assert found["transfer", metric] == pytest.approx(real["real", metric], abs=0.1)
            assert found["transfer", metric] == found["reconstruction", metric]
        assert all(row.ci_low is not None for row in rows)

    def test_a_method_that_changes_nothing_is_at_the_floor_of_the_input(self, tmp_path: Path) -> None:
        rows = ExpressionTransfer().run(trained_on(DATA, tmp_path, unmoved=True))
        found, floors = found_in(rows), found_in(rows, "")
        assert found["transfer", "expression_accuracy"] < 0.1
        for metric in ("l1", "ssim", "expression_accuracy", "identity_accuracy", "both_accuracy"):
            assert found["transfer", metric] == pytest.approx(floors["input", metric])
        assert found["transfer", "identity_accuracy"] > 0.8

    def test_no_floor_is_right_in_both_and_chance_is_shown(self, tmp_path: Path) -> None:
        rows = found_in(ExpressionTransfer().run(trained_on(DATA, tmp_path)), "")
        for floor in ("input", "other expressions", "random"):
            assert rows[floor, "both_accuracy"] < 0.2
        assert rows["true image blurred 1 px", "both_accuracy"] > 0.8
        assert rows["chance", "expression_accuracy"] == 1 / 8
        assert rows["chance", "both_accuracy"] == pytest.approx(1 / (8 * 6))

    def test_intervals_are_over_expressions_and_people(self, tmp_path: Path) -> None:
        """Outputs that share either are no independent evidence."""
        rows = ExpressionTransfer().run(trained_on(DATA, tmp_path))
        for metric in ("l1", "expression_accuracy", "both_accuracy"):
            (row,) = (r for r in rows if (r.subject, r.metric, r.codes) == ("transfer", metric, "encoded"))
            assert row.samples is not None
            of_target, of_person = row.samples.groups
            assert set(of_target.tolist()) == set(range(8))
            assert set(of_person.tolist()) == set(range(6))

    def test_every_expression_has_an_accuracy_of_its_own(self, tmp_path: Path) -> None:
        rows = ExpressionTransfer().run(trained_on(DATA, tmp_path))
        parts = [row for row in rows if row.subject.startswith("onto ") and row.codes == "encoded"]
        (whole,) = (row for row in rows if row.subject == "transfer" and row.metric == "expression_accuracy")
        assert [row.subject for row in parts] == [f"onto {name}" for name in DATA.class_names]
        assert sum(row.n for row in parts) == whole.n
        assert sum(row.value * row.n for row in parts) == pytest.approx(whole.value * whole.n)

    def test_learned_codes_are_measured_too(self, tmp_path: Path) -> None:
        found = found_in(ExpressionTransfer().run(trained_on(DATA, tmp_path, learns=True)), "learned")
        assert found["transfer", "l1"] == 0
        assert ("onto colours3", "expression_accuracy") in found

    def test_references_are_rows_of_the_headline_table(self, tmp_path: Path) -> None:
        rows = cell(*ExpressionTransfer().run(trained_on(DATA, tmp_path)))
        (board,) = boards(rows, without_samples(rows))
        assert [row.texts[0] for row in board.rows if row.part == 2] == [
            "floor: random view of B's class",
            "floor: the input unchanged",
            "floor: mean of A's other expressions",
            "floor: chance",
            "true image, blurred 0.7 px",
            "true image, blurred 1 px",
            "true image, noise 0.05",
            "ceiling: real images",
        ]


class TestOnlyChanged:
    """Of drawn faces, as the experiment is run on."""

    def test_pixels_that_the_expression_does_not_change_are_not_compared(self) -> None:
        inputs, truth = np.full((2, 3, 4, 4), 100, np.uint8), np.full((2, 3, 4, 4), 100, np.uint8)
        truth[:, 1, :2] += 60
        outputs = np.random.default_rng(0).integers(0, 256, truth.shape, dtype=np.uint8)
        shown = only_changed(outputs, inputs, truth)
        assert np.array_equal(shown[:, :, :2], outputs[:, :, :2])
        assert np.array_equal(shown[:, :, 2:], truth[:, :, 2:])

    def test_the_mean_of_other_expressions_loses_to_a_degraded_true_face(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LORDBENCH_HOME", str(tmp_path))
        images = load("toyfaces", size=32, n_identities=10, angles="frontal")
        rows = found_in(ExpressionTransfer().run(trained_on(images, tmp_path, pairs=60)), "")
        for metric, sign in (("l1", 1), ("ssim", -1), ("both_accuracy", -1)):
            mean, blurred = (rows[name, metric] for name in ("other expressions", "true image blurred 1 px"))
            assert sign * mean > sign * blurred
        assert rows["other expressions", "l1"] > 2 * rows["true image with noise 0.05", "l1"]
        assert rows["other expressions", "both_accuracy"] < 0.4


def test_the_floor_of_other_expressions_is_without_the_true_photograph(tmp_path: Path) -> None:
    trained = trained_on(DATA, tmp_path)
    transfers, pool = (
        make_transfers(trained, trained.split.test, np.arange(len(trained.split.test))),
        trained.pool,
    )
    found = expression_transfer._other_expressions(trained, transfers)
    pool.images[transfers.truth[0]] = 255 - pool.images[transfers.truth[0]]
    again = expression_transfer._other_expressions(trained, transfers)
    assert np.array_equal(found[0], again[0])
    assert not np.array_equal(found, again)


class TestTransfers:
    def test_support_images_are_training_images_of_other_people(self, tmp_path: Path) -> None:
        trained = trained_on(DATA, tmp_path)
        train, test = trained.split.train, trained.split.test
        transfers = make_transfers(trained, test, np.arange(len(test)))
        assert len(transfers) == 8 * len(test)
        for content, target, support in zip(
            transfers.content, transfers.target, transfers.supports, strict=True
        ):
            person = test.attributes["identity"].values[content]
            assert (train.classes[support] == target).all()
            assert person not in train.attributes["identity"].values[support]
            assert 0 < len(set(support.tolist())) == len(support) <= SUPPORT

    def test_the_true_photograph_has_the_content_of_a_and_the_target_expression(self, tmp_path: Path) -> None:
        trained = trained_on(DATA, tmp_path)
        test, pool = trained.split.test, trained.pool
        transfers = make_transfers(trained, test, np.arange(len(test)))
        assert test.contents is not None
        assert pool.contents is not None
        assert (pool.classes[transfers.truth] == transfers.target).all()
        assert (pool.contents[transfers.truth] == test.contents[transfers.content]).all()

    def test_support_images_do_not_depend_on_the_other_inputs(self, tmp_path: Path) -> None:
        trained = trained_on(DATA, tmp_path)
        images = trained.split.test
        few, more = (make_transfers(trained, images, np.arange(n)) for n in (2, 6))
        for support, expected in zip(few.supports, more.supports, strict=False):
            assert np.array_equal(support, expected)

    def test_every_input_gets_all_other_expressions_within_the_number_of_pairs(self, tmp_path: Path) -> None:
        rows = ExpressionTransfer().run(trained_on(DATA, tmp_path, pairs=30))
        assert {row.n for row in rows if row.subject == "transfer" and row.metric == "l1"} == {28}

    def test_transfers_without_a_true_photograph_are_left_out(self, tmp_path: Path) -> None:
        assert DATA.contents is not None
        lacking = DATA.subset(np.flatnonzero((DATA.classes != 7) | (DATA.contents % 5 != 0)))
        trained = trained_on(lacking, tmp_path)
        test = trained.split.test
        rows = ExpressionTransfer().run(trained)
        assert test.contents is not None
        without = int(((test.contents % 5 == 0) & (test.classes != 7)).sum())
        assert without > 0
        assert {row.n for row in rows if row.subject == "transfer" and row.metric == "l1"} == {
            7 * len(test) - without
        }


class TestUnsuitableData:
    def test_nothing_without_people_or_labelled_contents(self, tmp_path: Path) -> None:
        assert ExpressionTransfer().run(trained_on(replace(DATA, attributes={}), tmp_path)) == []
        nameless = replace(DATA, contents=None, content_names=None)
        assert ExpressionTransfer().run(trained_on(nameless, tmp_path)) == []

    def test_nothing_where_expressions_are_held_out(self, tmp_path: Path) -> None:
        assert ExpressionTransfer().run(trained_on(DATA, tmp_path, name="classes")) == []

    def test_nothing_for_a_single_person(self, tmp_path: Path) -> None:
        assert ExpressionTransfer().run(trained_on(people(1, 20), tmp_path)) == []


class TestPictures:
    def test_both_are_drawn(self, tmp_path: Path) -> None:
        ExpressionTransfer().run(trained_on(DATA, tmp_path))
        for name in ("expression-transfer.png", "expression-confusion.png"):
            with Image.open(tmp_path / name) as picture:
                assert picture.mode == "RGB"

    def test_a_row_with_gaps_is_not_drawn(self, tmp_path: Path) -> None:
        assert DATA.contents is not None
        lacking = DATA.subset(np.flatnonzero((DATA.classes != 7) | (DATA.contents % 5 != 0)))
        ExpressionTransfer().run(trained_on(lacking, tmp_path, grid=(3, 24)))
        assert not (tmp_path / "expression-transfer.png").exists()

    def test_panels_are_drawn_side_by_side_pixel_for_pixel(self, tmp_path: Path) -> None:
        images = np.random.default_rng(0).integers(0, 256, size=(2, 3, 3, 96, 96), dtype=np.uint8)
        panels_side_by_side(
            [Panel("a", images[:, :1], [""], "down"), Panel("b", images[:, 1:], ["x", "y"], "outputs")],
            tmp_path / "p.png",
            "title",
        )
        picture = np.asarray(Image.open(tmp_path / "p.png"))
        places = [
            (y, x)
            for y in range(picture.shape[0] - 96)
            for x in range(picture.shape[1] - 96)
            if (picture[y, x] == images[1, 2, :, 0, 0]).all()
            and np.array_equal(picture[y : y + 96, x : x + 96], images[1, 2].transpose(1, 2, 0))
        ]
        assert len(places) == 1

    def test_a_confusion_matrix_with_an_empty_row_is_drawn(self, tmp_path: Path) -> None:
        counts = np.random.default_rng(0).integers(9, size=(4, 4))
        counts[2] = 0
        confusion_matrices({"title": counts}, "abcd", tmp_path / "c.png")
        assert (tmp_path / "c.png").is_file()


def photographs(models: Sequence[str], angles: Sequence[str]) -> list[tuple[str, bytes]]:
    """Files with the official names: a stripe for the expression, a tone for person and angle."""
    made = []
    for i, model in enumerate(models):
        for j, angle in enumerate(angles):
            for k, expression in enumerate(FIELDS["expression"]):
                pixels = np.full((1024, 681, 3), 60 + 30 * i + 7 * j, np.uint8)
                pixels[:, 60 + 70 * k : 120 + 70 * k, i] = 250
                made.append((f"Rafd{angle}_{model}_Caucasian_female_{expression}_frontal.jpg", jpeg(pixels)))
    return made


def test_it_runs_on_rafd(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = photographs(("01", "09", "28"), ("090", "135"))
    official = write_folder(tmp_path / "RaFD", files)
    assert run("data", "prepare", "rafd", "--from", str(official), "--no-verify", "--set", "crop=box") == 0
    images = load("rafd", size=16, crop="box")
    monkeypatch.setattr(expression_transfer, "SUPPORT", 2)
    rows = ExpressionTransfer().run(trained_on(images, tmp_path))
    found = found_in(rows)
    assert found["transfer", "l1"] == 0
    assert {row.subject for row in rows} >= {"onto contemptuous", "input", "random", "real"}
    assert (tmp_path / "expression-transfer.png").is_file()
