"""Ranks by hand: by value in each seed, ties, collapsed trainings, missing methods, and means."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from synthetic import cell, measured

from lordbench.config.headlines import declared
from lordbench.evaluation.measurement import Measurement
from lordbench.report.ranks import rank_boards
from lordbench.results.names import QUANTITY
from lordbench.results.ranks import (
    NO_SEED,
    NOT_ALL,
    block_ranks,
    critical_difference,
    indistinguishable,
    mean_ranks,
    ranks,
)

TITLES = {(each.experiment, *each.headline[1:4]): each.headline.title for each in declared()}
KEYS = list(TITLES)
COLLAPSED = measured(1.0, None, experiment="reconstruction", subject="reconstruction", metric="collapsed",
                     higher_is_better=None)  # fmt: skip


def valued(
    values: dict[str, float | list[float]],
    quantity: tuple[str, ...] = KEYS[0],
    collapsed: tuple[tuple[str, int], ...] = (),
    **other: Any,
) -> pd.DataFrame:
    """Rows of one quantity, by method and seed: lower is better."""
    rows = []
    for method, its in values.items():
        for seed, value in enumerate(its if isinstance(its, list) else [its]):
            found: list[Measurement] = [measured(value, None, **dict(zip(QUANTITY, quantity, strict=True)))]
            found += [COLLAPSED] * ((method, seed) in collapsed)
            rows.append(cell(*found, method=method, seed=seed, **other))
    return pd.concat(rows, ignore_index=True)


def ranked(rows: pd.DataFrame) -> dict[str, float]:
    table = ranks(rows, TITLES)
    return dict(zip(table["method"], table["rank"], strict=True))


CLEAR: dict[str, float | list[float]] = {"a": 0.1, "b": 0.2, "c": 0.3}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (CLEAR, {"a": 1, "b": 2, "c": 3}),
        ({"a": 0.3, "b": 0.2, "c": 0.1}, {"a": 3, "b": 2, "c": 1}),
        ({"a": 0.1, "b": 0.1, "c": 0.1}, {"a": 2, "b": 2, "c": 2}),
        ({"a": 0.1, "b": 0.1, "c": 0.2}, {"a": 1.5, "b": 1.5, "c": 3}),
        # Values as close as can be told are ranked all the same: only equal ones tie.
        ({"a": 0.1, "b": 0.1 + 1e-9}, {"a": 1, "b": 2}),
        ({"a": [0.1, 0.3], "b": [0.2, 0.2], "c": [0.3, 0.4]}, {"a": 1.5, "b": 1.5, "c": 3}),
        # The second seed counts for nobody: c lacks it.
        ({"a": [0.1, 0.3], "b": [0.2, 0.2], "c": [0.3]}, {"a": 1, "b": 2, "c": 3}),
    ],
)
def test_ranks_by_hand(values: dict[str, float | list[float]], expected: dict[str, float]) -> None:
    found = ranked(valued(values))
    assert found == expected
    assert sum(found.values()) == len(found) * (len(found) + 1) / 2


def test_higher_is_better_if_the_metric_says_so() -> None:
    assert ranked(valued(CLEAR).assign(higher_is_better=True)) == {"a": 3, "b": 2, "c": 1}


def test_a_collapsed_training_ranks_last_whatever_its_value() -> None:
    """An unstable method cannot gain by its noise: in the seed in which it collapses it is last."""
    values: dict[str, float | list[float]] = {"a": [0.2, 0.2], "b": [0.3, 0.3], "unstable": [0.1, 0.1]}
    assert ranked(valued(values)) == {"a": 2, "b": 3, "unstable": 1}
    assert ranked(valued(values, collapsed=(("unstable", 1),))) == {"a": 1.5, "b": 2.5, "unstable": 2}
    both = (("unstable", 1), ("b", 1))
    assert ranked(valued(values, collapsed=both)) == {"a": 1.5, "b": 2.75, "unstable": 1.75}


def test_without_a_seed_that_all_have_there_is_no_rank() -> None:
    other = valued({"c": [0.1, 0.2]}).query("seed == 1")
    table = ranks(pd.concat([valued({"a": 0.1, "b": 0.2}), other]), TITLES)
    assert table["rank"].isna().all()
    assert set(table["note"]) == {NO_SEED}
    assert mean_ranks(table).empty


def test_floors_single_methods_and_quantities_outside_the_headline_have_no_rank() -> None:
    floor = measured(0.4, subject="copy", codes="")
    rows = pd.concat(
        [cell(measured(), floor), valued(CLEAR, ("leakage", "encoded", "x", "homemade"), dataset="x")]
    )
    assert ranks(rows, TITLES).empty
    assert rank_boards(rows) == []


def test_a_quantity_without_a_direction_has_no_rank() -> None:
    assert ranks(valued(CLEAR).assign(higher_is_better=None), TITLES).empty


class TestMeans:
    def test_each_quantity_of_each_data_set_counts_once(self) -> None:
        rows = [
            valued(CLEAR, KEYS[0]),
            valued(CLEAR, KEYS[1]).assign(cell="x"),
            valued({"a": 0.3, "b": 0.1, "c": 0.1}, dataset="cars"),
        ]
        rows[1]["cell"] = rows[0]["cell"]
        means = mean_ranks(ranks(pd.concat(rows), TITLES)).set_index("method")
        assert dict(means["mean_rank"]) == pytest.approx({"a": 5 / 3, "b": 5.5 / 3, "c": 7.5 / 3})
        assert list(means.index) == ["a", "b", "c"]
        assert set(means["n_quantities"]) == {3}

    def test_a_quantity_that_a_method_lacks_counts_for_none(self) -> None:
        rows = pd.concat([valued(CLEAR), valued({"a": 0.2, "c": 0.1}, KEYS[1])])
        table = ranks(rows, TITLES)
        assert set(table.loc[~table["counted"].astype(bool), "note"]) == {NOT_ALL}
        assert list(mean_ranks(table)["mean_rank"]) == [1, 2, 3]
        (board,) = rank_boards(rows)
        assert f"({TITLES[KEYS[1]]} excluded: not all methods have it)" in board.notes[0]

    def test_methods_that_share_no_quantity_have_no_mean(self) -> None:
        (board,) = rank_boards(
            pd.concat([valued({"a": 0.1, "b": 0.2}), valued({"b": 0.1, "c": 0.2}, KEYS[1])])
        )
        assert [row.entries[0].value for row in board.rows] == [None, None, None]
        assert board.notes[0].startswith("Mean rank over the 0 metrics")

    def test_presets_are_kept_apart(self) -> None:
        boards = rank_boards(pd.concat([valued(CLEAR, preset="paper"), valued(CLEAR)]))
        assert [board.title for board in boards] == ["mean ranks, preset paper", "mean ranks, preset quick"]

    def test_several_data_sets_have_columns_of_their_own(self) -> None:
        other = valued({"a": 0.1, "b": 0.1, "c": 0.1}, dataset="cars")
        (board,) = rank_boards(pd.concat([valued(CLEAR), other]))
        assert len(board.columns) == 3
        entries = {row.texts[0]: [entry.value for entry in row.entries] for row in board.rows}
        assert entries == {"a": [1.5, 2, 1], "b": [2, 2, 2], "c": [2.5, 2, 3]}
        assert all(entry.mark == "" for row in board.rows for entry in row.entries)

    def test_tables_of_different_methods_have_no_mean_over_both(self) -> None:
        (board,) = rank_boards(pd.concat([valued(CLEAR), valued({"a": 0.2, "d": 0.1}, dataset="cars")]))
        assert len(board.columns) == 2
        entries = {row.texts[0]: [entry.value for entry in row.entries] for row in board.rows}
        assert entries == {"a": [2, 1], "b": [None, 2], "c": [None, 3], "d": [1, None]}
        assert "No overall mean: the tables compare different methods." in board.notes


class TestBlocks:
    def test_a_block_has_one_rank_for_each_method_over_all_metrics(self) -> None:
        first = valued({"lord": [0.1, 0.3], "drnet": [0.2, 0.2], "mlvae": [0.3, 0.1]}, KEYS[0])
        second = valued({"lord": [0.2, 0.2], "drnet": [0.3, 0.3], "mlvae": [0.1, 0.1]}, KEYS[1])
        third = valued({"lord": [0.1, 0.1], "drnet": [0.2, 0.2], "mlvae": [0.3, 0.3]}, KEYS[2])
        found = block_ranks(pd.concat([first, second, third], ignore_index=True), TITLES)
        # Mean ranks of lord, drnet and mlvae: 4/3, 7/3, 7/3 in seed 0 and 2, 7/3, 5/3 in seed 1.
        assert found[["lord", "drnet", "mlvae"]].to_numpy().tolist() == [[1, 2.5, 2.5], [2, 3, 1]]

    def test_blocks_are_data_sets_and_seeds(self) -> None:
        own = valued({"lord": [0.1, 0.1], "drnet": [0.2, 0.2]})
        other = valued({"lord": 0.3, "drnet": 0.2}, dataset="circles")
        found = block_ranks(pd.concat([own, other], ignore_index=True), TITLES)
        assert [(index[0], index[-1]) for index in found.index] == [
            ("circles", 0),
            ("squares", 0),
            ("squares", 1),
        ]
        assert found["lord"].tolist() == [2, 1, 1]

    def test_only_methods_of_all_groups_and_seeds_of_all_methods_count(self) -> None:
        own = valued({"lord": [0.1, 0.1], "drnet": [0.2], "mlvae": [0.05, 0.05]})
        other = valued({"lord": [0.1], "drnet": [0.2]}, dataset="circles")
        found = block_ranks(pd.concat([own, other], ignore_index=True), TITLES)
        assert sorted(found.columns) == ["drnet", "lord"]
        assert len(found) == 2

    def test_a_metric_that_a_method_lacks_counts_for_none(self) -> None:
        own = valued({"lord": 0.1, "drnet": 0.2, "mlvae": 0.3})
        other = valued({"lord": 0.4, "mlvae": 0.1}, KEYS[1])
        found = block_ranks(pd.concat([own, other], ignore_index=True), TITLES)
        assert found[["lord", "drnet", "mlvae"]].to_numpy().tolist() == [[1, 2, 3]]

    def test_presets_for_testing_have_no_blocks(self) -> None:
        assert block_ranks(valued({"lord": 0.1, "drnet": 0.2}, preset="smoke"), TITLES).size == 0

    def test_the_critical_difference_of_demsars_example(self) -> None:
        # Section 3.2.2: four classifiers on 14 data sets.
        assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)

    def test_bars_join_the_longest_runs_within_the_gap(self) -> None:
        assert indistinguishable([1.0, 1.5, 2.5, 4.0], 1.6) == [(0, 2), (2, 3)]
        assert indistinguishable([1.0, 2.0, 3.0], 0.5) == []
        # A difference of exactly the critical one is significant.
        assert indistinguishable([1.0, 2.0], 1.0) == []
