"""Paired differences: of the same samples only, with an interval or the reason why there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from synthetic import cell, measured, without_samples

from lordbench.data.images import Int64Array
from lordbench.evaluation.measurement import Measurement, Samples
from lordbench.evaluation.statistics import Groups, Resamples, mean_interval, percentiles
from lordbench.results.differences import COLUMNS, Differences
from lordbench.results.leaderboard import REFERENCES, collect
from lordbench.results.loading import SampleFiles
from lordbench.results.run_folder import Store
from lordbench.utils import seeds

N = 240
CLASSES = np.arange(N) % 12
CROSSED = (CLASSES, np.arange(N) // 8)
FILE = "content-transfer.npz"


def sampled(values: np.ndarray, groups: Groups = CROSSED, **other: Any) -> Measurement:
    given = measured(float(np.mean(values)), n=len(values), **other)
    return given.of_samples(Samples.of(values, groups))


def values(seed: int, shift: float = 0.0, spread: float = 0.1) -> np.ndarray:
    """Values that depend mostly on the class, and differ by `spread` between seeds."""
    common = np.random.default_rng(0).normal(size=12)[CLASSES]
    return shift + common + spread * np.random.default_rng(seed + 1).normal(size=N)


class Runs:
    """A run folder of made-up cells."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[pd.DataFrame] = []

    def add(self, method: str, *found: Measurement, seed: int = 0, **other: Any) -> Path:
        name = f"{method}{seed}"
        self.rows.append(cell(*found, method=method, seed=seed, cell=name, **other))
        folder = Store(self.folder).cell(name)
        folder.write_measurements("content-transfer", list(found))
        pd.concat(self.rows).to_csv(self.folder / "results.csv", index=False)
        return folder.path

    def differences(self) -> pd.DataFrame:
        found = Differences(collect([self.folder]), SampleFiles([self.folder])).table
        assert list(found) == COLUMNS
        return found

    def only(self) -> dict[str, Any]:
        (line,) = self.differences().to_dict("records")
        return line


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "runs")


class TestOneSeed:
    def test_the_interval_is_that_of_the_single_differences(self, runs: Runs) -> None:
        a, b = values(0), values(1, shift=0.05)
        runs.add("drnet", sampled(a))
        runs.add("lord", sampled(b))
        line = runs.only()
        expected = mean_interval(
            (a - b).astype(np.float32), CROSSED, seeds.numpy_generator(0, "paired", "content-transfer")
        )
        numbers = (line["difference"], line["ci_low"], line["ci_high"])
        assert numbers == pytest.approx((expected.value, expected.low, expected.high), abs=1e-6)
        assert (line["method_a"], line["method_b"], line["n"], line["n_seeds"]) == ("drnet", "lord", N, 1)

    def test_it_agrees_with_students_t_over_classes(self, runs: Runs) -> None:
        a, b = values(0), values(1)
        for method, its in (("drnet", a), ("lord", b)):
            runs.add(method, sampled(its, CLASSES))
        means = pd.Series(a - b).groupby(CLASSES).mean()
        low, high = stats.t.interval(0.95, 11, loc=means.mean(), scale=stats.sem(means))
        line = runs.only()
        assert line["ci_high"] - line["ci_low"] == pytest.approx(high - low, rel=0.15)

    def test_what_methods_have_in_common_does_not_widen_it(self, runs: Runs) -> None:
        for seed, method in enumerate(("drnet", "lord")):
            runs.add(method, sampled(values(seed, shift=0.1 * seed)))
        line = runs.only()
        alone = mean_interval(values(0), CROSSED, np.random.default_rng(0))
        assert alone.low is not None
        assert alone.high is not None
        assert line["ci_high"] - line["ci_low"] < 0.2 * (alone.high - alone.low)
        assert line["verdict"] == "better"  # drnet is lower by a tenth of what classes differ

    @pytest.mark.parametrize(("higher_is_better", "verdict"), [(False, "better"), (True, "worse")])
    def test_the_direction_of_merit_decides(self, runs: Runs, higher_is_better: bool, verdict: str) -> None:
        for method, shift in (("drnet", 0.0), ("lord", 0.5)):
            runs.add(method, sampled(values(0, shift), higher_is_better=higher_is_better))
        assert runs.only()["verdict"] == verdict

    def test_equal_outputs_are_not_significantly_different(self, runs: Runs) -> None:
        for method in ("drnet", "lord"):
            runs.add(method, sampled(values(0)))
        line = runs.only()
        assert (line["difference"], line["ci_low"], line["ci_high"]) == (0, 0, 0)
        assert line["verdict"] == "not significantly different"

    def test_other_methods_and_quantities_change_no_byte(self, runs: Runs) -> None:
        for seed, method in enumerate(("drnet", "lord")):
            runs.add(method, sampled(values(seed)))
        before = runs.only()
        runs.add("mlvae", sampled(values(2)), sampled(values(3), metric="ssim"))
        after = runs.differences().query("method_a == 'drnet' and method_b == 'lord'")
        assert repr(after.to_dict("records")) == repr([before])

    def test_floors_are_compared_with_methods_and_not_with_each_other(self, runs: Runs) -> None:
        floors = [sampled(values(7, 1.0), subject=name, codes="") for name in ("copy", "random")]
        runs.add("lord", sampled(values(0)), *floors)
        found = runs.differences()
        assert list(found["method_a"]) == ["lord", "lord"]
        assert list(found["method_b"]) == [REFERENCES["copy"], REFERENCES["random"]]
        assert found["reference"].all()
        assert list(found["verdict"]) == ["better", "better"]
        assert set(found["subject"]) == {"transfer"}


