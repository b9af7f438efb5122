"""Content transfer: what the judges, floors and the cost of the exchange say of methods that are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from helpers import CPU, cars, halves
from lookup import Lookup
from torch import Tensor

from lordbench.config import registry
from lordbench.data.images import TEST, TRAIN, ImageSet
from lordbench.data.splits import Split, split
from lordbench.evaluation import transfers
from lordbench.evaluation.degraded import blurred
from lordbench.evaluation.experiment import EvaluationConfig, Trained
from lordbench.evaluation.measurement import Measurement
from lordbench.evaluation.metric import Float64Array, SetMetric
from lordbench.evaluation.scoring import Scoring
from lordbench.experiments import content_transfer
from lordbench.experiments.content_transfer import ContentTransfer
from lordbench.training.method import Codes

DATA = cars(n_cars=6, azimuths=12, elevations=2)
FLOORS = {"copy", "copy of A", "random", "class mean"}
JUDGED = {"class_agreement", "content_agreement", "both_agreement"}


class MeanColour(SetMetric):
    """Distance of the mean colours of two sets."""

    higher_is_better: ClassVar[bool] = False
    source: ClassVar[str] = "none"
    features_of: ClassVar[str] = "colour"

    def __init__(self, device: torch.device) -> None: ...

    def policy(self) -> str:
        return "mean colour"

    def features(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3))

    def distance(self, fake: Float64Array, real: Float64Array) -> float:
        return float(np.abs(fake.mean(axis=0) - real.mean(axis=0)).mean())


class Blurred(Lookup):
    """Right, but not sharp."""

    def decode(self, codes: Codes) -> Tensor:
        images = (super().decode(codes) * 255).round().byte().numpy()
        return torch.from_numpy(blurred(images, 2.0)).float() / 255


class ClassOnly(Lookup):
    """Ignores the content: an image of the right class in the first view."""

    def decode(self, codes: Codes) -> Tensor:
        return super().decode(Codes(codes.class_code, torch.zeros_like(codes.content_code)))


class ContentOnly(Lookup):
    """Ignores the class: the right view of the first car."""

    def decode(self, codes: Codes) -> Tensor:
        first = torch.zeros_like(codes.class_code)
        first[:, 0] = 1
        return super().decode(Codes(first, codes.content_code))


def trained(folder: Path, method: type[Lookup], data: ImageSet, how: str = "samples") -> Trained:
    cut: Split = split(data, how, seed=0)  # type: ignore[arg-type]
    l1 = registry.find("metrics", "l1").load()
    sizes = EvaluationConfig(pairs=60, real_images=40, grid=(2, 2))  # type: ignore[call-arg]
    # LPIPS needs weights; what is tested does not depend on the metric behind the name.
    scoring = Scoring(CPU, {"l1": l1, "lpips": l1, "colour": MeanColour})
    known = data if data.contents is not None else DATA
    return Trained("known", method(known), cut, CPU, 0, sizes, 16, scoring, folder)


def measure(
    folder: Path, method: type[Lookup] = Lookup, data: ImageSet = DATA
) -> dict[tuple[str, str], Measurement]:
    rows = ContentTransfer().run(trained(folder, method, data))
    return {(row.subject, row.metric): row for row in rows}


def value(rows: dict[tuple[str, str], Measurement], subject: str, metric: str) -> float:
    result = rows[subject, metric].value
    assert result is not None
    return result


class TestRightInBoth:
    def test_a_perfect_transfer_is_right_in_both(self, tmp_path: Path) -> None:
        rows = measure(tmp_path)
        assert value(rows, "transfer", "both_agreement") > 0.9
        assert value(rows, "transfer", "l1") == 0

    @pytest.mark.parametrize(
        ("method", "right", "wrong"),
        [
            (ClassOnly, "class_agreement", "content_agreement"),
            (ContentOnly, "content_agreement", "class_agreement"),
        ],
    )
    def test_half_a_transfer_is_not(
        self, method: type[Lookup], right: str, wrong: str, tmp_path: Path
    ) -> None:
        rows = measure(tmp_path, method)
        assert value(rows, "transfer", right) > 0.9
        assert value(rows, "transfer", wrong) < 0.3
        assert value(rows, "transfer", "both_agreement") < 0.3

    def test_intervals_are_over_the_class_of_b_and_the_image_a(self, tmp_path: Path) -> None:
        """Transfers that share either are no independent evidence."""
        rows = measure(tmp_path)
        for metric in ("l1", *JUDGED):
            samples = rows["transfer", metric].samples
            assert samples is not None
            of_b, of_a = samples.groups
            assert len(set(of_b.tolist())) == DATA.n_classes
            assert len(set(of_a.tolist())) > DATA.n_classes

    def test_blur_costs_little_of_it(self, tmp_path: Path) -> None:
        rows = measure(tmp_path, Blurred)
        assert value(rows, "transfer", "both_agreement") > 0.8
        assert value(rows, "true image blurred 1 px", "both_agreement") > 0.9
        assert value(rows, "true image with noise 0.05", "both_agreement") > 0.9

    def test_no_floor_reaches_it(self, tmp_path: Path) -> None:
        rows = measure(tmp_path)
        assert value(rows, "real", "both_agreement") > 0.6
        for floor in FLOORS:
            assert value(rows, floor, "both_agreement") < 0.3

    def test_the_reconstruction_shows_what_is_lost_without_a_transfer(self, tmp_path: Path) -> None:
        rows = measure(tmp_path, ContentOnly)
        own, transfer = (value(rows, name, "both_agreement") for name in ("reconstruction", "transfer"))
        assert own == transfer  # both ignore the class


class TestSourceClass:
    def test_a_transfer_shows_nothing_of_the_class_of_a(self, tmp_path: Path) -> None:
        rows = measure(tmp_path)
        assert value(rows, "transfer", "source_agreement") == 0
        assert rows["transfer", "source_agreement"].higher_is_better is False
        assert value(rows, "copy of A", "source_agreement") > 0.9
        assert value(rows, "copy", "source_agreement") == 0

    def test_an_output_that_keeps_the_class_does(self, tmp_path: Path) -> None:
        rows = measure(tmp_path, ContentOnly)  # always the first car
        shares = [value(rows, "transfer", f"{of}_agreement") for of in ("source", "class")]
        assert 0 < shares[0] < 0.5
        assert shares[0] + shares[1] < 0.7


class TestReferences:
    def test_every_metric_of_transfers_has_floors_and_sets_have_a_best_case(self, tmp_path: Path) -> None:
        rows = measure(tmp_path)
        metrics = {metric for subject, metric in rows if subject == "transfer"} - {"lpips_cost"}
        assert metrics == JUDGED | {"source_agreement", "l1", "lpips", "colour"}
        for floor in FLOORS:
            assert {metric for subject, metric in rows if subject == floor} == metrics
        assert {metric for subject, metric in rows if subject == "real"} == JUDGED | {"colour"}
        assert rows["real", "colour"].value < rows["class mean", "colour"].value + 0.05

    @pytest.mark.parametrize("how", ["samples", "classes"])
    def test_each_floor_shows_what_its_name_says(self, tmp_path: Path, how: str) -> None:
        cell = trained(tmp_path, Lookup, DATA, how)
        test, pool = cell.split.test, cell.pool
        pairs = transfers.transfer_pairs(cell, "encoded", test)
        found = {key.subject: images for key, images in transfers.floors(cell, pairs).items()}
        assert np.array_equal(found["copy"], test.images[pairs.class_])
        assert np.array_equal(found["copy of A"], test.images[pairs.content])
        classes = test.classes[pairs.class_]
        shown = [image.tobytes() for image in pool.images]
        views = [shown.index(image.tobytes()) for image in found["random"]]
        assert np.array_equal(pool.classes[views], classes)
        # Held-out images have no part in the mean, unless all images of the class are held out.
        known = cell.split.train if how == "samples" else test
        for mean, class_ in zip(found["class mean"], classes, strict=True):
            assert np.abs(mean - known.images[known.classes == class_].mean(axis=0)).max() <= 0.5

    def test_pairs_floors_and_real_images_are_the_same_for_all_methods(self, tmp_path: Path) -> None:
        first = trained(tmp_path, Lookup, DATA)
        second = replace(trained(tmp_path, Blurred, DATA), label="another")
        pairs, others = (
            transfers.transfer_pairs(cell, "encoded", cell.split.test) for cell in (first, second)
        )
        assert np.array_equal(pairs.content, others.content)
        assert np.array_equal(pairs.class_, others.class_)
        known, again = transfers.floors(first, pairs), transfers.floors(second, others)
        assert all(np.array_equal(known[key], again[key]) for key in known | again)
        assert np.array_equal(transfers.real_images(first), transfers.real_images(second))

    def test_real_images_are_at_most_half_of_all(self, tmp_path: Path) -> None:
        """So the best case of a set, other real images, is left as many."""
        cell = trained(tmp_path, Lookup, DATA)
        cell = replace(cell, sizes=cell.sizes.model_copy(update={"real_images": 1000}))
        half = len(DATA) // 2
        assert len(transfers.real_images(cell)) == len(transfers.other_real_images(cell, half)) == half

    def test_the_best_case_of_a_set_is_of_other_real_images(self, tmp_path: Path) -> None:
        """Compared with themselves, images would be at distance 0 of themselves."""
        cell = trained(tmp_path, Lookup, DATA)
        n = len(transfers.transfer_pairs(cell, "encoded", cell.split.test))
        real, other = transfers.real_images(cell), transfers.other_real_images(cell, n)
        expected = np.abs(real.mean(axis=(0, 2, 3)) - other.mean(axis=(0, 2, 3))).mean() / 255
        row = measure(tmp_path)["real", "colour"]
        assert row.value == pytest.approx(expected, abs=1e-5)
        assert row.value > 1e-3
        assert row.n == min(n, len(DATA) - len(real))

    def test_real_sets_do_not_overlap(self, tmp_path: Path) -> None:
        cell = trained(tmp_path, Lookup, DATA)
        first, second = transfers.real_images(cell), transfers.other_real_images(cell, 60)
        assert not {image.tobytes() for image in first} & {image.tobytes() for image in second}

    def test_they_are_measured_once_for_all_methods(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cell = trained(tmp_path, Lookup, DATA)
        first = [row for row in ContentTransfer().run(cell) if not row.codes]
        for module in (content_transfer, transfers):
            monkeypatch.setattr(module, "floors", lambda *_: {})
        again = [row for row in ContentTransfer().run(cell) if not row.codes]
        assert again == first


class TestLpipsCost:
    def test_blur_that_reconstructions_share_costs_nothing(self, tmp_path: Path) -> None:
        rows = measure(tmp_path, Blurred)
        assert value(rows, "transfer", "lpips") > 0.01
        assert value(rows, "transfer", "lpips_cost") == pytest.approx(0, abs=1e-9)

    def test_it_is_the_mean_of_paired_differences(self, tmp_path: Path) -> None:
        rows = measure(tmp_path, ClassOnly)
        cost, transfer = rows["transfer", "lpips_cost"], rows["transfer", "lpips"]
        own = rows["reconstruction", "lpips"]
        assert None not in (cost.samples, transfer.samples, own.samples)
        assert not cost.higher_is_better
        np.testing.assert_allclose(
            cost.samples.values, transfer.samples.values - own.samples.values, atol=1e-6
        )
        assert np.array_equal(cost.samples.groups, transfer.samples.groups)


class Learned(Lookup):
    """Its codes of training images are learned."""

    def train_codes(self) -> Codes:
        return self.encode(torch.from_numpy(self.images.images[self.images.parts == TRAIN]).float() / 255)


def test_without_true_images_among_the_training_images_learned_codes_have_no_reconstructions(
    tmp_path: Path,
) -> None:
    """Of each class one half of the views is for training: another one than of the other class."""
    data = halves(n_classes=2, n_contents=16)
    assert data.contents is not None
    parts = np.where((data.contents < 8) == (data.classes == 0), TRAIN, TEST)
    data = replace(data, parts=parts)
    rows = ContentTransfer().run(trained(tmp_path, Learned, data))
    found = {(row.codes, row.subject, row.metric) for row in rows}
    assert ("encoded", "reconstruction", "l1") in found
    assert ("learned", "transfer", "l1") in found
    assert not [key for key in found if key[:2] == ("learned", "reconstruction")]


class TestJudgesThatSeeNothing:
    def test_rows_warn_of_a_judge_at_chance(self, tmp_path: Path) -> None:
        images = np.random.default_rng(0).integers(0, 255, DATA.images.shape).astype(np.uint8)
        rows = measure(tmp_path, Lookup, replace(DATA, images=images))
        for label in ("class", "content"):
            note = rows["transfer", f"{label}_agreement"].note
            assert note.startswith(f"the judge does not recognise the {label} of real images (0")
            assert note.endswith(f"{label} agreement says nothing")
        assert rows["transfer", "both_agreement"].note.count("does not recognise") == 2
        assert "does not recognise" in rows["copy", "class_agreement"].note

    def test_without_labelled_contents_the_headline_has_a_reason(self, tmp_path: Path) -> None:
        rows = measure(tmp_path, Lookup, replace(DATA, contents=None, content_names=None))
        for metric in ("both_agreement", "content_agreement"):
            assert rows["transfer", metric].value is None
            assert rows["transfer", metric].note == "contents are not labelled"
        for subject in (*FLOORS, "transfer", "real"):
            assert rows[subject, "class_agreement"].value is not None
            assert rows[subject, "colour"].value is not None

    def test_contents_with_too_few_images_have_a_reason(self, tmp_path: Path) -> None:
        rows = measure(tmp_path, Lookup, halves(n_classes=2, n_contents=20))
        assert rows["transfer", "both_agreement"].value is None
        assert rows["transfer", "both_agreement"].note.startswith("too few images of a content for a judge")
