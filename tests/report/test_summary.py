"""A run ends with a summary: the headline quantities, and a verdict in a few sentences."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
from commandline import TINY, Run
from rich.console import Console
from synthetic import cell, measured, without_samples

from lordbench.report.boards import boards, with_entries
from lordbench.report.ranks import rank_boards
from lordbench.report.summary import (
    BELOW,
    FOR_TESTING,
    ONE_SEED,
    Summary,
    TerminalSummary,
    summaries,
    summarise,
)
from lordbench.results.leaderboard import aggregate
from lordbench.results.marks import marked

LEAK = {"experiment": "leakage", "subject": "class from content", "metric": "probe_best.normalized"}
COLLAPSED = {"experiment": "reconstruction", "subject": "reconstruction", "metric": "collapsed"}
FLOORS = (("copy", 0.3), ("copy of A", 0.25), ("real", 0.02))
VALUES = {"lord": (0.1, 0.2), "drnet": (0.2, 0.1), "mlvae": (0.4, 0.3)}
"""L1 of transfers, and the leak, by method."""


def rows(seeds: int = 1, collapsed: str = "", **other: str) -> pd.DataFrame:
    return pd.concat([
        cell(
            measured(l1 + 0.001 * seed, None, metric="l1"),
            measured(leak + 0.001 * seed, None, **LEAK),
            measured(float(method == collapsed), None, higher_is_better=None, **COLLAPSED),
            *(measured(value, None, metric="l1", subject=name, codes="") for name, value in FLOORS),
            method=method, seed=seed, started=f"2024-01-0{i + 1}T00:00:00", **other,
        )
        for i, (method, (l1, leak)) in enumerate(VALUES.items()) for seed in range(seeds)
    ], ignore_index=True)  # fmt: skip


def summary(table: pd.DataFrame) -> Summary:
    (found,) = summaries(table, without_samples(table))
    return found


class TestTable:
    def test_it_has_methods_the_best_floor_and_real_images(self) -> None:
        table = summary(rows()).table
        assert table.header == ("method", "L1 ↓", "class leak ↓")
        assert [row.texts[0] for row in table.rows] == ["lord", "drnet", "mlvae", "best floor", "real images"]
        assert [row.entries[0].value for row in table.rows] == [0.1, 0.2, 0.4, 0.25, 0.02]

    def test_ceilings_of_a_plug_in_keep_their_names(self) -> None:
        known = {"real": 0.02, "ceiling: oracle": 0.01, "floor: guess": 0.5}
        others = [measured(value, metric="l1", subject=name, codes="") for name, value in known.items()]
        table = summary(cell(measured(0.1, metric="l1"), *others)).table
        values = {row.texts[0]: row.entries[0].value for row in table.rows}
        assert values == {"lord": 0.1, "best floor": 0.5, "real images": 0.02, "ceiling: oracle": 0.01}

    def test_of_a_leak_it_has_shuffled_labels_and_what_pixels_reveal(self) -> None:
        pixels = LEAK | {"subject": "class from pixels", "codes": "", "higher_is_better": None}
        shuffled = LEAK | {"subject": "class from content, shuffled", "higher_is_better": None}
        table = pd.concat([
            cell(measured(0.2, **LEAK), measured(floor, **shuffled), measured(0.9, **pixels), method=method)
            for method, floor in (("lord", 0.01), ("drnet", 0.03))
        ])  # fmt: skip
        found = summary(table)
        values = {row.texts[0]: row.entries[0].value for row in found.table.rows}
        assert values == {"drnet": 0.2, "lord": 0.2, "best floor": pytest.approx(0.02), "real images": 0.9}
        assert not any("floor" in sentence for sentence in found.verdict)

    def test_a_floor_that_wins_by_construction_is_not_the_best(self) -> None:
        class_ = {"metric": "class_agreement", "higher_is_better": True}
        floors = [
            measured(value, subject=name, codes="", **class_)
            for name, value in (("copy", 1), ("copy of A", 0.1))
        ]
        other = cell(measured(0.6, **class_), *floors)
        both = other.assign(metric="both_agreement")
        assert [row.entries[0].value for row in summary(both).table.rows] == [0.6, 1.0]
        assert not summaries(other, without_samples(other))


class TestVerdict:
    def test_it_names_the_best_in_each_quantity(self) -> None:
        assert summary(rows(seeds=3)).verdict[:2] == [
            'Best: lord in L1; drnet in "class leak".',
            "Not better than a floor: mlvae in L1.",
        ]

    def test_it_names_those_that_are_no_better_than_a_floor(self) -> None:
        assert "Not better than a floor: mlvae in L1." in summary(rows(seeds=3)).verdict

    @pytest.mark.parametrize("seeds", [1, 3])
    def test_it_says_what_one_seed_cannot(self, seeds: int) -> None:
        assert (ONE_SEED in summary(rows(seeds)).verdict) == (seeds == 1)

    def test_a_method_of_one_seed_beside_others_of_three_is_named(self) -> None:
        found = rows(3)
        alone = found[(found["method"] != "drnet") | (found["seed"] == 0)]
        assert summary(alone).verdict[-1].startswith("drnet: one seed")

    def test_a_better_value_from_fewer_seeds_is_named(self) -> None:
        found = rows(3)
        best = found["method"].eq("lord") & found["seed"].gt(0)
        text = " ".join(summary(found[~best]).verdict)
        assert "Best: drnet in" in text
        assert "Better, but from fewer seeds: lord in L1." in text

    def test_seeds_that_collapsed_are_seeds(self) -> None:
        assert not any("seed" in one for one in summary(rows(3, collapsed="mlvae")).verdict)

    def test_it_names_collapsed_trainings(self) -> None:
        text = " ".join(summary(rows(3, collapsed="mlvae")).verdict)
        assert "Collapsed, which says nothing about the method: mlvae." in text
        assert "floor" not in text

    def test_a_name_of_several_words_is_quoted_and_ties_belong_to_a_quantity(self) -> None:
        both = {"metric": "both_agreement", "higher_is_better": True}
        table = pd.concat([
            cell(measured(0.5 + 0.01 * (seed % 2), None, **both), method=method, seed=seed)
            for method in ("lord", "drnet") for seed in range(4)
        ])  # fmt: skip
        assert summary(table).verdict[:2] == [
            'Best: drnet in "right in both".',
            'Not significantly different from the best: lord in "right in both".',
        ]

    def test_a_floor_that_no_method_beats_is_said_once(self) -> None:
        table = rows(seeds=3).replace({"value": {0.25: 0.01}})
        assert "Not better than a floor: all methods in L1." in summary(table).verdict


class TestTerminal:
    METRICS = (("both_agreement", True), ("l1", False), ("lpips", False))
    PROBES = ("class from content", "content from content")

    def headlines(self, methods: int, dataset: str = "squares") -> pd.DataFrame:
        """All headline quantities of photographs of labelled contents, by so many methods."""
        recon = {"experiment": "reconstruction", "subject": "reconstruction", "metric": "l1"}
        return pd.concat([
            cell(
                *(measured(0.1 * i + 0.1, metric=metric, higher_is_better=up) for metric, up in self.METRICS),
                *(measured(0.3, metric=metric, subject="copy", codes="", higher_is_better=up)
                  for metric, up in self.METRICS),
                measured(0.96, metric="both_agreement", subject="real", codes="", higher_is_better=True),
                measured(0.1 * i + 0.2, **recon),
                *(measured(0.2, **LEAK | {"subject": subject}) for subject in self.PROBES),
                method=f"method{i}", dataset=dataset, started=f"2024-01-01T00:00:{i:02}",
            )
            for i in range(methods)
        ], ignore_index=True)  # fmt: skip

    def lines(self, table: pd.DataFrame, *, whole: bool = False) -> list[str]:
        stream = io.StringIO()
        console = Console(width=80, height=24, file=stream, force_terminal=True, color_system=None)
        console.print(TerminalSummary(summaries(table, without_samples(table)), whole))
        return stream.getvalue().splitlines()

    def test_three_methods_fit_on_a_terminal_with_what_stands_below(self) -> None:
        lines = self.lines(self.headlines(3))
        for part in ("right in", "recon. L1", "kept", "best floor", "real images", "Best: ", "* best"):
            assert any(part in line for line in lines), part
        assert len(lines) + BELOW <= 24

    @pytest.mark.parametrize(("methods", "shown"), [(5, True), (6, False)])
    def test_many_methods_are_shown_without_intervals(self, methods: int, shown: bool) -> None:
        assert any("±" in line for line in self.lines(self.headlines(methods))) == shown

    def test_the_best_comes_first_unless_an_order_is_given(self) -> None:
        table = self.headlines(3)
        (found,) = summaries(table, without_samples(table))
        given = summarise(
            with_entries(marked(aggregate(table), without_samples(table))), methods=["method1", "method0"]
        )
        names = [[row.texts[0] for row in each.table.rows][:3] for each in (found, *given)]
        assert names == [["method2", "method1", "method0"], ["method1", "method0", "method2"]]

    def test_the_best_is_that_of_the_first_column_with_values(self) -> None:
        """Columns are those of all data sets together; this one has no transfers."""
        table = rows()
        table.loc[(table["metric"] == "l1") & (table["codes"] != ""), "value"] = float("nan")
        assert [row.texts[0] for row in summary(table).table.rows][:3] == ["drnet", "lord", "mlvae"]

    def test_nearly_all_methods_are_named_by_the_others(self) -> None:
        table = self.headlines(9)
        (found,) = summaries(table, without_samples(table))
        assert "all but method1 and method0 in L1 and LPIPS" in " ".join(found.verdict)

    def test_of_several_data_sets_the_verdicts_remain(self) -> None:
        table = pd.concat([self.headlines(3, name) for name in ("squares", "circles")], ignore_index=True)
        lines = self.lines(table)
        assert len(lines) + BELOW <= 24
        assert [line.partition(",")[0] for line in lines if "preset quick" in line] == ["circles", "squares"]
        assert sum(line.startswith("Best: ") for line in lines) == 2
        assert not any(line.startswith("method ") for line in lines)
        whole = self.lines(table, whole=True)
        assert sum(line.startswith("method ") for line in whole) == 2


class TestForTesting:
    @pytest.mark.parametrize("preset", ["smoke", "smoke[budget.images=64]"])
    def test_there_are_neither_marks_nor_ranks_but_a_warning(self, preset: str) -> None:
        table = rows(seeds=3, preset=preset)
        found = summary(table)
        assert found.verdict == [FOR_TESTING]
        assert found.marks <= {""}
        assert "the numbers mean nothing" in found.table.title
        board, *_ = boards(table, without_samples(table))
        assert "the numbers mean nothing" in board.title
        assert not any(entry.mark for row in board.rows for entry in row.entries)
        assert not rank_boards(table)


def test_a_run_prints_all_tables_only_if_asked(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run(*TINY, "--methods", "mlvae", "--experiments", "reconstruction")
    short = capsys.readouterr().out
    assert "PSNR" not in short
    assert ONE_SEED[:20] in short
    run(*TINY, "--methods", "mlvae", "--experiments", "reconstruction", "--verbose")
    assert len(capsys.readouterr().out.splitlines()) > len(short.splitlines())


def test_the_command_shows_what_the_run_showed_last(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*TINY, "--methods", "mlvae,drnet", "--experiments", "reconstruction") == 0
    shown = capsys.readouterr().out
    assert run("summary", "runs") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 7
    assert set(lines[3:7]) <= set(shown.splitlines())  # the order of methods may differ
    assert run("summary", "runs", "--columns", "psnr,ssim", "--format", "markdown", "--out", "s.md") == 0
    assert "| recon. PSNR ↑ | recon. SSIM ↑ |" in Path("s.md").read_text()
    assert run("summary", "runs", "--columns", "psrn") == 2