class TestSeveralSeeds:
    def test_the_interval_is_students_over_the_seeds_differences(self, runs: Runs) -> None:
        a, b = [0.10, 0.14, 0.31], [0.13, 0.15, 0.35]
        for method, means in (("drnet", a), ("lord", b)):
            for seed, mean in enumerate(means):
                runs.add(method, sampled(values(seed) - values(seed).mean() + mean), seed=seed)
        line = runs.only()
        # Of a distance, on the logarithmic scale, at the level of both methods.
        expected = stats.ttest_rel(np.log(a), np.log(b))
        interval = expected.confidence_interval(0.95)
        level = np.exp(np.mean(np.log([*a, *b])))
        ends = [2 * level * np.sinh(end / 2) for end in (interval.low, interval.high)]
        assert (line["ci_low"], line["ci_high"]) == pytest.approx(ends)
        assert line["p"] == pytest.approx(expected.pvalue)
        assert line["sd"] == pytest.approx(np.std(np.subtract(a, b), ddof=1))
        assert (line["difference"], line["n"], line["n_seeds"]) == (pytest.approx(-0.08 / 3), 3 * N, 3)

    def test_the_error_is_pooled_over_methods(self, runs: Runs) -> None:
        """A third method makes the interval of two others shorter, unless it is much noisier."""
        drnet, lord, mlvae = [0.0, 0.2, -0.2], [0.5, 0.45, 0.55], [0.3, 0.35, 0.3]
        for method, means in (("drnet", drnet), ("lord", lord)):
            for seed, mean in enumerate(means):
                runs.add(method, measured(mean, metric="kd"), seed=seed)
        alone = runs.only()
        assert alone["verdict"] == "not significantly different"
        for seed, mean in enumerate(mlvae):
            runs.add("mlvae", measured(mean, metric="kd"), seed=seed)
        pooled = runs.differences().query("method_a == 'drnet' and method_b == 'lord'").iloc[0]
        assert pooled["verdict"] == "better"
        values = np.array([drnet, lord, mlvae])
        residuals = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
        reach = stats.t.ppf(0.975, 4) * np.sqrt(2 / 3 * (residuals**2).sum() / 4)
        shortest = stats.t.ppf(1 - 0.025 / 0.55, 2) * stats.sem(np.subtract(drnet, lord))
        assert pooled["ci_high"] - pooled["difference"] == pytest.approx(max(reach, shortest))
        for seed, mean in enumerate([900.0, -700.0, 100.0]):
            runs.add("noisy", measured(mean, metric="kd"), seed=seed)
        again = runs.differences().query("method_a == 'drnet' and method_b == 'lord'").iloc[0]
        assert again["ci_high"] == pytest.approx(pooled["ci_high"])

    @pytest.mark.parametrize("kind", ["collapsed", "floor"])
    def test_neither_collapsed_methods_nor_references_have_part_in_the_pooled_error(
        self, runs: Runs, kind: str
    ) -> None:
        """Their errors are not those of trainings that have worked."""
        drnet, lord, other = [0.0, 0.2, -0.2], [0.5, 0.45, 0.55], [0.3, 0.35, 0.3]
        collapse = measured(1.0, None, subject="reconstruction", metric="collapsed",
                            experiment="reconstruction", higher_is_better=None)  # fmt: skip
        for seed in range(3):
            floor = [measured(other[seed], metric="kd", subject="copy", codes="")] * (kind == "floor")
            runs.add("drnet", measured(drnet[seed], metric="kd"), *floor, seed=seed)
            runs.add("lord", measured(lord[seed], metric="kd"), seed=seed)
            if kind == "collapsed":
                runs.add("mlvae", measured(other[seed], metric="kd"), collapse, seed=seed)
        line = runs.differences().query("method_a == 'drnet' and method_b == 'lord'").iloc[0]
        expected = stats.ttest_rel(drnet, lord).confidence_interval(0.95)
        assert (line["ci_low"], line["ci_high"]) == pytest.approx((expected.low, expected.high))

    @pytest.mark.parametrize("noisy", ["adagvae", "overlord"])
    def test_a_method_too_noisy_for_the_pooled_error_is_compared_by_its_own(
        self, runs: Runs, noisy: str
    ) -> None:
        values = {"drnet": [0.0, 0.2, -0.2], "lord": [0.5, 0.45, 0.55], "mlvae": [0.3, 0.35, 0.3]}
        values[noisy] = [900.0, -700.0, 100.0]
        for method, means in values.items():
            for seed, mean in enumerate(means):
                runs.add(method, measured(mean, metric="kd"), seed=seed)
        table = runs.differences().set_index(["method_a", "method_b"])
        pair = tuple(sorted(["drnet", noisy]))
        line, expected = table.loc[pair], stats.ttest_rel(*(values[name] for name in pair))
        interval = expected.confidence_interval(0.95)
        assert (line["ci_low"], line["ci_high"]) == pytest.approx((interval.low, interval.high))
        assert line["p"] == pytest.approx(expected.pvalue)

    @pytest.mark.parametrize(
        ("metric", "values"), [("l1", [0.0, 0.1]), ("ssim", [1.0, 0.9]), ("kd_vgg16", [-0.1, 0.2])]
    )
    def test_values_outside_the_scale_of_a_metric_are_compared_as_they_are(
        self, runs: Runs, metric: str, values: list[float]
    ) -> None:
        for method, other in (("drnet", values), ("lord", [0.5, 0.7])):
            for seed, mean in enumerate(other):
                runs.add(method, measured(mean, metric=metric), seed=seed)
        line, expected = runs.only(), stats.ttest_rel(values, [0.5, 0.7]).confidence_interval(0.95)
        assert (line["ci_low"], line["ci_high"]) == pytest.approx((expected.low, expected.high))

    @pytest.mark.parametrize("metric", ["fid", "fd_vgg16", "landmark_error", "identity_distance"])
    def test_distances_are_compared_by_their_logarithms(self, runs: Runs, metric: str) -> None:
        a, b = [10.0, 14.0, 30.0], [13.0, 15.0, 35.0]
        for method, its in (("drnet", a), ("lord", b)):
            for seed, value in enumerate(its):
                runs.add(method, measured(value, metric=metric), seed=seed)
        assert runs.only()["p"] == pytest.approx(stats.ttest_rel(np.log(a), np.log(b)).pvalue)

    @pytest.mark.parametrize(
        "metric", ["class_agreement", "probe_best.accuracy", "identity_accuracy", "top1", "within_1_top1"]
    )
    def test_shares_are_compared_by_the_arcsine_of_their_root(self, runs: Runs, metric: str) -> None:
        a, b = [0.90, 0.99, 0.95], [0.70, 0.80, 0.60]
        for method, its in (("drnet", a), ("lord", b)):
            for seed, value in enumerate(its):
                runs.add(method, measured(value, metric=metric, higher_is_better=True), seed=seed)
        angles = np.arcsin(np.sqrt([a, b]))
        assert runs.only()["p"] == pytest.approx(stats.ttest_rel(*angles).pvalue)

    def test_shares_that_differ_at_random_may_differ_by_all(self, runs: Runs) -> None:
        for method, its in (("drnet", [0.9, 0.2]), ("lord", [0.3, 0.8])):
            for seed, value in enumerate(its):
                runs.add(method, measured(value, metric="top1", higher_is_better=True), seed=seed)
        line = runs.only()
        assert (line["ci_low"], line["ci_high"]) == pytest.approx((-1, 1))

    def test_the_oracle_does_not_change_how_methods_are_compared(self, runs: Runs) -> None:
        """Its distance of 0 has no logarithm; so it is compared with as it is, and they are not."""
        drnet, lord = [0.10, 0.12, 0.11], [0.30, 0.31, 0.36]
        for seed in range(3):
            runs.add("drnet", measured(drnet[seed], metric="l1"), seed=seed)
            runs.add("lord", measured(lord[seed], metric="l1"), seed=seed)
        alone = runs.only()
        for seed in range(3):
            runs.add("control", measured(0.0, metric="l1"), seed=seed)
        table = runs.differences().set_index(["method_a", "method_b"])
        assert table.loc[("drnet", "lord"), "ci_high"] == alone["ci_high"]
        expected = stats.ttest_1samp(lord, 0).confidence_interval(0.95)
        row = table.loc[("lord", "control")]
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((expected.low, expected.high))

    def test_beside_a_reference_outside_the_scale_a_method_is_compared_by_its_own_error(
        self, runs: Runs
    ) -> None:
        """The pooled error of logarithms says nothing of plain differences."""
        values = {"drnet": [0.10, 0.12, 0.11], "lord": [0.30, 0.31, 0.36], "mlvae": [0.21, 0.24, 0.20]}
        for method, means in (values | {"control": [0.0] * 3}).items():
            for seed, mean in enumerate(means):
                runs.add(method, measured(mean, metric="l1"), seed=seed)
        table = runs.differences().set_index(["method_a", "method_b"])
        for method, means in values.items():
            row = table.loc[(method, "control")]
            expected = stats.ttest_1samp(means, 0).confidence_interval(0.95)
            assert (row["ci_low"], row["ci_high"]) == pytest.approx((expected.low, expected.high))

    def test_the_ends_of_an_interval_are_in_order_on_every_scale(self, runs: Runs) -> None:
        a, b = [0.90, 0.92, 0.89], [0.80, 0.83, 0.81]
        for method, means in (("drnet", a), ("lord", b)):
            for seed, mean in enumerate(means):
                runs.add(method, measured(mean, metric="ssim", higher_is_better=True), seed=seed)
        line = runs.only()
        assert 0 < line["ci_low"] < line["difference"] < line["ci_high"]
        assert line["verdict"] == "better"

    def test_the_difference_of_very_unequal_seeds_lies_in_its_interval(self, runs: Runs) -> None:
        """On the logarithmic scale the third seed, whose values are huge, weighs no more than the others."""
        for method, means in (("drnet", [0.1, 0.1, 100.0]), ("lord", [0.101, 0.102, 80.0])):
            for seed, mean in enumerate(means):
                runs.add(method, measured(mean, metric="l1"), seed=seed)
        line = runs.only()
        assert line["difference"] == pytest.approx((100 - 80 - 0.003) / 3)
        assert line["ci_low"] <= line["difference"] <= line["ci_high"]

    def test_the_interval_for_these_trainings_is_beside_it(self, runs: Runs) -> None:
        """Two trainings on each side differ by chance; on these two pairs the difference is clear."""
        for seed, shift in enumerate((0.3, 0.1)):
            runs.add("drnet", sampled(values(seed)), seed=seed)
            runs.add("lord", sampled(values(seed + 5, shift)), seed=seed)
        line = runs.only()
        assert line["verdict"] == "not significantly different"
        assert line["ci_low"] < line["trainings_ci_low"] < line["difference"]
        assert line["difference"] < line["trainings_ci_high"] < 0

    def test_more_trainings_make_their_interval_narrower(self, runs: Runs) -> None:
        """It is of their mean, so four independent trainings halve it."""
        widths = []
        for n_seeds in (1, 4):
            of_seeds = Runs(runs.folder / str(n_seeds))
            for seed in range(n_seeds):
                of_seeds.add("drnet", sampled(values(seed)), seed=seed)
                of_seeds.add("lord", sampled(values(seed + 5, 0.3)), seed=seed)
            line = of_seeds.only()
            widths.append(line["trainings_ci_high"] - line["trainings_ci_low"])
        assert widths[1] == pytest.approx(widths[0] / 2, rel=0.3)

    @pytest.mark.parametrize(
        ("groups", "fewest"),
        [
            # The same classes drawn in all seeds would take their trainings as one.
            pytest.param((CLASSES, CLASSES), 12, id="every seed has resamples of its own"),
            pytest.param((CLASSES, CLASSES % 4), 4, id="as wide as the fewest groups of a seed ask"),
        ],
    )
    def test_their_interval_is_of_means_over_resamples(
        self, runs: Runs, groups: tuple[Int64Array, Int64Array], fewest: int
    ) -> None:
        means = []
        for seed, own in enumerate(groups):
            a, b = values(seed), values(seed + 5, 0.3)
            runs.add("drnet", sampled(a, own), seed=seed)
            runs.add("lord", sampled(b, own), seed=seed)
            draws = Resamples(own, seeds.numpy_generator(seed, "paired", "content-transfer"))
            means.append(draws.means((a - b).astype(np.float32)))
        line = runs.only()
        expected = percentiles(np.mean(means, axis=0), fewest)
        assert (line["trainings_ci_low"], line["trainings_ci_high"]) == pytest.approx(expected, abs=1e-6)

    def test_a_collapsed_training_is_left_out(self, runs: Runs) -> None:
        for seed in range(3):
            runs.add("drnet", sampled(values(seed)), seed=seed)
            collapsed = measured(float(seed == 2), None, subject="reconstruction", metric="collapsed",
                                 experiment="reconstruction", higher_is_better=None)  # fmt: skip
            runs.add("lord", sampled(values(seed + 5, 9.0 * (seed == 2))), collapsed, seed=seed)
        line = runs.only()
        assert (line["n_seeds"], line["note"]) == (2, "mean of 2 of 3 seeds")
        assert abs(line["difference"]) < 0.1

    def test_values_of_whole_sets_are_paired_by_seed(self, runs: Runs) -> None:
        for method, means in (("drnet", [30.0, 35.0, 32.0]), ("lord", [40.0, 45.5, 42.0])):
            for seed, mean in enumerate(means):
                runs.add(method, measured(mean, None, metric="fid", n=N), seed=seed)
        assert runs.only()["verdict"] == "better"

    def test_seeds_that_only_one_has_are_left_out_and_noted(self, runs: Runs) -> None:
        for method, n_seeds in (("drnet", 3), ("lord", 2)):
            for seed in range(n_seeds):
                runs.add(method, sampled(values(seed)), seed=seed)
        line = runs.only()
        assert (line["n_seeds"], line["note"]) == (2, "mean of 2 of 3 seeds")

    def test_lost_samples_are_not_needed(self, runs: Runs) -> None:
        for method in ("drnet", "lord"):
            for seed in range(2):
                (runs.add(method, sampled(values(seed, 0.1 * seed)), seed=seed) / FILE).unlink()
        assert runs.only()["verdict"] == "not significantly different"


