"""Comparing two trainings or runs: what is matched, what differs, and the verdicts."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commandline import Run
from rich.console import Console
from safetensors.numpy import save_file
from scipy import stats
from synthetic import cell, measured

from lordbench.evaluation.measurement import Measurement, Samples
from lordbench.report.compare import CSV_COLUMNS, compare_tables, render
from lordbench.report.terminal import TerminalTable
from lordbench.results.compare import COLUMNS, OTHER_POLICY, Comparison, compare, read_side
from lordbench.results.leaderboard import COLLAPSED
from lordbench.results.names import QUANTITY
from lordbench.results.rows import Provenance
from lordbench.results.run_folder import Store, encode_provenance
from lordbench.utils.errors import UserError
from lordbench.utils.files import write_json

N = 120
CLASSES = np.arange(N) % 12
SSIM = {"metric": "ssim", "higher_is_better": True}


def sampled(shift: float = 0.0, seed: int = 0, groups: np.ndarray = CLASSES, **other: Any) -> Measurement:
    """A mean with most of its variance between classes; two of them differ by `shift` ± 0.01."""
    values = np.random.default_rng(0).normal(size=12)[CLASSES] + shift
    values = values + 0.01 * np.random.default_rng(seed + 1).normal(size=N)
    reach = 0.6
    given = measured(float(values.mean()), reach, n=N, **other)
    return given.of_samples(Samples.of(values, groups))


def add(
    run: Path, name: str, *found: Measurement, settings: dict[str, Any] | None = None, **other: Any
) -> Path:
    """Add a finished cell to a run folder."""
    rows = cell(*found, cell=name, **other)
    folder = Store(run).cell(name)
    for experiment in rows["experiment"].unique():
        folder.write_measurements(experiment, [m for m in found if m.experiment == experiment])
    one = rows.iloc[0]
    provenance = Provenance.model_validate({key: one[key] for key in Provenance.model_fields})
    save_file({"weight": np.zeros(1)}, folder.model, encode_provenance(provenance))
    write_json(folder.path / "cell.json", {
        "id": name, "method_name": one["method"], "variant": one["variant"], "dataset": one["dataset"],
        "data_variant": "", "split": one["split"], "preset_name": one["preset"], "seed": int(one["seed"]),
        "experiments": [], "data_settings": {"n_cars": 4}, "settings": {"noise": 0.5},
        "preset": {"summary": "words", "budget": {"images": 640, "epochs": None}, "methods": {}},
    } | (settings or {}))  # fmt: skip
    Store(run).write_results()
    return folder.path


def compared(a: Path | str, b: Path | str) -> Comparison:
    return compare(read_side(str(a)), read_side(str(b)))


def value(comparison: Comparison, metric: str = "lpips") -> dict[str, Any]:
    ((_, values),) = comparison.values
    (line,) = values[values["metric"] == metric].to_dict("records")
    assert list(values) == COLUMNS
    return line


def changed(comparison: Comparison) -> dict[tuple[str, str], tuple[Any, Any]]:
    return {
        (kind, name): (a, b)
        for kind, name, a, b in comparison.changes[["kind", "name", "a", "b"]].itertuples(index=False)
    }


def printed(comparison: Comparison, *metrics: str, everything: bool = False) -> str:
    stream = io.StringIO()
    Console(file=stream, width=200).print(
        *map(TerminalTable, compare_tables(comparison, metrics, everything)), sep="\n"
    )
    return stream.getvalue()


class TestMatching:
    def test_two_cells_are_compared_as_they_are(self, tmp_path: Path) -> None:
        a = add(tmp_path / "a", "cell1", sampled(), method="lord")
        b = add(tmp_path / "b", "cell2", sampled(), method="drnet", seed=7)
        found = compared(a, b)
        assert found.n_cells == 1
        assert changed(found) == {("cell", "method"): ("lord", "drnet"), ("cell", "seed"): (0, 7)}

    def test_cells_of_runs_by_line_and_seed(self, tmp_path: Path) -> None:
        for run, seeds in (("a", (0, 1, 2)), ("b", (1, 2, 3))):
            for seed in seeds:
                add(tmp_path / run, f"{run}{seed}", sampled(seed=seed), seed=seed)
        add(tmp_path / "b", "other", sampled(), dataset="cars")
        found = compared(tmp_path / "a", tmp_path / "b")
        ((pair, _),) = found.values
        assert (list(pair.a["cell"]), list(pair.b["cell"])) == (["a1", "a2"], ["b1", "b2"])
        text = printed(found)
        assert "Only in A\nlord, squares, samples split, preset quick, seed 0" in text
        assert "lord, cars, samples split, preset quick, seed 0" in text.split("Only in B")[1]

    def test_of_cells_of_one_line_and_seed_the_newest(self, tmp_path: Path) -> None:
        add(tmp_path / "a", "old", sampled(1.0))
        add(tmp_path / "a", "new", sampled(), started="2025-01-01T00:00:00+00:00")
        add(tmp_path / "b", "new", sampled())
        assert value(compared(tmp_path / "a", tmp_path / "b"))["verdict"] == "equal"

    def test_a_cell_by_its_folder_by_the_beginning_of_its_id_and_from_a_csv(self, tmp_path: Path) -> None:
        folder = add(tmp_path, "abc1", sampled())
        add(tmp_path, "abd2", sampled(1.0), method="drnet")
        for name in (str(folder), f"{tmp_path}:abc", f"{tmp_path}/results.csv:abc1"):
            found = compared(folder, name)
            assert found.identical, name

    def test_nothing_in_common_is_said(self, tmp_path: Path) -> None:
        for run, dataset in (("a", "cars"), ("b", "faces")):
            for method in ("lord", "drnet"):
                add(tmp_path / run, method, sampled(), method=method, dataset=dataset)
        found = compared(tmp_path / "a", tmp_path / "b")
        assert "Nothing to match: no method in A" in printed(found)
        assert not found.identical


class TestChanges:
    def test_nested_settings_are_dotted_and_only_what_differs_is_listed(self, tmp_path: Path) -> None:
        a = add(tmp_path / "a", "c", sampled(), git_sha="abc", threads=1)
        b = add(
            tmp_path / "b", "c", sampled(), git_sha="abd", threads=2,
            settings={
                "settings": {"noise": 0.5, "decay": 0.1}, "data_settings": {"n_cars": 8},
                "preset": {"summary": "other", "budget": {"images": None, "epochs": 3}, "defaults": {"x": 1}},
            },
        )  # fmt: skip
        assert changed(compared(a, b)) == {
            ("code", "git_sha"): ("abc", "abd"),
            ("environment", "threads"): (1, 2),
            ("method", "decay"): (None, 0.1),
            ("data", "n_cars"): (4, 8),
            ("preset", "budget.images"): (640, None),
            ("preset", "budget.epochs"): (None, 3),
        }

    def test_those_of_several_cells_are_said_once(self, tmp_path: Path) -> None:
        for run, precision in (("a", "float32"), ("b", "tf32")):
            for seed in (0, 1):
                torch = "2.5" if (run, seed) == ("b", 1) else "2.4"
                add(
                    tmp_path / run,
                    f"c{seed}",
                    sampled(seed=seed),
                    seed=seed,
                    precision=precision,
                    torch_version=torch,
                )
        lines = [line.split() for line in printed(compared(tmp_path / "a", tmp_path / "b")).splitlines()]
        assert ["environment", "precision", "float32", "tf32", "all"] in lines
        assert ["environment", "torch_version", "2.4", "2.5", "lord", "(1)"] in lines

    def test_without_cell_json_what_rows_say_is_compared(self, tmp_path: Path) -> None:
        (add(tmp_path / "a", "c", sampled(), variant="noise=1") / "cell.json").unlink()
        add(tmp_path / "b", "c", sampled())
        found = compared(tmp_path / "a", tmp_path / "b")
        assert changed(found) == {("cell", "variant"): ("noise=1", None)}
        assert "not all settings are compared" in printed(found)

    def test_costs_are_means_over_seeds(self, tmp_path: Path) -> None:
        for run, seconds in (("a", (10.0, 30.0)), ("b", (5.0, 5.0))):
            for seed in (0, 1):
                add(tmp_path / run, f"c{seed}", sampled(seed=seed), seed=seed, train_seconds=seconds[seed])
        lines = [line.split() for line in printed(compared(tmp_path / "a", tmp_path / "b")).splitlines()]
        assert ["lord", "seconds", "20.0", "5.0", "0.25"] in lines


class TestValues:
    @pytest.mark.parametrize(
        ("other", "verdict"), [({}, "better"), (SSIM, "worse"), ({"higher_is_better": None}, "differs")]
    )
    def test_pairs_distinguish_what_overlapping_intervals_do_not(
        self, tmp_path: Path, other: dict[str, Any], verdict: str
    ) -> None:
        a = add(tmp_path / "a", "c", sampled(0.0, **other))
        b = add(tmp_path / "b", "c", sampled(0.1, seed=1, **other))
        line = value(compared(a, b), other.get("metric", "lpips"))
        assert (line["verdict"], line["n_seeds"]) == (verdict, 1)
        assert line["ci_low"] < -0.1 < line["ci_high"] < 0
        assert line["ci_high_a"] > line["ci_low_b"]

    def test_a_small_difference_is_not_significant(self, tmp_path: Path) -> None:
        a, b = (add(tmp_path / run, "c", sampled(seed=seed)) for seed, run in enumerate("ab"))
        line = value(compared(a, b))
        assert line["verdict"] == "not significantly different"

    def test_the_samples_of_a_side_are_its_own_though_ids_are_the_same(self, tmp_path: Path) -> None:
        """The means of the two are too close to identify whose samples they are."""
        values = 1.0 + 0.1 * CLASSES
        near = values + 1e-6 * (1 + CLASSES)
        a, b = (
            add(tmp_path / run, "c", measured(float(v.mean()), 0.1, n=N).of_samples(Samples.of(v, CLASSES)))
            for run, v in (("a", values), ("b", near))
        )
        assert value(compared(a, b))["verdict"] == "better"

    def test_several_seeds_are_compared_by_their_differences(self, tmp_path: Path) -> None:
        for run, shift in (("a", 0.0), ("b", 0.2)):
            for seed in (0, 1, 2):
                add(
                    tmp_path / run,
                    f"c{seed}",
                    sampled(5 + shift + 0.1 * seed, seed=seed + len(run)),
                    seed=seed,
                )
        line = value(compared(tmp_path / "a", tmp_path / "b"))
        assert (line["verdict"], line["n_seeds"]) == ("better", 3)
        assert line["difference"] == pytest.approx(line["value_a"] - line["value_b"])

    def test_distances_of_several_seeds_are_compared_by_their_logarithms(self, tmp_path: Path) -> None:
        means = {"a": [0.10, 0.14, 0.31], "b": [0.13, 0.15, 0.35]}
        for run, own in means.items():
            for seed, mean in enumerate(own):
                add(tmp_path / run, f"c{seed}", measured(mean, None, n=N), seed=seed)
        line = value(compared(tmp_path / "a", tmp_path / "b"))
        expected = stats.ttest_rel(np.log(means["a"]), np.log(means["b"]))
        assert line["verdict"] == ("better" if expected.pvalue < 0.05 else "not significantly different")
        interval = expected.confidence_interval(0.95)
        level = np.exp(np.mean(np.log([*means["a"], *means["b"]])))
        ends = [2 * level * np.sinh(end / 2) for end in (interval.low, interval.high)]
        assert (line["ci_low"], line["ci_high"]) == pytest.approx(ends)

    @pytest.mark.parametrize("side", ["a", "b"])
    def test_seeds_with_a_collapsed_training_are_left_out_as_in_tables(
        self, tmp_path: Path, side: str
    ) -> None:
        verdict = dict(zip(QUANTITY, COLLAPSED, strict=True)) | {"higher_is_better": None}
        for run in "ab":
            for seed in (0, 1, 2):
                collapsed = run == side and seed == 2
                found = sampled(9.0 * collapsed, seed=seed), measured(float(collapsed), None, **verdict)
                add(tmp_path / run, f"c{seed}", *found, seed=seed)
        line = value(compared(tmp_path / "a", tmp_path / "b"))
        assert (line["verdict"], line["n_seeds"]) == ("equal", 2)
        assert line["note"] == "without seed 2, where a training has collapsed"

    def test_a_side_of_which_all_trainings_have_collapsed_is_compared_with_a_warning(
        self, tmp_path: Path
    ) -> None:
        verdict = dict(zip(QUANTITY, COLLAPSED, strict=True)) | {"higher_is_better": None}
        for run in "ab":
            for seed in (0, 1):
                found = sampled(float(run == "a"), seed=seed), measured(float(run == "a"), None, **verdict)
                add(tmp_path / run, f"c{seed}", *found, seed=seed)
        line = value(compared(tmp_path / "a", tmp_path / "b"))
        assert line["n_seeds"] == 2
        assert line["note"] == "a training of seed 0, 1 has collapsed"

    @pytest.mark.parametrize("shift", [0.1, 9.0])
    def test_other_samples_are_not_judged_by_the_overlap_of_two_intervals(
        self, tmp_path: Path, shift: float
    ) -> None:
        a = add(tmp_path / "a", "c1", sampled(0.0))
        b = add(tmp_path / "b", "c2", sampled(shift, seed=1, groups=np.roll(CLASSES, 1)))
        line = value(compared(a, b))
        assert (line["verdict"], line["note"]) == ("", "scored on other samples")
        assert np.isnan(line["ci_low"])
        b = add(tmp_path / "seeds", "c2", sampled(shift, seed=1), seed=1)
        assert value(compared(a, b))["note"] == "no seed in common"

    def test_without_any_interval_there_is_no_verdict(self, tmp_path: Path) -> None:
        a, b = (
            add(tmp_path / run, "c", measured(v, None, metric="fid")) for run, v in (("a", 30.0), ("b", 90.0))
        )
        line = value(compared(a, b), "fid")
        assert (line["verdict"], line["difference"]) == ("", -60.0)
        assert line["note"] == "a value of a whole set: no interval from one seed"

    @pytest.mark.parametrize(
        "other", [{"protocol_version": 2}, {"data_fingerprint": "xyz"}, {"split": "classes"}]
    )
    def test_values_on_other_data_or_protocols_have_no_verdict(
        self, tmp_path: Path, other: dict[str, Any]
    ) -> None:
        a = add(tmp_path / "a", "c", sampled(0.0))
        b = add(tmp_path / "b", "c", sampled(5.0), **other)
        found = compared(a, b)
        line = value(found)
        assert line["verdict"] == ""
        assert line["difference"] == pytest.approx(-5, abs=0.01)
        for word in other.values():
            assert str(word) in line["note"]
        assert "Not compared: " in printed(found)

    def test_measured_in_another_way_but_for_what_a_probe_chose(self, tmp_path: Path) -> None:
        policies = ["a; chosen: C = 1", "a; chosen: C = 10", "b; chosen: C = 1"]
        a, same, other = (
            add(tmp_path / str(i), "c", sampled(0.1 * i, policy=policy)) for i, policy in enumerate(policies)
        )
        assert value(compared(a, same))["verdict"] == "better"
        assert value(compared(a, other))["note"] == OTHER_POLICY

    def test_a_value_missing_on_one_side_is_noted(self, tmp_path: Path) -> None:
        fid = measured(None, metric="fid", note="no weights")
        a = add(tmp_path / "a", "c", sampled(), measured(3.0, metric="fd"), fid)
        b = add(tmp_path / "b", "c", sampled(), measured(4.0, metric="fid"))
        found = compared(a, b)
        assert value(found, "fd")["note"] == "B has none: not measured"
        assert value(found, "fid")["note"] == "A has none: no weights"

    def test_differences_come_first(self, tmp_path: Path) -> None:
        metrics = {"l1": 0.0, "lpips": 0.5, "psnr": 0.001, "ssim": 0.3}
        a = add(tmp_path / "a", "c", *(sampled(0.0, metric=name) for name in metrics))
        b = add(tmp_path / "b", "c", *(sampled(s, seed=s > 0, metric=name) for name, s in metrics.items()))
        ((_, values),) = compared(a, b).values
        assert list(values["metric"]) == ["lpips", "ssim", "psnr", "l1"]
        assert list(values["verdict"]) == ["better", "better", "not significantly different", "equal"]

    def test_identical_sides_are_reported_as_the_same(self, tmp_path: Path) -> None:
        lacking = measured(None, metric="fid", note="no weights")
        a, b = (add(tmp_path / run, "c", sampled(), lacking) for run in "ab")
        found = compared(a, b)
        assert found.identical
        assert "They are the same: 1 value is equal" in printed(found)


class TestErrors:
    def test_a_missing_path(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="no such file or folder"):
            read_side(str(tmp_path / "none"))

    def test_an_id_that_fits_none_or_several(self, tmp_path: Path) -> None:
        add(tmp_path, "abc1", sampled())
        add(tmp_path, "abd2", sampled(), method="drnet")
        with pytest.raises(UserError, match="no cell has an id") as caught:
            read_side(f"{tmp_path}:x")
        assert "abc1, abd2" in caught.value.hint
        with pytest.raises(UserError, match="several cells have an id"):
            read_side(f"{tmp_path}:ab")

    def test_an_unfinished_cell(self, tmp_path: Path) -> None:
        (add(tmp_path, "abc1", sampled()) / "model.safetensors").unlink()
        with pytest.raises(UserError, match="no results yet"):
            read_side(str(tmp_path / "cells" / "abc1"))


class TestCommand:
    def test_every_format(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        add(Path("one"), "c", sampled(0.0), sampled(0.0, **SSIM), sampled(metric="homemade"), device="x|y")
        add(Path("two"), "c", sampled(0.5), sampled(0.0, **SSIM), sampled(metric="homemade"))
        assert run("compare", "one", "two") == 0
        assert "homemade" not in capsys.readouterr().out
        assert run("compare", "one", "two", "--all", "--format", "markdown", "--out", "both.md") == 0
        text = Path("both.md").read_text()
        assert (
            "| of | what differs | A | B |\n| --- | --- | --- | --- |\n| environment | device | x\\|y | cpu |"
            in text
        )
        assert "| content-transfer/encoded/transfer/homemade ↓ | " in text
        assert text.index("| LPIPS ↓ |") < text.index("| SSIM ↑ |")
        capsys.readouterr()
        assert run("compare", "one", "two", "--format", "csv") == 0
        table = pd.read_csv(io.StringIO(capsys.readouterr().out), keep_default_na=False)
        assert list(table) == CSV_COLUMNS
        assert dict(zip(table["metric"], table["verdict"], strict=True)) == {
            "lpips": "better", "ssim": "equal", "homemade": "equal",
        }  # fmt: skip
        assert run("compare", "one", "two", "--format", "json", "--metric", "lpips") == 0
        found = json.loads(capsys.readouterr().out)
        assert found["changes"][0]["name"] == "device"
        assert [line["metric"] for line in found["lines"][0]["values"]] == ["lpips"]
        assert found["lines"][0]["values"][0]["ci_high"] < 0

    def test_json_has_null_for_missing_values(self, tmp_path: Path) -> None:
        a, b = (add(tmp_path / run, "c", measured(None, metric="fid")) for run in "ab")
        found = json.loads(render(compared(a, b), "json", (), False))
        assert found["lines"][0]["values"][0]["value_a"] is None

    def test_bad_input_exits_with_2(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        add(Path("one"), "c", sampled())
        assert run("compare", "one", "nowhere") == 2
        assert "nowhere: no such file or folder" in capsys.readouterr().err
        assert run("compare", "one", "one", "--metric", "lpisp", "--out", "x.md") == 2
        assert "did you mean lpips" in capsys.readouterr().err
        assert not Path("x.md").exists()

    def test_help_has_examples(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("compare", "--help") == 0
        assert "lordbench compare runs other_machine/runs" in capsys.readouterr().out
