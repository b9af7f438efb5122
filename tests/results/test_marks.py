"""Marks: the best by paired differences, and what keeps a value from being called the best."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import cell, measured, without_samples

from lordbench.evaluation.measurement import Measurement, Samples
from lordbench.results.differences import Differences
from lordbench.results.leaderboard import aggregate, is_floor
from lordbench.results.loading import SampleFiles
from lordbench.results.marks import FEWER_SEEDS, marked
from lordbench.results.run_folder import Store

COLLAPSED = {"experiment": "reconstruction", "subject": "reconstruction", "metric": "collapsed"}
CLASSES = np.arange(60) % 6


def sampled(seed: int, centre: float, **other: object) -> Measurement:
    """LPIPS that depend mostly on the class, so that intervals of single values overlap."""
    values = 0.1 * (CLASSES - 2.5) + 0.01 * np.random.default_rng(seed).normal(size=60)
    values += centre - values.mean()
    return measured(centre, 0.1, n=60, **other).of_samples(Samples.of(values, CLASSES))


def of_one_seed(folder: Path, floor: float = 0.9, **centres: float) -> dict[str, str]:
    """Marks of methods by their LPIPS on the same samples, with a floor."""
    rows = []
    for i, (method, centre) in enumerate(centres.items()):
        found = [sampled(i, centre), sampled(99, floor, subject="copy", codes="")]
        Store(folder).cell(method).write_measurements("content-transfer", found)
        rows.append(cell(*found, method=method, cell=method))
    return marks(pd.concat(rows, ignore_index=True), SampleFiles([folder]))


def marks(rows: pd.DataFrame, files: SampleFiles | None = None, metric: str = "lpips") -> dict[str, str]:
    """Marks of a metric by method."""
    found = marked(aggregate(rows), Differences(rows, files or SampleFiles([])))
    found = found[found["metric"] == metric]
    return dict(zip(found["method"], found["mark"], strict=True))


def over_seeds(*floor: float, collapsed: tuple[str, int] = ("", -1), **values: list[float]) -> dict[str, str]:
    rows = []
    for method, its in values.items():
        for seed, value in enumerate(its):
            others = [measured(floor[seed], None, subject="copy", codes="")] if floor else []
            verdict = measured(float((method, seed) == collapsed), None, higher_is_better=None, **COLLAPSED)
            rows.append(cell(measured(value, None), verdict, *others, method=method, seed=seed))
    return marks(pd.concat(rows, ignore_index=True))


class TestOneSeed:
    def test_pairs_distinguish_what_overlapping_intervals_do_not(self, tmp_path: Path) -> None:
        found = of_one_seed(tmp_path, a=0.150, b=0.152, c=0.18)
        assert found == {"a": "best", "b": "tied", "c": "", "floor: copy of B": ""}

    def test_one_method_is_not_best_but_may_be_no_better_than_a_floor(self, tmp_path: Path) -> None:
        assert of_one_seed(tmp_path / "a", a=0.15)["a"] == ""
        assert of_one_seed(tmp_path / "b", floor=0.1, a=0.15)["a"] == "floor"

    def test_no_value_at_or_below_a_floor_is_best(self, tmp_path: Path) -> None:
        """a is better by too little, b is worse; c remains, and d is worse than it."""
        found = of_one_seed(tmp_path / "1", floor=0.151, a=0.150, b=0.2)
        assert found == {"a": "floor", "b": "floor", "floor: copy of B": ""}
        found = of_one_seed(tmp_path / "2", floor=0.151, a=0.150, b=0.2, c=0.1, d=0.12)
        assert found == {"a": "floor", "b": "floor", "c": "best", "d": "", "floor: copy of B": ""}

    def test_without_samples_no_value_is_called_equal_or_worse(self) -> None:
        rows = pd.concat([cell(measured(v), method=m) for m, v in (("a", 0.1), ("b", 0.11), ("c", 0.9))])
        assert marks(rows) == {"a": "best", "b": "no interval", "c": "no interval"}

    def test_without_samples_a_floor_is_compared_by_its_value(self) -> None:
        floor = measured(0.2, subject="copy", codes="")
        rows = pd.concat(
            [cell(measured(v), floor, method=m) for m, v in (("a", 0.1), ("b", 0.2), ("c", 0.3))]
        )
        assert marks(rows) == {"a": "best", "b": "floor", "c": "floor", "floor: copy of B": ""}

    def test_a_floor_that_a_plug_in_names_counts_as_the_others_do(self) -> None:
        floor = measured(0.2, subject="floor: guess", codes="")
        rows = pd.concat([cell(measured(v), floor, method=m) for m, v in (("a", 0.1), ("b", 0.3))])
        assert marks(rows) == {"a": "best", "b": "floor", "floor: guess": ""}


class TestSeveralSeeds:
    def test_students_t_needs_no_samples(self) -> None:
        found = over_seeds(a=[0.1, 0.11, 0.12], b=[0.1, 0.115, 0.118], c=[0.3, 0.31, 0.32])
        assert found == {"a": "best", "b": "tied", "c": ""}

    def test_the_best_floor_counts(self) -> None:
        assert over_seeds(0.05, 0.06, 0.05, a=[0.1, 0.11, 0.12], b=[0.2, 0.21, 0.22]) == {
            "a": "floor", "b": "floor", "floor: copy of B": "",
        }  # fmt: skip

    def test_of_several_floors_a_method_must_beat_all(self) -> None:
        rows = []
        for seed in range(3):
            floors = [
                measured(value + 0.001 * seed, None, subject=subject, codes="")
                for subject, value in (("copy", 0.3), ("copy of A", 0.05), ("random", 0.4))
            ]
            rows += [
                cell(measured(value + 0.002 * seed, None), *floors, method=method, seed=seed)
                for method, value in (("a", 0.01), ("b", 0.2))
            ]
        found = marks(pd.concat(rows, ignore_index=True))
        assert (found["a"], found["b"]) == ("best", "floor")

    @pytest.mark.parametrize(
        ("metric", "subject", "mark"),
        [
            ("class_agreement", "copy", ("best", "")),
            ("class_agreement", "copy of A", ("floor", "floor")),
            ("content_agreement", "copy of A", ("best", "")),
            ("content_agreement", "class mean", ("floor", "floor")),
            ("both_agreement", "copy", ("floor", "floor")),
            ("source_agreement", "copy", ("best", "")),
            ("source_agreement", "random", ("best", "")),
            ("fd_vgg16", "random", ("best", "")),
            ("fd_vgg16", "class mean", ("floor", "floor")),
        ],
    )
    def test_a_floor_that_does_half_of_the_task_perfectly_does_not_count(
        self, metric: str, subject: str, mark: tuple[str, str]
    ) -> None:
        rows = []
        for method, value in (("a", 0.6), ("b", 0.5)):
            for seed in range(3):
                own = measured(value + 0.001 * seed, None, metric=metric, higher_is_better=True)
                floor = measured(0.99 + 0.001 * seed, None, metric=metric, higher_is_better=True,
                                 subject=subject, codes="")  # fmt: skip
                rows.append(cell(own, floor, method=method, seed=seed))
        found = marks(pd.concat(rows, ignore_index=True), metric=metric)
        assert (found["a"], found["b"]) == mark

    @pytest.mark.parametrize(
        ("floor", "experiment", "metric", "counts"),
        [
            ("floor: mean of A's other expressions", "expression-transfer", "identity_accuracy", False),
            ("floor: mean of A's other expressions", "expression-transfer", "both_accuracy", True),
            ("floor: the input unchanged", "expression-transfer", "identity_accuracy", False),
            ("floor: the input unchanged", "expression-transfer", "fid", False),
            ("floor: the input unchanged", "expression-transfer", "expression_accuracy", True),
            ("floor: the input unchanged", "expression-transfer", "both_accuracy", True),
            # Between domains the input is of the wrong set.
            ("floor: the input unchanged", "clustered-domain", "fid", True),
            ("floor: the input unchanged", "clustered-domain", "style_agreement", False),
            ("floor: the input unchanged", "clustered-domain", "view_agreement", False),
            ("floor: the input unchanged", "clustered-domain", "all_agreement", True),
            ("ceiling: real images", "clustered-domain", "fid", False),
        ],
    )
    def test_the_task_decides_what_half_of_it_a_floor_does(
        self, floor: str, experiment: str, metric: str, counts: bool
    ) -> None:
        assert is_floor(floor, experiment, metric) is counts

    def test_a_method_with_a_collapsed_training_is_never_best(self) -> None:
        values = {"a": [0.1, 0.11, 0.12], "b": [0.2, 0.21, 0.22], "c": [0.3, 0.31, 0.32]}
        assert over_seeds(**values) == {"a": "best", "b": "", "c": ""}
        assert over_seeds(collapsed=("a", 1), **values) == {"a": "collapsed", "b": "best", "c": ""}


class TestFewerSeeds:
    """b has two seeds, a only the first of them."""

    def marked(self, folder: Path, a: float) -> dict[str, tuple[str, str]]:
        rows = []
        for i, (method, seed, centre) in enumerate([("a", 0, a), ("b", 0, 0.301), ("b", 1, 0.301)]):
            own, name = sampled(i, centre), f"{method}-{seed}"
            Store(folder).cell(name).write_measurements("content-transfer", [own])
            rows.append(cell(own, method=method, seed=seed, cell=name))
        table = pd.concat(rows, ignore_index=True)
        found = marked(aggregate(table), Differences(table, SampleFiles([folder])))
        return dict(zip(found["method"], zip(found["mark"], found["notes"], strict=True), strict=True))

    def test_its_value_may_be_close_to_the_best_or_better_but_is_not_called_the_best(
        self, tmp_path: Path
    ) -> None:
        assert self.marked(tmp_path / "1", 0.300) == {"a": ("tied", FEWER_SEEDS), "b": ("best", "")}
        assert self.marked(tmp_path / "2", 0.2) == {"a": ("", FEWER_SEEDS), "b": ("best", "")}
        assert self.marked(tmp_path / "3", 0.4) == {"a": ("", ""), "b": ("best", "")}

    @pytest.mark.parametrize(
        ("both", "third", "mark"),
        [
            # In the seeds that both have a is better, and its mean is the lower one; then the other way.
            ([0.10, 0.11, 0.12], 0.001, ("", FEWER_SEEDS)),
            ([0.30, 0.31, 0.32], 0.90, ("", "")),
        ],
    )
    def test_the_seeds_that_both_have_decide(
        self, both: list[float], third: float, mark: tuple[str, str]
    ) -> None:
        values = {"a": both, "b": [0.20, 0.21, 0.22, third, third, third]}
        table = pd.concat([
            cell(measured(value, None, higher_is_better=False), method=method, seed=seed)
            for method, its in values.items() for seed, value in enumerate(its)
        ])  # fmt: skip
        found = marked(aggregate(table), without_samples(table)).set_index("method")
        assert found["mark"]["b"] == "best"
        assert (found["mark"]["a"], found["notes"]["a"]) == mark
        assert (found["value"]["a"] < found["value"]["b"]) == (mark[1] == "")

    @pytest.mark.parametrize("spoiled", ["floor", "collapsed"])
    def test_of_methods_with_fewer_seeds_one_is_best_where_no_other_can_be(self, spoiled: str) -> None:
        values = {"a": [0.2, 0.21], "b": [0.3, 0.31], "c": [0.6, 0.61, 0.62]}
        if spoiled == "collapsed":
            found = over_seeds(collapsed=("c", 2), **values)
        else:
            found = over_seeds(0.5, 0.51, 0.5, **values)
        assert (found["a"], found["b"], found["c"]) == ("best", "", spoiled)

    def test_floors_over_more_seeds_than_any_method_change_nothing(self) -> None:
        """They are of the third seed as well, with which c has collapsed and no other was trained."""
        values = {"a": [0.2, 0.21], "b": [0.3, 0.31], "c": [0.1, 0.11, 0.9]}
        found = over_seeds(0.9, 0.91, 0.9, collapsed=("c", 2), **values)
        assert found == {"a": "best", "b": "", "c": "collapsed", "floor: copy of B": ""}

    def test_a_collapsed_training_is_not_a_missing_one(self) -> None:
        """c is a mean over two of its three seeds, as is the seed count of the others: no value is noted."""
        found = over_seeds(collapsed=("c", 2), a=[0.2, 0.21], b=[0.3, 0.31], c=[0.1, 0.11, 0.9])
        assert found == {"a": "best", "b": "", "c": "collapsed"}


def test_groups_and_quantities_without_a_direction_are_not_compared() -> None:
    rows = pd.concat([cell(measured(0.1)), cell(measured(0.2), dataset="cars")])
    assert set(marked(aggregate(rows), without_samples(rows))["mark"]) == {""}
    rows = pd.concat(
        [cell(measured(v, higher_is_better=None), method=m) for m, v in (("a", 0.1), ("b", 0.2))]
    )
    assert set(marked(aggregate(rows), without_samples(rows))["mark"]) == {""}


def test_missing_values_have_no_mark() -> None:
    rows = pd.concat([cell(measured(v), method=m) for m, v in (("a", 0.1), ("b", 0.2), ("c", None))])
    assert marks(rows) == {"a": "best", "b": "no interval", "c": ""}


def test_higher_is_better_if_the_metric_says_so() -> None:
    rows = [cell(measured(v + 0.01 * seed, None, higher_is_better=True), method=m, seed=seed)
            for m, v in (("a", 0.1), ("b", 0.5)) for seed in range(3)]  # fmt: skip
    assert marks(pd.concat(rows)) == {"a": "", "b": "best"}
