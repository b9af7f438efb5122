"""Leaderboards: which rows are kept, which are comparable, and what is averaged over seeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from synthetic import cell, measured

from lordbench.results.leaderboard import OLDER_CELLS, aggregate, collect, wide
from lordbench.results.names import FOR_TESTING
from lordbench.results.rows import COLUMNS
from lordbench.utils.errors import UserError

LPIPS = "content-transfer/encoded/transfer/lpips"


def write(rows: pd.DataFrame, folder: Path) -> Path:
    folder.mkdir()
    rows.to_csv(folder / "results.csv", index=False)
    return folder


LATE = "2024-02-01T00:00:00+00:00"
COLLAPSED = measured(
    1.0, None, experiment="reconstruction", subject="reconstruction", metric="collapsed",
    higher_is_better=None,
)  # fmt: skip


class TestMerging:
    def test_of_the_same_measurement_the_latest_is_kept(self, tmp_path):
        old = write(cell(measured(0.5), measured(0.7, metric="ssim")), tmp_path / "a")
        new = write(cell(measured(0.1), started=LATE), tmp_path / "b")
        rows = collect([new, old])
        assert dict(zip(rows["metric"], rows["value"], strict=True)) == {"lpips": 0.1, "ssim": 0.7}

    def test_a_value_replaces_a_missing_one(self, tmp_path):
        lacking = write(cell(measured(None, note="no weights")), tmp_path / "a")
        found = write(cell(measured(0.3)), tmp_path / "b")
        assert list(collect([found, lacking])["value"]) == [0.3]

    def test_the_order_and_repetition_of_paths_do_not_matter(self, tmp_path):
        paths = [
            write(cell(method="mlvae", started=LATE), tmp_path / "a"),
            write(cell(measured(0.4)), tmp_path / "b"),
            write(cell(measured(0.2)), tmp_path / "c"),
            write(cell(seed=1), tmp_path / "d"),
        ]
        forward, backward = collect(paths), collect([paths[0] / "results.csv", *paths[::-1]])
        pd.testing.assert_frame_equal(forward, backward)
        assert tuple(forward.columns) == COLUMNS

    def test_of_two_evaluations_of_a_cell_one_is_kept_whole(self, tmp_path):
        """Whichever is read first; the larger of two values each would be better than either."""
        first = write(cell(measured(0.4), measured(0.1, metric="ssim")), tmp_path / "a")
        second = write(cell(measured(0.3), measured(0.9, metric="ssim")), tmp_path / "b")
        longer = [measured(0.2), measured(0.2, metric="ssim"), measured(0.2, metric="psnr")]
        for paths in ([first, second], [second, first]):
            assert list(collect(paths)["value"]) == [0.3, 0.9]
        assert list(collect([first, write(cell(*longer), tmp_path / "c"), second])["value"]) == [0.2] * 3

    def test_text_that_looks_like_a_number_stays_text(self, tmp_path):
        texts = {"cell": "0000000000000012", "data_fingerprint": "123", "method": "NA"}
        rows = collect([write(cell(**texts), tmp_path / "a")])
        assert rows.loc[0, list(texts)].to_dict() == texts


class TestRefusals:
    @pytest.mark.parametrize(
        ("column", "value"), [("protocol_version", 9), ("schema_version", 9), ("data_fingerprint", "xyz")]
    )
    def test_mixed_versions_are_named_with_their_files(self, tmp_path, column, value):
        other = cell(method="drnet", **{column: value})
        paths = [write(cell(), tmp_path / "one"), write(other, tmp_path / "two")]
        with pytest.raises(UserError) as caught:
            collect(paths)
        for part in (str(paths[0]), str(paths[1]), str(value), str(cell()[column].iloc[0])):
            assert part in caught.value.message

    def test_another_set_or_image_size_has_a_fingerprint_of_its_own(self, tmp_path):
        others = [{"dataset": "cars"}, {"preset": "paper"}, {"data_settings": "a=1"}]
        rows = pd.concat([cell(), *(cell(data_fingerprint="xyz", **other) for other in others)])
        assert len(collect([write(rows, tmp_path / "a")])) == 4

    def test_splits_of_a_set_are_of_the_same_images(self, tmp_path):
        rows = pd.concat([cell(), cell(split="classes", data_fingerprint="xyz")])
        with pytest.raises(UserError, match="squares: results on different data"):
            collect([write(rows, tmp_path / "a")])

    def test_an_unknown_schema_is_refused(self, tmp_path):
        with pytest.raises(UserError, match="schema version 9"):
            collect([write(cell(schema_version=9), tmp_path / "a")])

    def test_a_path_without_results(self, tmp_path):
        with pytest.raises(UserError, match=r"results\.csv: no such file"):
            collect([tmp_path])

    def test_no_rows_at_all(self, tmp_path):
        with pytest.raises(UserError, match="no results yet"):
            collect([write(cell()[:0], tmp_path / "a")])

    @pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff\xfe\x00\x01", b'a,b\n"1\n'])
    def test_a_foreign_file(self, tmp_path, content):
        (tmp_path / "other.csv").write_bytes(content)
        with pytest.raises(UserError, match=r"other\.csv: not a (readable )?results CSV") as caught:
            collect([tmp_path / "other.csv"])
        assert caught.value.hint

    def test_missing_columns_are_named(self, tmp_path):
        with pytest.raises(UserError, match="no column codes, unit"):
            collect([write(cell().drop(columns=["codes", "unit"]), tmp_path / "a")])

    def test_text_in_place_of_a_number(self, tmp_path):
        with pytest.raises(UserError, match="column value"):
            collect([write(cell().assign(value="good"), tmp_path / "a")])


class TestSeeds:
    def test_one_seed_keeps_its_own_interval(self):
        line = aggregate(cell(measured(0.1, 0.02))).iloc[0]
        assert tuple(line[["value", "ci_low", "ci_high", "n_seeds"]]) == pytest.approx((0.1, 0.08, 0.12, 1))

    def test_several_seeds_have_students_interval(self):
        values = [0.10, 0.13, 0.19]
        line = aggregate(pd.concat([cell(measured(v), seed=i) for i, v in enumerate(values)])).iloc[0]
        expected = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
        assert (line["ci_low"], line["ci_high"]) == pytest.approx(expected)
        # By hand: mean 0.14, standard deviation 0.045826, t(0.975; 2) = 4.302653.
        assert line["value"] == pytest.approx(0.14)
        assert line["ci_high"] - 0.14 == pytest.approx(4.302653 * 0.045826 / 3**0.5, rel=1e-4)

    def test_the_interval_covers_the_mean_in_95_of_100_cases(self):
        draws = np.random.default_rng(0).normal(5.0, 2.0, size=(600, 3))
        one = cell(measured(0.0))
        rows = pd.concat([one] * draws.size, ignore_index=True)
        trial, seed = np.divmod(np.arange(draws.size), 3)
        rows["method"], rows["seed"] = [f"m{i:03}" for i in trial], seed
        rows["cell"], rows["value"] = [f"{i}" for i in range(draws.size)], draws.ravel()
        lines = aggregate(rows)
        covered = ((lines["ci_low"] <= 5.0) & (lines["ci_high"] >= 5.0)).mean()
        # Within three standard errors of a share of 600 trials: sqrt(.95 * .05 / 600) = 0.009.
        assert len(lines) == 600
        assert abs(covered - 0.95) < 0.027

    def test_a_seed_without_a_value_is_left_out_and_noted(self):
        rows = pd.concat([cell(measured(None, note="no weights")), cell(measured(0.3, 0.1), seed=1)])
        line = aggregate(rows).iloc[0]
        assert tuple(line[["value", "ci_low", "n_seeds"]]) == pytest.approx((0.3, 0.2, 1))
        assert line["notes"] == "no weights; mean of 1 of 2 seeds"

    def test_no_value_at_all_keeps_its_reason(self):
        line = aggregate(cell(measured(None, note="no weights"))).iloc[0]
        assert np.isnan(line["value"])
        assert line["notes"] == "no weights"
        assert line["n_seeds"] == 0

    def test_where_all_have_collapsed_their_mean_is_of_no_seed(self):
        rows = pd.concat([cell(measured(v), COLLAPSED, seed=i) for i, v in enumerate((0.3, 0.5))])
        line = aggregate(rows).set_index("metric").loc["lpips"]
        assert tuple(line[["value", "n_seeds", "n_collapsed"]]) == pytest.approx((0.4, 0, 2))

    def test_only_the_reconstruction_of_images_tells_that_a_training_has_collapsed(self):
        others = [{"experiment": "mine"}, {"codes": "learned"}, {"subject": "drawn codes"}]
        lines = aggregate(cell(measured(), *(COLLAPSED.model_copy(update=other) for other in others)))
        assert set(lines["n_collapsed"]) == {0}
        assert set(lines["n_seeds"]) == {1}

    def test_a_changed_method_replaces_its_older_cell(self):
        old = cell(measured(0.9), measured(0.9, metric="ssim"), cell="old")
        new = cell(measured(0.1), cell="new", started=LATE)
        (line,) = aggregate(pd.concat([new, old])).to_dict("records")
        assert (line["value"], line["n_seeds"], line["notes"]) == (0.1, 1, OLDER_CELLS)

    def test_seeds_of_different_sources_are_noted(self):
        rows = pd.concat([cell(), cell(seed=1, method_source="changed")])
        assert aggregate(rows)["notes"].item() == "the method's source differs between seeds"

    def test_seeds_of_different_precision_are_noted(self):
        rows = pd.concat([cell(precision="float32"), cell(seed=1, precision="bfloat16")])
        assert aggregate(rows)["notes"].item() == "trained in different precision: bfloat16, float32"
        assert aggregate(cell(precision="float32"))["notes"].item() == ""


class TestTableRows:
    def test_methods_are_in_the_order_in_which_they_were_started(self):
        variant = cell(method="zeta", variant="a=1", started=LATE)
        rows = [cell(method="zeta"), cell(method="alpha", started=LATE), variant]
        for order in (rows, rows[::-1]):
            assert list(wide(aggregate(pd.concat(order)))["method"]) == ["zeta", "alpha", "zeta[a=1]"]

    def test_floors_are_taken_once(self):
        def both(method: str, seed: int) -> pd.DataFrame:
            floors = (measured(0.5 + seed / 10, subject=s, codes="") for s in ("copy", "random"))
            return cell(measured(), *floors, method=method, seed=seed)

        lines = aggregate(pd.concat([both("lord", 0), both("drnet", 0), both("drnet", 1)]))
        floors = lines[lines["reference"]]
        assert list(floors["method"]) == ["floor: copy of B", "floor: random view of B's class"]
        assert list(floors["n_seeds"]) == [2, 2]
        assert list(floors["value"]) == pytest.approx([0.55, 0.55])

    def test_a_floor_is_taken_from_a_cell_that_has_its_value(self):
        """A later run without weights has rows of floors as well, without values."""
        lacking = measured(None, subject="copy", codes="", note="no weights")
        first = cell(measured(), measured(0.5, subject="copy", codes=""))
        later = cell(measured(None, note="no weights"), lacking, method="drnet", started=LATE)
        lines = aggregate(pd.concat([first, later]))
        assert lines.loc[lines["reference"], "value"].tolist() == [0.5]

    def test_floors_are_below_the_methods_in_their_columns(self):
        table = wide(aggregate(cell(measured(0.1), measured(0.5, subject="copy", codes=""))))
        assert list(table["method"]) == ["lord", "floor: copy of B"]
        assert list(table[LPIPS]) == [0.1, 0.5]

    @pytest.mark.parametrize(("preset", "notes"), [("quick", "n < 9"), ("smoke", f"{FOR_TESTING}; n < 9")])
    def test_notes_say_which_numbers_mean_nothing(self, preset, notes):
        table = wide(aggregate(cell(measured(0.1, note="n < 9"), preset=preset)))
        assert list(table["notes"]) == [notes]

    def test_floors_are_in_every_column_of_a_transfer(self):
        shots = [measured(0.1, experiment="one-shot", subject=f"transfer, K = {k}") for k in (1, 5)]
        floor = measured(0.5, experiment="one-shot", subject="copy", codes="")
        table = wide(aggregate(cell(*shots, floor)))
        for k in (1, 5):
            assert list(table[f"one-shot/encoded/transfer, K = {k}/lpips"]) == [0.1, 0.5]
        assert LPIPS not in table

    def test_a_floor_of_one_direction_is_in_its_columns_only(self):
        domains = {"experiment": "clustered-domain"}
        rows = [
            measured(value, subject=f"{name}, {way}", codes=codes, **domains)
            for way, value in (("a to b", 0.1), ("b to a", 0.2))
            for name, codes in (("transfer of random styles", "encoded"), ("input", ""))
        ]
        table = wide(aggregate(cell(*rows)))
        assert list(table["method"]) == ["lord", "floor: the input unchanged"]
        for way, value in (("a to b", 0.1), ("b to a", 0.2)):
            name = f"clustered-domain/encoded/transfer of random styles, {way}/lpips"
            assert list(table[name]) == [value, value]

    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            ({"started": "2024-01"}, "column started: '2024-01' is no date with a time"),
            ({"ci_low": 0.4, "ci_high": 0.2}, "an interval ends before it begins"),
            ({"method": "lord\x1b[31m"}, "column method: control characters"),
        ],
    )
    def test_rows_that_no_run_writes_are_refused(self, tmp_path: Path, changed: dict, words: str):
        path = tmp_path / "results.csv"
        cell(measured(0.3)).assign(**changed).to_csv(path, index=False)
        with pytest.raises(UserError, match=words):
            collect([path])

    def test_a_method_given_other_labels_is_another_row_and_floors_belong_to_all(self):
        floor = measured(0.5, subject="copy", codes="")
        told = [
            cell(measured(0.1 + i / 10), floor, labels=name) for i, name in enumerate(("", "clusters[k=3]"))
        ]
        lines = aggregate(pd.concat([*told, cell(measured(0.4), variant="a=1", labels="truth")]))
        table = wide(lines)
        assert list(table["method"]) == [
            "lord", "lord on clusters[k=3]", "lord[a=1] on truth", "floor: copy of B",
        ]  # fmt: skip
        assert list(table[LPIPS]) == pytest.approx([0.1, 0.2, 0.4, 0.5])
        assert list(lines["n_seeds"]) == [1, 1, 1, 1]

    def test_a_plug_in_names_its_own_floors_and_ceilings(self):
        mirror = {"experiment": "mirror"}
        moved = [measured(0.1, subject=code, **mirror) for code in ("class code", "content code")]
        known = {"ceiling: best": 0.9, "floor: guess": 0.2, "floor: still, class code": 0.3}
        others = [measured(value, subject=name, codes="", **mirror) for name, value in known.items()]
        elsewhere = measured(0.1, experiment="other", subject="class code")
        table = wide(aggregate(cell(*moved, *others, elsewhere)))
        assert list(table["method"]) == ["lord", "floor: guess", "floor: still", "ceiling: best"]
        np.testing.assert_array_equal(table["mirror/encoded/class code/lpips"], [0.1, 0.2, 0.3, 0.9])
        np.testing.assert_array_equal(table["mirror/encoded/content code/lpips"], [0.1, 0.2, np.nan, 0.9])
        np.testing.assert_array_equal(table["other/encoded/class code/lpips"], [0.1, np.nan, np.nan, np.nan])

    @pytest.mark.parametrize("codes", ["encoded", "learned", "optimized", ""])
    def test_floors_of_a_plug_in_are_in_columns_of_all_codes(self, codes):
        floor = measured(0.2, experiment="mirror", subject="floor: guess", codes="")
        table = wide(aggregate(cell(measured(experiment="mirror", subject="class code", codes=codes), floor)))
        assert list(table[f"mirror/{codes}/class code/lpips"]) == [0.1, 0.2]

    def test_pixels_are_in_the_columns_of_the_label_that_is_predicted_from_codes(self):
        subjects = ("class from content", "class from content, shuffled", "content from class")
        leaks = [measured(0.2, experiment="leakage", subject=subject) for subject in subjects]
        pixels = [
            measured(
                value, experiment="leakage", subject=f"{label} from pixels", codes="", higher_is_better=None
            )
            for label, value in (("class", 0.9), ("content", 0.8))
        ]
        table = wide(aggregate(cell(*leaks, *pixels)))
        assert list(table["method"]) == ["lord", "pixels"]
        columns = (f"leakage/encoded/{subject}/lpips" for subject in subjects)
        for column, revealed in zip(columns, (0.9, np.nan, 0.8), strict=True):
            np.testing.assert_array_equal(table[column], [0.2, revealed])

    def test_each_group_has_its_own_rows(self):
        table = wide(aggregate(pd.concat([cell(), cell(split="classes"), cell(preset="paper")])))
        assert list(zip(table["split"], table["preset"], strict=True)) == [
            ("classes", "quick"), ("samples", "paper"), ("samples", "quick"),
        ]  # fmt: skip

    def test_columns_are_named_by_quantity(self):
        name = "leakage/learned/class from content/probe.x"
        where = zip(("experiment", "codes", "subject", "metric"), name.split("/"), strict=True)
        leak = measured(0.2, **dict(where))
        quantities = [LPIPS, f"{LPIPS}_ci_low", f"{LPIPS}_ci_high", name, f"{name}_ci_low", f"{name}_ci_high"]
        table = wide(aggregate(cell(leak, measured(None, note="no weights"))))
        assert list(table)[8:] == quantities
        assert table["notes"].item() == "lpips: no weights"

    def test_a_merged_leaderboard_is_the_same_after_a_trip_through_csv(self, tmp_path):
        rows = pd.concat([cell(measured(1 / 3), measured(None, metric="fid")), cell(method="drnet")])
        direct, read = aggregate(rows), aggregate(collect([write(rows, tmp_path / "a")]))
        pd.testing.assert_frame_equal(direct, read, check_dtype=False)
