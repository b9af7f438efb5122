"""Retrieval, dependence and informativeness: what they say of codes whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import CPU, cars
from lookup import Lookup
from torch import Tensor

from lordbench.data.images import Column, ImageSet
from lordbench.data.splits import split
from lordbench.evaluation import ridge
from lordbench.evaluation.experiment import EvaluationConfig, Experiment, Trained
from lordbench.evaluation.measurement import Measurement
from lordbench.evaluation.scoring import Scoring
from lordbench.experiments import dependence, retrieval
from lordbench.experiments.dependence import METRIC, Dependence, contributions
from lordbench.experiments.informativeness import Informativeness, attributes_of
from lordbench.experiments.retrieval import Retrieval, expected_average_precision, search
from lordbench.nn.dependence import centred_distances, correlation
from lordbench.training.method import Codes

DATA = cars(n_cars=10, azimuths=6, elevations=2)
VIEWS = torch.randn(12, 8, generator=torch.Generator().manual_seed(1))


class Oracle(Lookup):
    """Codes that hold their own label only."""

    def encode(self, images: Tensor) -> Codes:
        codes = super().encode(images)
        return Codes(codes.class_code, VIEWS[codes.content_code[:, 0].long()])


class Leaky(Oracle):
    """Content codes that hold the class as well."""

    def encode(self, images: Tensor) -> Codes:
        codes = super().encode(images)
        return Codes(codes.class_code, torch.cat([codes.content_code, 9 * codes.class_code], dim=1))


class NextAzimuth(Oracle):
    """Content codes whose nearest neighbour is of the same car and elevation, at the next azimuth."""

    def encode(self, images: Tensor) -> Codes:
        codes = super().encode(images)
        index = Lookup.encode(self, images).content_code[:, 0].long().numpy()
        azimuths, elevations = (
            torch.from_numpy(self.images.attributes[name].values) for name in ("azimuth", "elevation")
        )
        first = torch.from_numpy(np.unique(self.images.contents, return_index=True)[1])[index]
        angle = azimuths[first] * (2 * torch.pi / 6)
        circle = [angle.cos(), angle.sin(), 9.0 * elevations[first]]
        return Codes(codes.class_code, torch.cat([torch.stack(circle, dim=1), 9 * codes.class_code], dim=1))


class Same(Oracle):
    """Codes that both hold the class."""

    def encode(self, images: Tensor) -> Codes:
        codes = super().encode(images)
        return Codes(codes.class_code, codes.class_code)


class Blank(Oracle):
    """Codes that are all equal."""

    def encode(self, images: Tensor) -> Codes:
        return Codes(torch.ones(len(images), 4), torch.ones(len(images), 4))


def measure(
    experiment: type[Experiment], method: type[Lookup], data: ImageSet = DATA, how: str = "samples"
) -> dict[tuple[str, str], Measurement]:
    cut = split(data, how, seed=0)  # type: ignore[arg-type]
    sizes = EvaluationConfig(pairs=60, real_images=40, grid=(2, 2))  # type: ignore[call-arg]
    cell = Trained("known", method(DATA), cut, CPU, 0, sizes, 16, Scoring(CPU, {}), Path())
    return {(row.subject, row.metric): row for row in experiment().run(cell)}


def values(rows: dict[tuple[str, str], Measurement]) -> dict[tuple[str, str], float]:
    return {key: row.value for key, row in rows.items() if row.value is not None}


def reads_nothing(row: Measurement) -> bool:
    """Whether the interval of a value holds 0, as far from 1 as that."""
    return row.value is not None and row.ci_low is not None and row.ci_low <= 0 and row.value < 0.7


class TestRetrieval:
    def test_each_code_finds_its_own_label_and_not_the_other(self) -> None:
        found = values(measure(Retrieval, Oracle))
        for label, other in (("class", "content"), ("content", "class")):
            for metric in ("top1", "average_precision"):
                assert found[f"from {label}, {label}", metric] == 1
            assert found[f"from {other}, {label}", "top1"] == 0  # each class shows each content once

    def test_a_code_should_find_its_own_label_alone(self) -> None:
        rows = measure(Retrieval, Oracle)
        for label, other in (("class", "content"), ("content", "class")):
            assert rows[f"from {label}, {label}", "top1"].higher_is_better is True
            assert rows[f"from {other}, {label}", "top1"].higher_is_better is False

    def test_a_leak_is_found(self) -> None:
        found = values(measure(Retrieval, Leaky))
        assert found["from content, class", "top1"] == 1

    def test_equal_codes_find_what_chance_does(self) -> None:
        found = values(measure(Retrieval, Blank))
        for label in ("class", "content"):
            chance = found[f"from random order, {label}", "average_precision"]
            assert found[f"from content, {label}", "average_precision"] == pytest.approx(chance, abs=0.1)
            assert chance < 0.2

    def test_a_cyclic_label_counts_within_steps_around_the_circle(self) -> None:
        # Image 0 is at azimuth 0, its neighbour at 5 of 6: one step away.
        codes = torch.tensor([[0.0], [0.1], [5.0], [5.1]])
        azimuth = Column(np.array([0, 5, 2, 4]), tuple("abcdef"), cyclic=True)
        generator = np.random.default_rng(0)
        hits = search(codes, np.arange(4), {"azimuth": azimuth}, generator)["azimuth"]
        assert not len(hits.queries)  # nothing else is at any azimuth
        doubled = Column(np.array([0, 5, 5, 0]), tuple("abcdef"), cyclic=True)
        hits = search(codes, np.arange(4), {"azimuth": doubled}, generator)["azimuth"]
        assert hits.steps.tolist() == [1, 1, 1, 1]

    def test_a_neighbour_one_step_away_counts_within_one_step(self) -> None:
        found = values(measure(Retrieval, NextAzimuth))
        shares = [found["from content, azimuth", metric] for metric in ("top1", "within_1_top1")]
        assert shares == [0, 1]
        assert found["from content, azimuth", "within_2_top1"] == 1

    def test_images_at_equal_distances_are_in_random_order(self) -> None:
        labels = {"x": Column(np.repeat(np.arange(10), 5), tuple("abcdefghij"))}
        found = [
            search(torch.zeros(50, 3), np.arange(5), labels, np.random.default_rng(seed))["x"].average.mean()
            for seed in range(100)
        ]
        # In the order of the images the first class would be found before all others.
        assert np.mean(found) == pytest.approx(expected_average_precision(np.array([4]), 49)[0], abs=0.03)

    def test_intervals_are_over_classes_and_contents(self) -> None:
        """Images that share either are no independent evidence."""
        row = measure(Retrieval, Oracle)["from content, class", "top1"]
        test = split(DATA, "samples", seed=0).test
        assert row.samples is not None
        of_class, of_content = row.samples.groups
        assert np.array_equal(of_class, test.classes)
        assert np.array_equal(of_content, test.contents)

    def test_average_precision_is_that_of_the_definition(self) -> None:
        codes, labels = torch.arange(5.0)[:, None] ** 2, np.array([0, 1, 0, 1, 0])
        column = Column(labels, ("a", "b"))
        hits = search(codes, np.array([0]), {"x": column}, np.random.default_rng(0))["x"]
        assert hits.average == pytest.approx([(1 / 2 + 2 / 4) / 2])  # ranks 2 and 4 of four
        assert hits.relevant.tolist() == [2]

    def test_blocks_of_queries_change_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = values(measure(Retrieval, Leaky))
        monkeypatch.setattr(retrieval, "ELEMENTS", 250)
        assert values(measure(Retrieval, Leaky)) == whole

    def test_the_floor_is_the_mean_over_random_orders(self) -> None:
        generator, relevant = np.random.default_rng(0), np.arange(30) < 4
        ranks = np.arange(1, 31)
        averages = []
        for _ in range(4000):
            order = generator.permutation(relevant)
            averages.append((order.cumsum() / ranks)[order].mean())
        expected = expected_average_precision(np.array([4]), 30)[0]
        assert np.mean(averages) == pytest.approx(expected, abs=0.01)

    def test_queries_are_held_out_images(self) -> None:
        n_test = len(split(DATA, "samples", seed=0).test)
        found = measure(Retrieval, Oracle)
        assert n_test < 60  # so that more could be drawn
        assert {found[f"from {code}, class", "top1"].n for code in ("class", "content")} == {n_test}

    def test_the_floor_of_the_nearest_neighbour_is_the_share_of_other_images_with_the_label(self) -> None:
        """Of 120 images 12 show a class and 20 an azimuth; one and two steps are three and five azimuths."""
        found = values(measure(Retrieval, Oracle))
        assert found["from random order, class", "top1"] == pytest.approx(11 / 119)
        for metric, images in (("top1", 20), ("within_1_top1", 60), ("within_2_top1", 100)):
            assert found["from random order, azimuth", metric] == pytest.approx((images - 1) / 119)

    def test_held_out_classes_are_their_own_gallery(self) -> None:
        found = measure(Retrieval, Oracle, how="classes")
        assert found["from content, content", "top1"].value == 1
        assert found["from class, class", "top1"].n == 24

    def test_a_label_of_single_images_is_not_looked_for(self) -> None:
        one_each = DATA.subset(np.flatnonzero(DATA.contents == 0))
        found = measure(Retrieval, Oracle, one_each, how="classes")
        assert {subject.split(", ")[1] for subject, _ in found} == {"content", "azimuth"}

    def test_without_contents_only_classes_are_looked_for(self) -> None:
        unlabelled = replace(DATA, contents=None, content_names=None, attributes={})
        assert {s.split(", ")[1] for s, _ in measure(Retrieval, Oracle, unlabelled)} == {"class"}


class TestDependence:
    def test_codes_of_their_own_label_are_independent(self) -> None:
        rows = measure(Dependence, Oracle, how="classes")
        floor = rows["class and content codes, permuted", "distance_correlation"]
        value = rows["class and content codes", "distance_correlation"].value
        assert value is not None
        assert floor.value == pytest.approx(0, abs=0.02)
        # Images of one class never share a content here, so the codes are less alike than at random.
        assert floor.ci_high is not None
        assert value < floor.ci_high

    def test_a_leak_is_far_above_the_floor(self) -> None:
        rows = measure(Dependence, Leaky, how="classes")
        value = rows["class and content codes", "distance_correlation"].value
        floor = rows["class and content codes, permuted", "distance_correlation"].ci_high
        assert value is not None
        assert floor is not None
        assert value > floor + 0.3

    def test_less_is_better(self) -> None:
        row = measure(Dependence, Oracle)["class and content codes", "distance_correlation"]
        assert row.higher_is_better is False

    def test_equal_codes_depend_on_nothing(self) -> None:
        assert values(measure(Dependence, Blank))["class and content codes", "distance_correlation"] == 0

    def test_the_value_is_that_of_the_definition(self) -> None:
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(12, 3, generator=generator, dtype=torch.float64)
        y = x[:, :2] ** 2 + torch.randn(12, 2, generator=generator, dtype=torch.float64)
        a, b = centred_distances(x), centred_distances(y)
        n, products = 12, {}
        own = {"x": torch.cdist(x, x).numpy(), "y": torch.cdist(y, y).numpy()}

        def centred(d: np.ndarray, i: int, j: int) -> float:
            return float(
                d[i, j] - d[i].sum() / (n - 2) - d[:, j].sum() / (n - 2) + d.sum() / ((n - 1) * (n - 2))
            )

        for one, other in (("x", "y"), ("x", "x"), ("y", "y")):
            pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
            products[one + other] = sum(centred(own[one], i, j) * centred(own[other], i, j) for i, j in pairs)
        expected = products["xy"] / np.sqrt(products["xx"] * products["yy"])
        assert correlation(a, b) == pytest.approx(expected)
        assert contributions(a, b).mean() == pytest.approx(expected)

    def test_contributions_vary_as_much_as_the_value_does(self) -> None:
        """Their standard error, from which the interval comes, is that of the value on a fixed scale."""
        generator = torch.Generator().manual_seed(0)
        found, scales, errors = [], [], []
        for _ in range(200):
            x = torch.randn(60, 2, generator=generator)
            y = x + torch.randn(60, 2, generator=generator)
            a, b = centred_distances(x), centred_distances(y)
            scales.append(float((a.square().sum() * b.square().sum()).sqrt()))
            found.append(float(correlation(a, b)) * scales[-1])
            errors.append(contributions(a, b).std(ddof=1) / np.sqrt(60))
        assert np.mean(errors) == pytest.approx(np.std(found) / np.mean(scales), rel=0.3)

    def test_independent_codes_read_zero_on_average(self) -> None:
        generator = torch.Generator().manual_seed(0)
        drawn = [
            correlation(*(centred_distances(torch.randn(30, 4, generator=generator)) for _ in range(2)))
            for _ in range(300)
        ]
        assert abs(np.mean(drawn)) < 0.01  # a plain estimate would read 0.2

    def test_the_floor_is_that_of_the_content_codes_of_other_images(self) -> None:
        """Both codes are the class, of two. However images are paired, two such codes are hardly less alike
        than independent ones, and may be far more."""
        floor = measure(Dependence, Same, how="classes")[dependence.PERMUTED, METRIC]
        codes = torch.eye(2, dtype=torch.float64)[torch.arange(24) % 2]
        generator = torch.Generator().manual_seed(0)
        drawn = [
            float(correlation(centred_distances(codes), centred_distances(codes[order])))
            for order in (torch.randperm(24, generator=generator) for _ in range(400))
        ]
        assert floor.n == 24
        assert [floor.ci_low, floor.ci_high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.1)
        assert min(drawn) > -0.1

    def test_images_of_a_class_or_a_content_are_dependent(self) -> None:
        images = split(DATA, "classes", seed=0).test
        row = measure(Dependence, Oracle, how="classes")[dependence.CODES, METRIC]
        assert row.samples is not None
        assert np.array_equal(row.samples.groups, np.stack([images.classes, images.contents]))

    def test_few_images_are_drawn_of_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dependence, "MOST", 8)
        assert measure(Dependence, Oracle)["class and content codes", "distance_correlation"].n == 8


class TestInformativeness:
    def test_attributes_are_read_off_the_code_that_holds_them(self) -> None:
        rows = measure(Informativeness, Oracle)
        found = values(rows)
        for name in ("azimuth", "elevation"):
            assert found[f"from content, {name}", "normalized"] > 0.99
            # Of two dozen images chance predicts half at times: the interval says so.
            assert reads_nothing(rows[f"from class, {name}", "normalized"])

    def test_what_the_class_decides_is_kept_by_class_codes(self) -> None:
        colours = Column(DATA.classes % 2, ("red", "blue"))
        painted = replace(DATA, attributes={"colour": colours})
        rows = measure(Informativeness, Oracle, painted)
        kept, leaked = rows["from class, colour", "normalized"], rows["from content, colour", "normalized"]
        assert kept.value == 1
        assert (kept.higher_is_better, leaked.higher_is_better) == (True, False)
        assert reads_nothing(leaked)

    def test_numbers_are_read_by_regression(self) -> None:
        # A number that depends on the view, linearly in a code of the view, and a random one.
        place = (100 * VIEWS[:, 0]).round().long().numpy()[DATA.contents]
        noise = np.random.default_rng(0).integers(0, 100, len(DATA))
        attributes = {"nose_x": Column(place), "noise": Column(noise)}
        rows = values(measure(Informativeness, Oracle, replace(DATA, attributes=attributes)))
        assert rows["from content, nose_x", "r2"] > 0.8
        assert rows["from class, nose_x", "r2"] < 0.2
        assert rows["from content, noise", "r2"] < 0.2
        assert ("from content, nose_x", "normalized") not in rows

    def test_the_share_of_the_variance_has_no_unit_and_is_0_without_a_relation(self) -> None:
        place = (100 * VIEWS[:, 0]).round().long().numpy()[DATA.contents]
        noise = np.random.default_rng(0).integers(0, 100, len(DATA))
        found = []
        for unit in (1, 10):
            attributes = {"nose_x": Column(unit * place), "noise": Column(unit * noise)}
            found.append(values(measure(Informativeness, Oracle, replace(DATA, attributes=attributes))))
        for code in ("content", "class", "pixels"):
            for name in attributes:
                once, tenfold = (rows[f"from {code}, {name}", "r2"] for rows in found)
                assert once == pytest.approx(tenfold, abs=1e-6)
        assert -1.5 < found[0]["from class, noise", "r2"] < 0.2

    def test_held_out_images_have_no_influence_on_how_the_pixels_of_others_are_read(self) -> None:
        data = replace(DATA, attributes={"place": Column(DATA.contents // 2)})
        held_out = split(data, "samples", seed=0).test
        (changed,) = np.flatnonzero((data.images == held_out.images[0]).all(axis=(1, 2, 3)))
        images = data.images.copy()
        images[changed] = 255 * (np.arange(16) % 2)
        rows = [
            measure(Informativeness, Oracle, its)["from pixels, place", "r2"].samples
            for its in (data, replace(data, images=images))
        ]
        assert rows[0] is not None
        assert rows[1] is not None
        assert np.sum(~np.isclose(rows[0].values, rows[1].values, atol=1e-5)) == 1

    def test_chance_is_the_share_of_the_most_frequent_value(self) -> None:
        glasses = Column((np.random.default_rng(0).random(len(DATA)) < 0.2).astype(np.int64), ("no", "yes"))
        rows = values(measure(Informativeness, Oracle, replace(DATA, attributes={"glasses": glasses})))
        assert rows["from content, glasses", "chance"] == pytest.approx(1 - glasses.values.mean())

    def test_class_and_content_under_another_name_are_left_out(self) -> None:
        again = {
            "model": Column((DATA.classes + 3) % 10, tuple("abcdefghij")),
            "view": Column(DATA.contents, DATA.content_names),
            "fixed": Column(np.zeros(len(DATA), np.int64), ("a",)),
        }
        data = replace(DATA, attributes={**DATA.attributes, **again})
        assert set(attributes_of(data)) == {"azimuth", "elevation"}
        assert not measure(Informativeness, Oracle, replace(DATA, attributes=again))


class TestRidge:
    """The regression of informativeness, on codes of 12 groups."""

    GROUPS = np.repeat(np.arange(12), 20)

    def error(self, codes: np.ndarray, target: np.ndarray, seed: int = 0) -> float:
        """The squared error, in variances, on the last four groups of a regression on the others."""
        train, codes = self.GROUPS < 8, codes.astype(np.float32)
        own = [target[train, None]]
        (predicted,) = ridge.predict(codes[train], own, self.GROUPS[train], codes[~train], seed)
        return float(np.square(predicted[:, 0] - target[~train]).mean() / target.var())

    @pytest.mark.parametrize("seed", range(3))
    def test_what_repeated_codes_decide_is_predicted(self, seed: int) -> None:
        generator = np.random.default_rng(seed)
        views, contents = generator.normal(size=(12, 8)), np.tile(np.arange(12), 20)
        target = generator.normal(size=12)[contents]
        assert self.error(views[contents], target, seed) < 1e-3

    def test_a_penalty_is_as_strong_as_noise_asks_and_no_stronger(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        generator = np.random.default_rng(0)
        codes = generator.normal(size=(240, 100))
        targets = {"noisy": generator.normal(size=240) + 0.3 * codes[:, 0], "exact": codes @ codes[0]}
        chosen = {name: self.error(codes, target) for name, target in targets.items()}
        errors: dict[str, list[float]] = {name: [] for name in targets}
        for penalty in ridge.PENALTIES:
            monkeypatch.setattr(ridge, "PENALTIES", (penalty,))
            for name, target in targets.items():
                errors[name].append(self.error(codes, target))
        for name, own in errors.items():
            assert max(own) > 1.5 * min(own)
            assert chosen[name] < 1.2 * min(own) + 0.01