class TestReasons:
    def compared(self, runs: Runs, *other: Measurement, seed: int = 0) -> dict[str, Any]:
        runs.add("drnet", sampled(values(0)))
        runs.add("lord", *other, seed=seed)
        line = runs.only()
        assert line["verdict"] == ""
        assert np.isnan(line["ci_low"])
        return line

    def test_other_samples_are_refused(self, runs: Runs) -> None:
        line = self.compared(runs, sampled(values(0), (CLASSES, np.roll(CROSSED[1], 1))))
        assert (line["note"], line["n_seeds"]) == ("scored on other samples", 0)
        assert np.isnan(line["difference"])

    def test_another_number_of_samples_is_refused(self, runs: Runs) -> None:
        line = self.compared(runs, sampled(values(0)[1:], (CLASSES[1:], CROSSED[1][1:])))
        assert line["note"] == "scored on other samples"

    def test_another_seed_is_refused(self, runs: Runs) -> None:
        assert self.compared(runs, sampled(values(0)), seed=1)["note"] == "no seed in common"

    def test_samples_that_were_not_kept(self, runs: Runs) -> None:
        line = self.compared(runs, measured(0.1, n=N))
        assert line["note"] == "a value of a whole set: no interval from one seed"
        assert line["difference"] == pytest.approx(values(0).mean() - 0.1)

    def test_values_of_one_group(self, runs: Runs) -> None:
        for method in ("drnet", "lord"):
            runs.add(method, sampled(values(0), np.zeros(N, np.int64)))
        assert runs.only()["note"] == "all samples are of one group: no interval from one seed"

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (None, "samples were not kept"),
            (b"", "damaged"),
            (b"PK\x03\x04 no archive", "damaged"),
            (b"\x80\x04\x95 a pickle", "damaged"),
        ],
    )
    def test_a_lost_or_damaged_file(self, runs: Runs, content: bytes | None, reason: str) -> None:
        for seed, method in enumerate(("drnet", "lord")):
            path = runs.add(method, sampled(values(seed))) / FILE
        path.unlink() if content is None else path.write_bytes(content)
        line = runs.only()
        assert reason in line["note"]
        assert line["difference"] == pytest.approx(values(0).mean() - values(1).mean())

    def test_a_truncated_or_altered_file(self, runs: Runs) -> None:
        for seed, method in enumerate(("drnet", "lord")):
            path = runs.add(method, sampled(values(seed))) / FILE
        whole = path.read_bytes()
        for content in (whole[:-30], whole[:100] + b"\0" * 40 + whole[140:]):
            path.write_bytes(content)
            assert "damaged" in runs.only()["note"]

    def test_the_samples_of_another_value(self, runs: Runs) -> None:
        first = runs.add("drnet", sampled(values(0)))
        second = runs.add("lord", sampled(values(1, 0.5)))
        for name in (FILE, "content-transfer.json"):
            (first / name).write_bytes((second / name).read_bytes())
        assert "those of another value" in runs.only()["note"]

    def test_a_results_csv_alone(self, runs: Runs, tmp_path: Path) -> None:
        for method in ("drnet", "lord"):
            runs.add(method, sampled(values(0)))
        alone = tmp_path / "alone.csv"
        alone.write_bytes((runs.folder / "results.csv").read_bytes())
        (line,) = Differences(collect([alone]), SampleFiles([alone])).table.to_dict("records")
        assert "samples were not kept" in line["note"]

    def test_a_quantity_without_a_direction_is_not_compared(self, runs: Runs) -> None:
        for method in ("drnet", "lord"):
            runs.add(method, sampled(values(0), higher_is_better=None), measured(None, metric="fid"))
        assert runs.differences().empty

    def test_groups_are_not_compared(self, runs: Runs) -> None:
        runs.add("drnet", sampled(values(0)))
        runs.add("lord", sampled(values(0)), dataset="cars")
        assert runs.differences().empty


def test_two_run_folders_are_compared(tmp_path: Path) -> None:
    folders = []
    for seed, method in enumerate(("drnet", "lord")):
        made = Runs(tmp_path / method)
        made.add(method, sampled(values(seed, shift=0.3 * seed)))
        folders.append(made.folder)
    for order in (folders, folders[::-1]):
        (line,) = Differences(collect(order), SampleFiles(order)).table.to_dict("records")
        assert (line["method_a"], line["verdict"]) == ("drnet", "better")


def test_a_floor_of_a_plug_in_leaves_its_columns_as_they_are_declared() -> None:
    own = {"experiment": "mirror", "subject": "class code", "section": "mirrored images", "title": "moves"}
    floor = measured(0.5, experiment="mirror", subject="floor: guess", codes="")
    rows = pd.concat([cell(measured(v, **own), floor, method=m) for m, v in (("a", 0.1), ("b", 0.2))])
    table = without_samples(rows).table
    assert set(table["method_b"]) == {"b", "floor: guess"}
    assert set(zip(table["section"], table["title"], strict=True)) == {("mirrored images", "moves")}
