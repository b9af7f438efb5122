"""Readout: leaks that are there are found, none where there is none, and no choice knows what is tried."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from helpers import CPU, halves
from scipy import stats

from lordbench.config import registry
from lordbench.data.images import ImageSet, Int64Array
from lordbench.data.splits import split
from lordbench.evaluation.experiment import EvaluationConfig, Trained
from lordbench.evaluation.measurement import Measurement, MeasurementKey
from lordbench.evaluation.metric import Metric, Prediction, Probe
from lordbench.evaluation.probing import MOST_LABELS, Fold, LabelProbing, folds, unanimous
from lordbench.evaluation.scoring import Scoring
from lordbench.experiments.leakage import Leakage, of_pixels
from lordbench.training.method import Codes

DATA = halves(n_classes=12, n_contents=16)
PROBES = ("probe_linear", "probe_mlp")


class Remembering(Probe):
    """Notes what it is given, and always answers the smallest label."""

    higher_is_better: ClassVar[bool] = True
    source: ClassVar[str] = "none"

    def __init__(self) -> None:
        self.given: list[tuple[Any, ...]] = []

    def predict(self, train_codes: Any, train_labels: Any, test_codes: Any, seed: int) -> Int64Array:
        self.given.append((train_codes, train_labels, test_codes, seed))
        return np.full(len(test_codes), train_labels.min())

    def policy(self) -> str:
        return "remembering"


def trained(
    data: ImageSet = DATA, name: str = "samples", kinds: dict[str, type[Metric]] | None = None
) -> Any:
    """A cell whose method is not there: its codes are planted by the tests."""
    found = kinds or {probe: registry.find("metrics", probe).load() for probe in PROBES}
    return Trained(
        "none", None, split(data, name, seed=0), CPU, 0, EvaluationConfig(), 16, Scoring(CPU, found), Path(),  # type: ignore
    )  # fmt: skip


def planted(images: ImageSet, leak: str, seed: int = 0) -> Codes:
    """Codes of their own label, with noise; `linear` and `curved` put the class into the content code."""
    generator = torch.Generator().manual_seed(99)
    of_class, of_content = (torch.randn(size, 16, generator=generator) for size in (12, 16))
    classes, contents = (torch.from_numpy(v) for v in (images.classes, images.contents))
    generator.manual_seed(seed)
    noise = torch.randn(2, len(images), 16, generator=generator) * 0.2
    class_code, content_code = of_class[classes] + noise[0], of_content[contents] + noise[1]
    if leak == "linear":
        content_code = content_code + 2 * of_class[classes]
    if leak == "curved":
        # Two opposite points for each class: the means of all classes are the same.
        sign = (contents % 2 * 2 - 1)[:, None]
        content_code = torch.cat([content_code, sign * of_class[classes] + noise[0]], dim=1)
    return Codes(class_code, content_code)


@pytest.fixture(scope="module")
def hidden() -> dict[tuple[str, str, str], Measurement]:
    """Rows of leakage, for codes that hide the other label, by kind of codes, subject and metric."""
    cell = trained(kinds={"probe_linear": registry.find("metrics", "probe_linear").load()})
    cut = cell.split
    cell.__dict__ |= {
        "train_codes": planted(cut.train, "none", 1),
        "test_codes": planted(cut.test, "none", 2),
        "learned_codes": planted(cut.train, "none", 3),
    }
    return {(row.codes, row.subject, row.metric): row for row in Leakage().run(cell)}


def class_from_content(leak: str, **options: Any) -> list[Measurement]:
    """The normalized accuracies of both probes for the class on content codes."""
    codes = planted(DATA, leak).content_code.numpy()
    rows = LabelProbing.within(trained(), "leakage", DATA).read(
        MeasurementKey("leakage", "class from content", "learned"),
        "class",
        lambda fold: (codes[fold.known], codes[fold.tried]),
        **options,
    )
    return [row for row in rows if row.metric.endswith("normalized")]


class Meeting(Remembering):
    """Goes on when two threads have come."""

    thread_safe: ClassVar[bool] = True
    met = threading.Barrier(2)

    def predict(self, train_codes: Any, train_labels: Any, test_codes: Any, seed: int) -> Int64Array:
        self.met.wait(timeout=10)  # two at once, or it breaks
        return super().predict(train_codes, train_labels, test_codes, seed)


class TestThreads:
    def rows(self, kinds: dict[str, type[Metric]] | None = None) -> list[Measurement]:
        readout = LabelProbing.within(trained(kinds=kinds), "leakage", DATA)
        return list(readout.of_codes(planted(DATA, "linear"), "learned", floors=True))

    def test_readings_are_made_at_once(self, threads: Callable[[int], None]) -> None:
        threads(2)
        assert self.rows({"meeting": Meeting})

    def test_rows_do_not_depend_on_the_number_of_threads(self, threads: Callable[[int], None]) -> None:
        threads(1)
        alone = self.rows()
        threads(3)
        assert self.rows() == alone


class TestLeaks:
    @pytest.mark.parametrize("kind", ["encoded", "learned"])
    def test_codes_that_hide_the_other_label_are_at_chance(self, hidden: dict, kind: str) -> None:
        for subject in ("class from content", "content from class"):
            row = hidden[kind, subject, "probe_linear.normalized"]
            assert row.ci_low <= 0 <= row.ci_high
            assert abs(row.value) < 0.1

    @pytest.mark.parametrize("kind", ["encoded", "learned"])
    def test_what_is_kept_is_found(self, hidden: dict, kind: str) -> None:
        for subject in ("class from class", "content from content"):
            assert hidden[kind, subject, "probe_linear.normalized"].value > 0.9

    def test_neither_probe_finds_what_is_not_there(self) -> None:
        assert all(row.ci_low <= 0 <= row.ci_high for row in class_from_content("none"))

    def test_a_planted_leak_is_found_by_both_probes(self) -> None:
        assert all(row.ci_low > 0.5 for row in class_from_content("linear"))

    def test_a_leak_that_no_line_separates_is_found_by_the_mlp(self) -> None:
        linear, mlp = class_from_content("curved")
        assert linear.value < 0.2
        assert mlp.ci_low > 0.5

    def test_few_held_out_classes_do_not_push_a_hidden_class_below_chance(self) -> None:
        """Held out one by one, the images of a content show the classes that a tried one is not of."""
        images = split(halves(n_classes=40, n_contents=16), "classes", seed=0).test
        contents = np.eye(16, dtype=np.float32)[images.contents]
        probe = registry.find("metrics", "probe_linear").load()()
        tried = np.random.default_rng(0).permutation(len(images)) % 4 == 0
        one_by_one = probe.predict(contents[~tried], images.classes[~tried], contents[tried], 0)
        cell = trained(halves(n_classes=40, n_contents=16), "classes")
        rows = LabelProbing.within(cell, "leakage", images).read(
            MeasurementKey("leakage", "class from content", "encoded"),
            "class",
            lambda fold: (contents[fold.known], contents[fold.tried]),
        )
        accuracy = next(row for row in rows if row.metric == "probe_linear.accuracy")
        assert np.mean(one_by_one == images.classes[tried]) < 0.1
        assert accuracy.value == pytest.approx(0.25)


class TestFloorAndCeiling:
    def test_shuffled_labels_are_at_chance_for_every_code(self, hidden: dict) -> None:
        shuffled = [
            row for (_, subject, metric), row in hidden.items()
            if subject.endswith(", shuffled") and metric.endswith("normalized")
        ]  # fmt: skip
        assert len(shuffled) == 2 * 4
        assert abs(np.mean([row.value for row in shuffled])) < 0.03
        assert sum(row.ci_low <= 0 <= row.ci_high for row in shuffled) >= 7
        assert all(row.higher_is_better is None for row in shuffled)

    def test_shuffled_labels_hide_a_leak_from_both_probes(self) -> None:
        assert all(row.ci_low <= 0 <= row.ci_high for row in class_from_content("linear", shuffled=True))

    def test_pixels_tell_both_labels_to_both_probes(self) -> None:
        rows = list(of_pixels(LabelProbing.within(trained(), "leakage", DATA)))
        found = [row for row in rows if row.metric.endswith("normalized")]
        assert {row.subject for row in found} == {"class from pixels", "content from pixels"}
        assert len(found) == 4
        assert all(row.ci_low > 0 for row in found)
        assert all(row.higher_is_better is None and row.codes == "" for row in found)

    def test_pixels_are_read_once_for_all_methods(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first = trained(kinds={"remembering": Remembering})
        for leak in ("none", "linear"):
            cell = trained()
            cell.scoring = first.scoring
            codes = {
                "train_codes": planted(cell.split.train, leak),
                "test_codes": planted(cell.split.test, leak),
            }
            cell.__dict__ |= codes | {"learned_codes": None}
            Leakage().run(cell)
        given = first.scoring.metrics["remembering"].given  # type: ignore[attr-defined]
        widths = [known.shape[1] for known, *_ in given]
        assert len([width for width in widths if width != 16]) == 2 * 4


class TestChoice:
    def test_neither_choice_nor_fit_reads_the_tried_codes(self) -> None:
        """What is chosen stays the same, and so does each answer, whatever else is tried."""
        codes, labels = planted(DATA, "linear").content_code.numpy(), DATA.classes
        for name in PROBES:
            probe = registry.find("metrics", name).load()()
            one = probe.read(codes[:150], labels[:150], codes[150:], 0)
            other = probe.read(codes[:150], labels[:150], np.concatenate([codes[150:], codes * 50]), 0)
            assert one.chosen == other.chosen != ""
            np.testing.assert_array_equal(one.labels, other.labels[: len(one.labels)])

    def test_the_choice_lands_in_the_row(self, hidden: dict) -> None:
        assert "chosen: C = " in hidden["encoded", "class from class", "probe_linear.accuracy"].policy
        assert "chosen: L2 = " in class_from_content("linear")[1].policy

    def test_a_choice_follows_the_codes(self) -> None:
        """Much noise wants a strong penalty, a fine distinction in clean codes a weak one."""
        generator = np.random.default_rng(0)
        labels = np.arange(600) % 2
        noisy = generator.normal(size=(600, 100)) + 0.2 * labels[:, None]
        fine = generator.normal(size=(600, 4))
        fine[:, 1] = fine[:, 0] + 0.05 * (2 * labels - 1)
        probe = registry.find("metrics", "probe_linear").load()()
        strengths = [
            float(probe.read(codes.astype(np.float32), labels, codes[:2].astype(np.float32), 0).chosen[4:])
            for codes in (noisy, fine)
        ]
        assert strengths[0] < strengths[1]

    def test_all_methods_and_codes_of_a_seed_are_tried_on_the_same_images(self) -> None:
        cell = trained(kinds={"remembering": Remembering})
        index = np.arange(len(DATA), dtype=np.float32)
        codes = Codes(torch.from_numpy(index[:, None]), torch.from_numpy(index[:, None] + 1000))
        list(LabelProbing.within(cell, "leakage", DATA).of_codes(codes, "encoded"))
        given = cell.scoring.metrics["remembering"].given
        for content, class_ in ((0, 1), (2, 3)):
            for fold in range(4):
                first, second = given[4 * content + fold], given[4 * class_ + fold]
                np.testing.assert_array_equal(first[2] - 1000, second[2])


class TestFolds:
    def cut(self, labels: Int64Array, other: Int64Array | None, **masks: Any) -> list[Fold]:
        every = np.ones(len(labels), dtype=bool)
        known, tried = masks.get("known", every), masks.get("tried", every)
        return folds(labels, other, known, tried, np.random.default_rng(0), masks.get("most", 1000))

    def test_every_image_is_tried_once_and_no_value_of_the_other_label_is_on_both_sides(self) -> None:
        for labels, other in ((DATA.classes, DATA.contents), (DATA.contents, DATA.classes)):
            assert other is not None
            cut = self.cut(labels, other)
            assert sorted(np.concatenate([fold.tried for fold in cut])) == list(range(len(DATA)))
            for fold in cut:
                assert not set(other[fold.known]) & set(other[fold.tried])

    def test_without_the_other_label_images_are_dealt_evenly(self) -> None:
        cut = self.cut(DATA.classes, None)
        assert sorted(np.concatenate([fold.tried for fold in cut])) == list(range(len(DATA)))
        assert all((np.bincount(DATA.classes[fold.tried]) == 4).all() for fold in cut)

    def test_without_the_other_label_held_out_images_are_one_fold(self) -> None:
        known = np.arange(len(DATA)) % 4 > 0
        (fold,) = self.cut(DATA.classes, None, known=known, tried=~known)
        np.testing.assert_array_equal(fold.known, np.flatnonzero(known))
        np.testing.assert_array_equal(fold.tried, np.flatnonzero(~known))

    def test_labels_of_held_out_images_alone_are_not_read(self) -> None:
        """Pairs held out whole, as in a set of two domains: their numbers never occur in training."""
        domain, pair = np.arange(40) % 2, np.arange(40) // 2
        known = pair < 15
        assert self.cut(pair, domain, known=known, tried=~known) == []
        assert self.cut(pair, domain) == []
        assert len(self.cut(domain, pair, known=known, tried=~known)) > 0

    def test_a_label_with_one_known_image_is_left_out(self) -> None:
        labels = np.array([0, 0, 0, 1, 1, 1, 2, 2], dtype=np.int64)
        known = np.array([1, 1, 0, 1, 1, 0, 1, 0], dtype=bool)
        (fold,) = self.cut(labels, None, known=known, tried=~known)
        assert set(labels[fold.known]) == set(labels[fold.tried]) == {0, 1}

    def test_of_many_labels_some_are_drawn_those_that_are_tried_first(self) -> None:
        labels = np.repeat(np.arange(300), 3)
        tried = (np.arange(900) % 3 == 0) & (labels % 2 == 0)
        (fold,) = self.cut(labels, None, known=np.arange(900) % 3 > 0, tried=tried)
        assert len(np.unique(labels[fold.known])) == MOST_LABELS
        assert len(fold.tried) == MOST_LABELS

    def test_of_many_images_some_are_drawn(self) -> None:
        for fold in self.cut(DATA.classes, DATA.contents, most=20):
            assert len(fold.known) == len(fold.tried) == 20

    def test_there_are_no_rows_for_labels_that_are_not_read(self) -> None:
        n = len(DATA) // 2
        pairs = ImageSet(
            "pairs", DATA.images[: 2 * n], np.tile([0, 1], n), np.repeat(np.arange(n), 2), ("a", "b"),
            tuple(map(str, range(n))), "x", parts=np.repeat(np.arange(n) % 4 == 0, 2).astype(np.int64),
        )  # fmt: skip
        cell = trained(pairs, kinds={"remembering": Remembering})
        assert cell.split.official
        codes = {
            f"{part}_codes": Codes(torch.randn(len(images), 3), torch.randn(len(images), 2))
            for part, images in (("train", cell.split.train), ("test", cell.split.test))
        }
        cell.__dict__ |= codes | {"learned_codes": codes["train_codes"]}
        rows = Leakage().run(cell)
        assert {row.subject.split(" from ")[0] for row in rows} == {"class"}


class TestIntervals:
    def test_equal_answers_have_the_exact_binomial_interval(self) -> None:
        groups = (np.arange(60) % 20, np.arange(60) % 30)
        low, high = unanimous(np.zeros(60, dtype=bool), groups) or (None, None)
        assert low == 0
        assert high == pytest.approx(stats.binomtest(0, 20).proportion_ci(0.95).high)
        low, high = unanimous(np.ones(60, dtype=bool), groups) or (None, None)
        assert low == pytest.approx(stats.binomtest(20, 20).proportion_ci(0.95).low)
        assert high == 1

    def test_mixed_answers_and_a_single_group_have_none_of_that_kind(self) -> None:
        assert unanimous(np.arange(4) > 0, (np.arange(4),)) is None
        assert unanimous(np.ones(4, dtype=bool), (np.zeros(4),)) is None

    def test_normalized_is_accuracy_above_chance_over_what_is_above_chance(self, hidden: dict) -> None:
        for subject in ("class from content", "class from class"):
            chance = hidden["encoded", subject, "chance"].value
            assert chance == pytest.approx(1 / 12)
            plain, scaled = (
                hidden["encoded", subject, f"probe_linear.{m}"] for m in ("accuracy", "normalized")
            )
            assert scaled.value == pytest.approx((plain.value - chance) / (1 - chance))


def test_a_probe_of_a_plug_in_needs_no_choice() -> None:
    codes = np.zeros((4, 2), np.float32)
    reading = Remembering().read(codes, np.array([1, 2, 1, 2]), codes, 0)
    assert isinstance(reading, Prediction)
    assert reading.labels.tolist() == [1, 1, 1, 1]
    assert reading.chosen == ""
