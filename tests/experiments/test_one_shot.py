"""One-shot: which images give a class code, and what a better class code improves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from commandline import TINY, Run, results
from helpers import CPU, halves
from lookup import Lookup
from synthetic import without_samples

from lordbench.config import registry
from lordbench.data.images import ImageSet
from lordbench.data.pairs import class_sources, draw_pairs, split_into_sets, support_images
from lordbench.data.splits import split
from lordbench.evaluation.experiment import EvaluationConfig, Trained
from lordbench.evaluation.measurement import Measurement
from lordbench.evaluation.scoring import Scoring
from lordbench.experiments import one_shot
from lordbench.experiments.one_shot import OneShot
from lordbench.report.boards import boards
from lordbench.training import Codes, Context

DATA = halves(n_classes=30, n_contents=8)
METRICS = ("l1", "probe_linear")


def measure(folder: Path, noise: float, name: str = "classes", optimizes: bool = False) -> list[Measurement]:
    cut = split(DATA, name, seed=0)  # type: ignore[arg-type]
    trained = Trained(
        label="lookup",
        method=Lookup(cut.test, noise, optimizes),
        split=cut,
        device=CPU,
        seed=0,
        sizes=EvaluationConfig(pairs=100, shots=(1, 5, 9)),  # type: ignore[call-arg]
        batch_size=16,
        scoring=Scoring(CPU, {name: registry.find("metrics", name).load() for name in METRICS}),
        folder=folder,
    )
    return OneShot().run(trained)


def transfers(found: list[Measurement], metric: str) -> dict[str, float]:
    rows = [row for row in found if row.metric == metric and row.codes == "encoded"]
    return {row.subject: row.value for row in rows if row.value is not None}


class TestSupports:
    def test_b_comes_first_and_neither_a_nor_the_true_image_is_among_them(self) -> None:
        pairs = draw_pairs(DATA, DATA, 200, np.random.default_rng(0))
        assert pairs.truth is not None
        supports = list(support_images(DATA, pairs, np.random.default_rng(0)))
        for i, support in enumerate(supports):
            assert support[0] == pairs.class_[i]
            assert not {pairs.content[i], pairs.truth[i]} & set(support.tolist())
            assert (DATA.classes[support] == DATA.classes[pairs.class_[i]]).all()
            assert len(set(support.tolist())) == len(support) == 7

    def test_a_k_that_classes_cannot_provide_is_left_out_with_a_note(self, tmp_path: Path) -> None:
        found = measure(tmp_path, 0.0)
        assert set(transfers(found, "l1")) == {"transfer, K = 1", "transfer, K = 5", "transfer, all"}
        notes = {row.subject: row.note for row in found}
        assert notes["transfer, all"] == "K = 9 left out: a class has only 7 images to use"
        assert notes["transfer, K = 1"] == notes["transfer, K = 5"] == ""

    def test_all_has_a_limit_with_a_note(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(one_shot, "MOST", 5)
        found = measure(tmp_path, 0.8)
        five, every = (transfers(found, "l1")[f"transfer, {shots}"] for shots in ("K = 5", "all"))
        assert five == every
        (note,) = {row.note for row in found if row.subject == "transfer, all"}
        assert note.endswith("at most 5 images of a class")


class TestSets:
    def test_every_image_is_in_one_set_of_its_class(self) -> None:
        sets = split_into_sets(DATA, 3, np.random.default_rng(0))
        for number in range(sets.max() + 1):
            assert len(set(DATA.classes[sets == number])) == 1
        assert sorted(np.bincount(sets)) == [2] * 30 + [3] * 60

    def test_one_image_each_gives_b_itself(self) -> None:
        pairs = draw_pairs(DATA, DATA, 100, np.random.default_rng(0))
        sets = split_into_sets(DATA, 1, np.random.default_rng(0))
        assert len(set(sets)) == len(DATA)
        np.testing.assert_array_equal(class_sources(DATA, pairs, sets, 1), pairs.class_)

    def test_the_true_image_is_never_in_the_set_that_gives_the_class_code(self) -> None:
        pairs = draw_pairs(DATA, DATA, 200, np.random.default_rng(0))
        assert pairs.truth is not None
        sets = split_into_sets(DATA, 3, np.random.default_rng(0))
        sources = class_sources(DATA, pairs, sets, 3)
        assert sources is not None
        assert (DATA.classes[sources] == DATA.classes[pairs.class_]).all()
        assert (sets[sources] != sets[pairs.truth]).all()
        assert (np.bincount(sets)[sets[sources]] == 3).all()
        assert np.mean(sets[sources] == sets[pairs.class_]) > 0.3

    def test_a_k_without_enough_sets_is_refused(self) -> None:
        pairs = draw_pairs(DATA, DATA, 200, np.random.default_rng(0))
        assert class_sources(DATA, pairs, split_into_sets(DATA, 5, np.random.default_rng(0)), 5) is None


class TestOptimization:
    """With a method that gives each set the codes of its first image."""

    def test_a_set_is_a_class_and_a_note_names_what_is_left_out(self, tmp_path: Path) -> None:
        found = measure(tmp_path, 0.0, optimizes=True)
        optimized = {row.subject for row in found if row.codes == "optimized" and row.metric == "l1"}
        assert optimized == {
            f"{what}, {way}" for what in ("transfer", "reconstruction") for way in ("K = 1", "all")
        }
        notes = {row.note for row in found if row.codes == "optimized" and row.subject == "transfer, all"}
        few = "; ".join(f"K = {k} left out: a class has too few sets of {k}" for k in (5, 9))
        assert notes == {f"has seen the true images; {few}"}

    def test_a_perfect_method_has_no_error(self, tmp_path: Path) -> None:
        found = measure(tmp_path, 0.0, optimizes=True)
        errors = {row.subject: row.value for row in found if row.codes == "optimized" and row.metric == "l1"}
        assert len(errors) == 4
        assert set(errors.values()) == {0.0}

    def test_the_budget_of_optimization_is_for_each_held_out_image(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[float] = []
        optimize_codes = Lookup.optimize_codes

        def counted(method: Lookup, images: ImageSet, context: Context) -> Codes | None:
            seen.append(context.budget.images / len(images))
            return optimize_codes(method, images, context)

        monkeypatch.setattr(Lookup, "optimize_codes", counted)
        measure(tmp_path, 0.0, optimizes=True)
        assert seen == [200, 200]  # for one image each, and for all

    def test_class_codes_that_are_shared_by_label_are_not_probed(self, tmp_path: Path) -> None:
        found = [row for row in measure(tmp_path, 0.0, optimizes=True) if " from " in row.subject]
        assert {row.subject for row in found if row.codes == "optimized"} == {
            "class from content, K = 1", "class from class, K = 1", "content from content, K = 1",
            "content from class, K = 1", "class from content, all", "content from content, all",
        }  # fmt: skip

    def test_probes_find_entangled_optimized_codes(self, tmp_path: Path) -> None:
        found = {
            (row.codes, row.subject): row
            for row in measure(tmp_path, 0.0, optimizes=True)
            if row.metric == "probe_linear.accuracy"
        }
        encoded, optimized = (found[kind, "class from content, K = 1"] for kind in ("encoded", "optimized"))
        assert encoded.n == optimized.n
        assert optimized.value > 0.9
        assert encoded.value < 0.6


class TestScores:
    def test_a_perfect_method_has_no_error(self, tmp_path: Path) -> None:
        found = measure(tmp_path, 0.0)
        assert set(transfers(found, "l1").values()) == {0.0}
        assert all(row.ci_low is not None for row in found if row.metric == "l1")
        assert (tmp_path / "one-shot.png").is_file()

    def test_noisy_class_codes_get_better_with_every_image(self, tmp_path: Path) -> None:
        error = list(transfers(measure(tmp_path, 0.8), "l1").values())
        assert error[0] > 1.5 * error[1] > 1.5 * error[2]

    def test_floors_and_ceiling_are_measured_too(self, tmp_path: Path) -> None:
        floors = [row for row in measure(tmp_path, 0.0) if row.codes == ""]
        assert {row.experiment for row in floors} == {"one-shot"}
        judged = {"class_agreement", "content_agreement", "both_agreement"}
        for floor in ("copy", "copy of A", "random", "class mean", "nearest class"):
            measured = {row.metric for row in floors if row.subject == floor}
            assert measured == judged | {"source_agreement", "l1"}
        assert {row.metric for row in floors if row.subject == "real"} == judged
        assert all(row.value is not None and row.value > 0 for row in floors if row.metric == "l1")

    def test_nothing_is_held_out_of_samples(self, tmp_path: Path) -> None:
        assert measure(tmp_path, 0.0, "samples") == []


def test_a_run_with_held_out_classes_shows_encoders_and_optimization(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    (Path("tiny.yaml")).write_text(
        Path("tiny.yaml").read_text().replace("pairs: 30,", "pairs: 30, optimization: 2,")
    )
    arguments = ["--methods", "lord,mlvae", "--split", "classes", "--experiments", "one-shot", "--verbose"]
    assert run(*TINY, *arguments) == 0
    rows = results()
    found = rows[rows["metric"] == "l1"].groupby("codes")["subject"].unique().apply(set)
    assert found["encoded"] == {"transfer, K = 1", "transfer, K = 5", "transfer, all"}
    ways = ("K = 1", "K = 5", "all")
    assert found["optimized"] == {f"{what}, {way}" for what in ("transfer", "reconstruction") for way in ways}
    assert set(rows.loc[rows["codes"] == "optimized", "method"]) == {"lord"}
    assert "held-out classes" in " ".join(capsys.readouterr().out.split())
    leaks = rows[rows["subject"].str.contains(" from ")].groupby("codes")["subject"].unique().apply(set)
    assert leaks["encoded"] == {"class from content, K = 1", "class from class, K = 1"}
    shared = {"class from content, K = 5", "class from content, all"}
    assert leaks["optimized"] == leaks["encoded"] | shared
    transfer, leakage = boards(rows, without_samples(rows))
    assert "ceiling: real images" in {row.texts[0] for row in transfer.rows if row.part == 2}
    assert leakage.columns[0] == "class leak ↓"
