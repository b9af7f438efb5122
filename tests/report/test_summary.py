"""A run ends with a summary: the headline quantities, and a verdict in a few sentences."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from commandline import TINY, Run
from rich.console import Console
from synthetic import cell, measured, without_samples

from lordbench.report.boards import boards
from lordbench.report.ranks import rank_boards
from lordbench.report.summary import FOR_TESTING, ONE_SEED, Summary, rich_summary, summaries

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
    def test_it_has_methods_the_best_floor_and_the_ceiling(self) -> None:
        table = summary(rows()).table
        assert table.header == ("method", "L1 ↓", "class leak ↓")
        assert [row.texts[0] for row in table.rows] == ["lord", "drnet", "mlvae", "best floor", "ceiling"]
        assert [row.entries[0].value for row in table.rows] == [0.1, 0.2, 0.4, 0.25, 0.02]

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
            "lord is best in L1.",
            "drnet is best in class leak.",
        ]

    def test_it_names_those_that_are_no_better_than_a_floor(self) -> None:
        assert "Not better than a floor: mlvae in L1." in summary(rows(seeds=3)).verdict

    @pytest.mark.parametrize("seeds", [1, 3])
    def test_it_says_what_one_seed_cannot(self, seeds: int) -> None:
        assert (ONE_SEED in summary(rows(seeds)).verdict) == (seeds == 1)

    def test_it_names_collapsed_trainings(self) -> None:
        text = " ".join(summary(rows(3, collapsed="mlvae")).verdict)
        assert "Collapsed, which says nothing about the method: mlvae." in text
        assert "floor" not in text

    def test_it_is_short(self) -> None:
        console = Console(width=80, file=io.StringIO())
        console.print(*rich_summary(summaries(rows(), without_samples(rows()))), sep="\n")
        lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
        assert len(lines) <= 22


class TestForTesting:
    @pytest.mark.parametrize("preset", ["smoke", "smoke[budget.images=64]"])
    def test_there_are_neither_marks_nor_ranks_but_a_warning(self, preset: str) -> None:
        table = rows(seeds=3, preset=preset)
        found = summary(table)
        assert found.verdict == [FOR_TESTING]
        assert not found.has_marks
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
