"""Label probing: planted leaks are found, no others are, and no choice depends on the test codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from helpers import CPU, halves
from lookup import Lookup
from scipy import stats

from lordbench.config import registry
from lordbench.data.images import Column, ImageSet, Int64Array
from lordbench.data.splits import split
from lordbench.evaluation.experiment import EvaluationConfig, Trained
from lordbench.evaluation.measurement import Measurement, MeasurementKey
from lordbench.evaluation.metric import Metric, Prediction, Probe, ProbeTask
from lordbench.evaluation.pixel_features import pixel_features
from lordbench.evaluation.probes import choose, collate
from lordbench.evaluation.probing import MAX_LABELS, Fold, LabelProbing, Reading, make_folds, of_images
from lordbench.evaluation.scoring import Scoring
from lordbench.evaluation.statistics import mean_interval, unanimous_interval
from lordbench.experiments.leakage import Leakage, probe_pixels
from lordbench.training.method import Codes

DATA = halves(n_classes=12, n_contents=16)
PROBES = ("probe_linear", "probe_kernel", "probe_mlp")


class Recording(Probe):
    """Records its arguments, and always predicts the smallest label."""

    higher_is_better: ClassVar[bool] = True
    source: ClassVar[str] = "none"

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def predict(self, train_codes: Any, train_labels: Any, test_codes: Any, seed: int) -> Int64Array:
        self.calls.append((train_codes, train_labels, test_codes, seed))
        return np.full(len(test_codes), train_labels.min())

    def policy(self) -> str:
        return "recording"


def trained(
    data: ImageSet = DATA, name: str = "samples", kinds: dict[str, type[Metric]] | None = None
) -> Any:
    """A cell whose method is not trained; the tests plant its codes."""
    kinds = kinds or {probe: registry.find("metrics", probe).load() for probe in PROBES}
    sizes = EvaluationConfig()  # type: ignore[call-arg]
    cut, scoring = split(data, name, seed=0), Scoring(CPU, kinds)  # type: ignore[arg-type]
    return Trained("none", Lookup(data), cut, CPU, 0, sizes, 16, scoring, Path())


def planted(images: ImageSet, leak: str, seed: int = 0) -> Codes:
    """Codes of their own label with noise; `linear` and `curved` put the class into the content code."""
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


def class_from_content(leak: str, *, shuffled: bool = False) -> list[Measurement]:
    """The normalized accuracies of all probes, then of the best, for the class on content codes."""
    codes = planted(DATA, leak).content_code.numpy()
    key = MeasurementKey("leakage", "class from content", "learned")
    reading = Reading(key, "class", lambda fold: (codes[fold.train], codes[fold.test]), floor=shuffled)
    rows = LabelProbing.within(trained(), "leakage", DATA).read([reading])
    subject = "class from content, shuffled" if shuffled else "class from content"
    return [row for row in rows if row.metric.endswith("normalized") and row.subject == subject]


class TestThreads:
    def rows(self, kinds: dict[str, type[Metric]] | None = None) -> list[Measurement]:
        probing = LabelProbing.within(trained(kinds=kinds), "leakage", DATA)
        return probing.probe_codes(planted(DATA, "linear"), "learned", floors=True)

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
    def test_own_labels_are_predicted(self, hidden: dict, kind: str) -> None:
        for subject in ("class from class", "content from content"):
            assert hidden[kind, subject, "probe_linear.normalized"].value > 0.9

    def test_no_probe_finds_a_leak_without_one(self) -> None:
        assert all(row.ci_low <= 0 <= row.ci_high for row in class_from_content("none"))

    def test_a_planted_leak_is_found_by_all_probes(self) -> None:
        assert all(row.ci_low > 0.5 for row in class_from_content("linear"))

    def test_a_leak_that_no_line_separates_is_found_by_the_others_and_by_the_best(self) -> None:
        linear, *others, best = class_from_content("curved")
        assert linear.value < 0.2
        assert all(row.ci_low > 0.5 for row in [*others, best])
        assert best.metric == "probe_best.normalized"
        assert "linear" not in best.policy.partition("chosen: ")[2]

    @pytest.mark.parametrize("whole", ["class", "content"])
    def test_a_label_that_another_decides_is_predicted_from_that_one(self, whole: str) -> None:
        """A car decides its colour, a view its side. So the other label is held out: of a car that was never
        seen in training, no code could tell the colour."""
        values = DATA.labels(whole)
        assert values is not None
        data = replace(DATA, attributes={"kind": Column(values % 2, ("even", "odd"))})
        codes = np.eye(16, dtype=np.float32)[values]
        reading = Reading(MeasurementKey("mine", "kind", "encoded"), "kind", of_images(codes), True)
        cell = trained(data, kinds={"probe_linear": registry.find("metrics", "probe_linear").load()})
        rows = LabelProbing.within(cell, "mine", data).read([reading])
        assert {row.value for row in rows if row.metric == "probe_linear.accuracy"} == {1.0}

    def test_few_held_out_classes_do_not_push_a_hidden_class_below_chance(self) -> None:
        """Held out one by one, the other images of its content show which classes a test image is not of."""
        images = split(halves(n_classes=40, n_contents=16), "classes", seed=0).test
        contents = np.eye(16, dtype=np.float32)[images.contents]
        probe = registry.find("metrics", "probe_linear").load()()
        test = np.random.default_rng(0).permutation(len(images)) % 4 == 0
        one_by_one = probe.predict(contents[~test], images.classes[~test], contents[test], 0)
        cell = trained(halves(n_classes=40, n_contents=16), "classes")
        key = MeasurementKey("leakage", "class from content", "encoded")
        reading = Reading(key, "class", lambda fold: (contents[fold.train], contents[fold.test]))
        rows = LabelProbing.within(cell, "leakage", images).read([reading])
        accuracy = next(row for row in rows if row.metric == "probe_linear.accuracy")
        assert np.mean(one_by_one == images.classes[test]) < 0.1
        assert accuracy.value == pytest.approx(0.25)


class TestFloorAndCeiling:
    def test_shuffled_labels_are_at_chance_for_every_code(self, hidden: dict) -> None:
        shuffled = [
            row for (_, subject, metric), row in hidden.items()
            if subject.endswith(", shuffled") and metric.endswith("normalized")
        ]  # fmt: skip
        assert len(shuffled) == 2 * 2 * 2  # kinds of codes, leaks, and the linear probe and the best
        assert abs(np.mean([row.value for row in shuffled])) < 0.03
        assert sum(row.ci_low <= 0 <= row.ci_high for row in shuffled) >= 7
        assert all(row.higher_is_better is None for row in shuffled)

    def test_shuffled_labels_hide_a_leak_from_all_probes(self) -> None:
        assert all(row.ci_low <= 0 <= row.ci_high for row in class_from_content("linear", shuffled=True))

    def test_all_probes_predict_both_labels_from_pixels(self) -> None:
        rows = probe_pixels(LabelProbing.within(trained(), "leakage", DATA))
        normalized = [row for row in rows if row.metric.endswith("normalized")]
        assert {row.subject for row in normalized} == {"class from pixels", "content from pixels"}
        assert len(normalized) == 2 * 4
        assert all(row.ci_low > 0 for row in normalized)
        assert all(row.higher_is_better is None and row.codes == "" for row in normalized)

    def test_pixels_are_probed_once_for_all_methods(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first = trained(kinds={"recording": Recording})
        for leak in ("none", "linear"):
            cell = trained()
            cell.scoring = first.scoring
            codes = {
                "train_codes": planted(cell.split.train, leak),
                "test_codes": planted(cell.split.test, leak),
            }
            cell.__dict__ |= codes | {"learned_codes": None}
            Leakage().run(cell)
        calls = first.scoring.metrics["recording"].calls  # type: ignore[attr-defined]
        widths = [train.shape[1] for train, *_ in calls]
        assert len([width for width in widths if width != 16]) == 2 * 4


class TestChoice:
    def test_neither_choice_nor_fit_depends_on_the_test_codes(self) -> None:
        """Choices and predictions stay the same when test codes are added."""
        codes, labels = planted(DATA, "linear").content_code.numpy(), DATA.classes
        train, test = (codes[:150], labels[None, :150], DATA.contents[:150]), codes[150:]
        for name in PROBES:
            probe = registry.find("metrics", name).load()()
            few, more = (
                probe.predict_all([ProbeTask(*train, others, 0)], CPU)[0][0]
                for others in (test, np.concatenate([test, codes * 50]))
            )
            assert (few.chosen, few.accuracy, few.at_edge) == (more.chosen, more.accuracy, more.at_edge)
            np.testing.assert_array_equal(few.labels, more.labels[: len(few.labels)])

    def test_the_choice_is_stored_in_the_row(self, hidden: dict) -> None:
        assert "chosen: C = " in hidden["encoded", "class from class", "probe_linear.accuracy"].policy
        assert "chosen: width " in class_from_content("linear")[1].policy

    @pytest.mark.parametrize(("lead", "chosen", "at_edge"), [(3, 2, False), (6, 0, True)])
    def test_a_setting_at_the_edge_must_be_better_by_a_standard_error(
        self, lead: int, chosen: int, at_edge: bool
    ) -> None:
        """Of 100 codes 80 are predicted, with a standard error of about 4; the last code does not count."""
        right = [80 + lead, 80, 80, 80, 80]
        correct = torch.tensor([[[[i < n for i in range(100)] + [True] for n in right]]])
        held = torch.tensor([[True] * 100 + [False]])
        best, accuracy, edge = choose(correct, held)
        assert (best.item(), edge.item()) == (chosen, at_edge)
        assert accuracy.item() == pytest.approx(0.8 if chosen else 0.86)

    def test_of_two_settings_as_near_the_middle_the_more_accurate_is_chosen(self) -> None:
        right = [70, 85, 70, 86, 70]
        correct = torch.tensor([[[[i < n for i in range(100)] for n in right]]])
        best, accuracy, edge = choose(correct, torch.ones(1, 100, dtype=torch.bool))
        assert (best.item(), edge.item()) == (3, False)
        assert accuracy.item() == pytest.approx(0.86)

    def test_settings_are_chosen_on_whole_values_of_the_other_label_drawn_by_the_seed(self) -> None:
        drawn = set()
        for seed in range(5):
            codes = planted(DATA, "none").content_code.numpy()
            (held,) = collate([ProbeTask(codes, DATA.classes[None], DATA.contents, codes, seed)], CPU).held
            contents = [set(DATA.contents[part].tolist()) for part in (held.numpy(), ~held.numpy())]
            assert contents[0].isdisjoint(contents[1])
            assert len(contents[0]) == 5  # a third of 16
            drawn.add(frozenset(contents[0]))
        assert len(drawn) > 1

    def test_the_choice_depends_on_the_training_codes(self) -> None:
        """Noisy codes need a strong penalty, small differences in clean codes a weak one."""
        generator = np.random.default_rng(0)
        labels = np.arange(600) % 2
        noisy = generator.normal(size=(600, 100)) + 0.2 * labels[:, None]
        fine = generator.normal(size=(600, 4))
        fine[:, 1] = fine[:, 0] + 0.05 * (2 * labels - 1)
        probe = registry.find("metrics", "probe_linear").load()()
        strengths = []
        for codes in (noisy.astype(np.float32), fine.astype(np.float32)):
            task = ProbeTask(codes, labels[None], None, codes[:2], 0)
            strengths.append(float(probe.predict_all([task], CPU)[0][0].chosen[4:]))
        assert strengths[0] < strengths[1]

    def test_all_methods_and_codes_of_a_seed_are_tested_on_the_same_images(self) -> None:
        cell = trained(kinds={"recording": Recording})
        index = np.arange(len(DATA), dtype=np.float32)
        codes = Codes(torch.from_numpy(index[:, None]), torch.from_numpy(index[:, None] + 1000))
        LabelProbing.within(cell, "leakage", DATA).probe_codes(codes, "encoded")
        calls = cell.scoring.metrics["recording"].calls
        for content, class_ in ((0, 1), (2, 3)):
            for fold in range(4):
                first, second = calls[4 * content + fold], calls[4 * class_ + fold]
                np.testing.assert_array_equal(first[2] - 1000, second[2])


def test_components_of_pixels_do_not_depend_on_test_images() -> None:
    fold = Fold(*(np.flatnonzero(np.arange(len(DATA)) % 4 // 3 == part) for part in (0, 1)))
    changed = DATA.images.copy()
    changed[fold.test] = 255 - changed[fold.test]
    first, second = (
        pixel_features(LabelProbing.within(trained(images), "leakage", images))(fold)
        for images in (DATA, replace(DATA, images=changed))
    )
    np.testing.assert_array_equal(first[0], second[0])
    assert first[0].shape == (len(fold.train), min(64, len(fold.train) // 4))
    assert first[1].shape == (len(fold.test), first[0].shape[1])
    assert not np.array_equal(first[1], second[1])


class TestFolds:
    def folds(self, labels: Int64Array, other: Int64Array | None, **masks: Any) -> list[Fold]:
        every = np.ones(len(labels), dtype=bool)
        train, test = masks.get("train", every), masks.get("test", every)
        return make_folds(labels, other, train, test, np.random.default_rng(0), masks.get("most", 1000))

    def test_every_image_is_tested_once_and_no_value_of_the_other_label_is_on_both_sides(self) -> None:
        for labels, other in ((DATA.classes, DATA.contents), (DATA.contents, DATA.classes)):
            assert other is not None
            folds = self.folds(labels, other)
            assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(DATA)))
            for fold in folds:
                assert not set(other[fold.train]) & set(other[fold.test])

    def test_without_the_other_label_images_are_split_evenly(self) -> None:
        folds = self.folds(DATA.classes, None)
        assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(DATA)))
        assert all((np.bincount(DATA.classes[fold.test]) == 4).all() for fold in folds)

    def test_without_the_other_label_held_out_images_are_one_fold(self) -> None:
        train = np.arange(len(DATA)) % 4 > 0
        (fold,) = self.folds(DATA.classes, None, train=train, test=~train)
        np.testing.assert_array_equal(fold.train, np.flatnonzero(train))
        np.testing.assert_array_equal(fold.test, np.flatnonzero(~train))

    def test_labels_that_only_held_out_images_have_are_not_probed(self) -> None:
        """Pairs are held out whole, as in a set of two domains; their numbers never occur in training."""
        domain, pair = np.arange(40) % 2, np.arange(40) // 2
        train = pair < 15
        assert self.folds(pair, domain, train=train, test=~train) == []
        assert self.folds(pair, domain) == []
        assert len(self.folds(domain, pair, train=train, test=~train)) > 0

    def test_a_label_with_one_training_image_is_left_out(self) -> None:
        labels = np.array([0, 0, 0, 1, 1, 1, 2, 2], dtype=np.int64)
        train = np.array([1, 1, 0, 1, 1, 0, 1, 0], dtype=bool)
        (fold,) = self.folds(labels, None, train=train, test=~train)
        assert set(labels[fold.train]) == set(labels[fold.test]) == {0, 1}

    def test_of_many_labels_some_are_drawn_first_those_with_test_images(self) -> None:
        labels = np.repeat(np.arange(300), 3)
        test = (np.arange(900) % 3 == 0) & (labels % 2 == 0)
        (fold,) = self.folds(labels, None, train=np.arange(900) % 3 > 0, test=test)
        assert len(np.unique(labels[fold.train])) == MAX_LABELS
        assert len(fold.test) == MAX_LABELS

    def test_a_fold_in_which_only_one_label_was_drawn_is_dropped(self) -> None:
        labels = np.repeat([0, 1], [1992, 8])
        both, generator = np.ones(2000, dtype=bool), np.random.default_rng(0)
        folds = [
            fold for _ in range(20) for fold in make_folds(labels, None, both, both, generator, most=150)
        ]
        assert 5 < len(folds) < 75
        assert all(len(set(labels[fold.train].tolist())) == 2 for fold in folds)

    def test_of_many_images_some_are_drawn(self) -> None:
        for fold in self.folds(DATA.classes, DATA.contents, most=20):
            assert len(fold.train) == len(fold.test) == 20

    def test_there_are_no_rows_for_labels_that_are_not_probed(self) -> None:
        n = len(DATA) // 2
        pairs = ImageSet(
            "pairs", DATA.images[: 2 * n], np.tile([0, 1], n), np.repeat(np.arange(n), 2), ("a", "b"),
            tuple(map(str, range(n))), "x", parts=np.repeat(np.arange(n) % 4 == 0, 2).astype(np.int64),
        )  # fmt: skip
        cell = trained(pairs, kinds={"recording": Recording})
        assert cell.split.official
        codes = {
            f"{part}_codes": Codes(torch.randn(len(images), 3), torch.randn(len(images), 2))
            for part, images in (("train", cell.split.train), ("test", cell.split.test))
        }
        cell.__dict__ |= codes | {"learned_codes": codes["train_codes"]}
        rows = Leakage().run(cell)
        assert {row.subject.split(" from ")[0] for row in rows} == {"class"}


class TestIntervals:
    def test_unanimous_predictions_have_the_exact_binomial_interval(self) -> None:
        groups = (np.arange(60) % 20, np.arange(60) % 30)
        low, high = unanimous_interval(np.zeros(60, dtype=bool), groups) or (None, None)
        assert low == 0
        assert high == pytest.approx(stats.binomtest(0, 20).proportion_ci(0.95).high)
        low, high = unanimous_interval(np.ones(60, dtype=bool), groups) or (None, None)
        assert low == pytest.approx(stats.binomtest(20, 20).proportion_ci(0.95).low)
        assert high == 1
        found = mean_interval(np.ones(60, dtype=bool), groups, np.random.default_rng(0))
        assert found == (1.0, low, high, 60)

    def test_equal_numbers_that_are_no_answers_have_no_width(self) -> None:
        found = mean_interval(np.ones(60), np.arange(60) % 20, np.random.default_rng(0))
        assert found == (1.0, 1.0, 1.0, 60)

    def test_mixed_predictions_and_a_single_group_have_no_exact_interval(self) -> None:
        assert unanimous_interval(np.arange(4) > 0, (np.arange(4),)) is None
        assert unanimous_interval(np.ones(4, dtype=bool), (np.zeros(4),)) is None

    def test_the_exact_interval_is_on_the_scale_of_chance_as_well(self) -> None:
        scoring, key, groups = Scoring(CPU, {}), MeasurementKey("e", "s", ""), np.arange(60) % 20
        for right in (False, True):
            correct = np.full(60, right)
            share = scoring.mean(key, "share", correct, groups, 0, higher_is_better=True)
            row = share.above_chance("m", 0.25)
            expected = [(end - 0.25) / 0.75 for end in unanimous_interval(correct, groups) or ()]
            assert row.value == pytest.approx(expected[right])
            assert [row.ci_low, row.ci_high] == pytest.approx(expected)

    def test_images_of_one_class_count_as_dependent(self) -> None:
        """Always the first of 12 classes is predicted. So all images of a class are right, or all wrong; as
        if classes were drawn again, two or three of them may be right."""
        cell = trained(kinds={"recording": Recording})
        rows = LabelProbing.within(cell, "leakage", DATA).probe_codes(planted(DATA, "none"), "learned")
        row = next(row for row in rows if row.subject == "class from class" and row.metric.endswith("cy"))
        assert row.value == pytest.approx(1 / 12)
        assert row.ci_low is not None
        assert row.ci_high is not None
        assert row.ci_low < 0.01
        assert row.ci_high > 2 / 12

    def test_normalized_is_the_share_of_possible_accuracy_above_chance(self, hidden: dict) -> None:
        for subject in ("class from content", "class from class"):
            chance = hidden["encoded", subject, "chance"].value
            assert chance == pytest.approx(1 / 12)
            plain, scaled = (
                hidden["encoded", subject, f"probe_linear.{m}"] for m in ("accuracy", "normalized")
            )
            assert scaled.value == pytest.approx((plain.value - chance) / (1 - chance))


class TestChance:
    def test_it_is_of_the_labels_that_take_part_and_weighted_by_the_images_tested_on(self) -> None:
        """Each content is tested on once. Without the first, class 2 has one image, too few to take part:
        there chance is 7 of 12, for 6 images of the first content; else 7 of 19, for 7 images."""
        counts = np.array([[4, 2, 6], [1, 1, 1], [1, 1, 0], [1, 1, 0]])  # by content and class
        contents, classes = (np.repeat(grid, counts.ravel()) for grid in np.indices((4, 3)).reshape(2, -1))
        names = tuple("abc"), tuple("wxyz")
        data = ImageSet("uneven", np.zeros((19, 3, 16, 16), np.uint8), classes, contents, *names, "x")
        cell = trained(kinds={"recording": Recording})
        rows = LabelProbing.within(cell, "leakage", data).probe_codes(
            Codes(torch.zeros(19, 2), torch.zeros(19, 2)), "encoded", labels=("class",), of=("content",)
        )
        (chance,) = [row for row in rows if row.metric == "chance"]
        assert chance.value == pytest.approx((6 * 7 / 12 + 7 * 7 / 19) / 13)
        assert chance.n == 13


class Edged(Recording):
    """Chooses the edge of its grid, and reports its accuracy."""

    def predict_all(self, tasks: Any, device: torch.device) -> list[list[Prediction]]:
        return [[Prediction(task.labels[0][:1].repeat(len(task.test)), "9", 0.5, True)] for task in tasks]


def test_a_choice_at_the_edge_of_the_grid_is_noted() -> None:
    rows = LabelProbing.within(trained(kinds={"probe_mlp": Edged}), "leakage", DATA).probe_codes(
        planted(DATA, "none"), "learned"
    )
    notes = {row.metric: row.note for row in rows}
    assert notes["probe_mlp.normalized"] == "probe_mlp: chose the edge of its grid in 4 of 4 folds"
    assert notes["probe_best.normalized"] == ""


def test_the_best_is_of_the_three_probes_whatever_is_plugged_in() -> None:
    """Else the headline of a run with another probe would not compare with that of others."""
    rows = LabelProbing.within(trained(kinds={"edged": Edged}), "leakage", DATA).probe_codes(
        planted(DATA, "none"), "learned"
    )
    assert {row.metric.partition(".")[0] for row in rows if "." in row.metric} == {"edged"}


def test_a_plug_in_probe_only_needs_predict() -> None:
    codes = np.zeros((4, 2), np.float32)
    task = ProbeTask(codes, np.array([[1, 2, 1, 2], [2, 2, 1, 1]]), None, codes, 0)
    ((first, second),) = Recording().predict_all([task], CPU)
    assert first.labels.tolist() == second.labels.tolist() == [1, 1, 1, 1]
    assert (first.chosen, first.accuracy) == ("", None)
    rows = LabelProbing.within(trained(kinds={"recording": Recording}), "leakage", DATA).probe_codes(
        planted(DATA, "none"), "learned"
    )
    assert not any(row.metric.startswith("probe_best") for row in rows)
