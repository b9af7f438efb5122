"""Ranks by hand: significant differences, ties, missing methods, and means."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from lordbench.report.differences import rank_boards
from lordbench.report.quantities import SECTIONS
from lordbench.results.differences import COLUMNS, NOT_ALL, TIE, UNDECIDED, mean_ranks, ranks
from lordbench.results.leaderboard import GROUP, QUANTITY

TITLES = {c[1:]: c.title for columns in SECTIONS.values() for c in columns}
KEYS = list(TITLES)


def compared(verdicts: dict[str, str], quantity: tuple[str, ...] = KEYS[0], **other: Any) -> pd.DataFrame:
    """Differences in one quantity, of pairs written `a b`."""
    group = dict.fromkeys(GROUP, "") | {"dataset": "squares", "preset": "smoke"} | other
    shared = group | dict(zip(QUANTITY, quantity, strict=True)) | {"reference": False}
    records = [
        shared | dict(zip(("method_a", "method_b"), pair.split(), strict=True)) | {"verdict": verdict}
        for pair, verdict in verdicts.items()
    ]
    return pd.DataFrame.from_records(records, columns=COLUMNS)


def ranked(found: pd.DataFrame) -> dict[str, float]:
    table = ranks(found, TITLES)
    return dict(zip(table["method"], table["rank"], strict=True))


CLEAR = {"a b": "better", "a c": "better", "b c": "better"}


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (CLEAR, {"a": 1, "b": 2, "c": 3}),
        ({"a b": "worse", "a c": "worse", "b c": "worse"}, {"a": 3, "b": 2, "c": 1}),
        ({"a b": TIE, "a c": TIE, "b c": TIE}, {"a": 2, "b": 2, "c": 2}),
        ({"a b": TIE, "a c": "better", "b c": "better"}, {"a": 1.5, "b": 1.5, "c": 3}),
        ({"a b": "better", "a c": "better", "b c": TIE}, {"a": 1, "b": 2.5, "c": 2.5}),
        # Ties are not transitive: a is better than c, and b ties with both.
        ({"a b": TIE, "a c": "better", "b c": TIE}, {"a": 1.5, "b": 2, "c": 2.5}),
        ({"a b": "better"}, {"a": 1, "b": 2}),
    ],
)
def test_ranks_by_hand(verdicts: dict[str, str], expected: dict[str, float]) -> None:
    found = ranked(compared(verdicts))
    assert found == expected
    assert sum(found.values()) == len(found) * (len(found) + 1) / 2


def test_the_order_of_pairs_does_not_matter() -> None:
    verdicts = {"a b": TIE, "a c": "better", "b c": "better"}
    assert ranked(compared(dict(reversed(verdicts.items())))) == ranked(compared(verdicts))


def test_a_quantity_that_not_all_are_compared_in_is_not_ranked() -> None:
    table = ranks(compared({"a b": "better", "a c": "", "b c": TIE}), TITLES)
    assert table["rank"].isna().all()
    assert set(table["note"]) == {UNDECIDED}
    assert not table["counted"].any()
    assert mean_ranks(table).empty


def test_floors_and_quantities_outside_the_headline_have_no_rank() -> None:
    floors = compared({"a floor": "better"}).assign(reference=True)
    other = compared(CLEAR, ("leakage", "encoded", "x", "homemade"))
    assert ranks(pd.concat([floors, other]), TITLES).empty
    assert rank_boards(pd.concat([floors, other])) == []


class TestMeans:
    def test_each_quantity_of_each_data_set_counts_once(self) -> None:
        found = [
            compared(CLEAR, KEYS[0]),
            compared(CLEAR, KEYS[1]),
            compared({"a b": "worse", "a c": "worse", "b c": TIE}, dataset="cars"),
        ]
        means = mean_ranks(ranks(pd.concat(found), TITLES)).set_index("method")
        assert list(means.index) == ["a", "b", "c"]
        assert list(means["mean_rank"]) == pytest.approx([5 / 3, 5.5 / 3, 7.5 / 3])
        assert set(means["n_quantities"]) == {3}

    def test_a_quantity_that_a_method_lacks_counts_for_none(self) -> None:
        found = pd.concat([compared(CLEAR), compared({"a c": "worse"}, KEYS[1])])
        table = ranks(found, TITLES)
        assert set(table.loc[~table["counted"].astype(bool), "note"]) == {NOT_ALL}
        assert list(mean_ranks(table)["mean_rank"]) == [1, 2, 3]
        (board,) = rank_boards(found)
        assert f"({TITLES[KEYS[1]]} excluded: not all methods have it)" in board.notes[0]

    def test_methods_that_share_no_quantity_have_no_mean(self) -> None:
        found = pd.concat([compared({"a b": "better"}), compared({"b c": "better"}, KEYS[1])])
        (board,) = rank_boards(found)
        assert [row.entries[0].value for row in board.rows] == [None, None, None]
        assert board.notes[0].startswith("Mean rank over the 0 metrics")

    def test_presets_are_kept_apart(self) -> None:
        boards = rank_boards(pd.concat([compared(CLEAR), compared(CLEAR, preset="paper")]))
        assert [board.title for board in boards] == ["mean ranks, preset smoke", "mean ranks, preset paper"]

    def test_several_data_sets_have_columns_of_their_own(self) -> None:
        other = compared({"a b": TIE, "a c": TIE, "b c": TIE}, dataset="cars")
        (board,) = rank_boards(pd.concat([compared(CLEAR), other]))
        assert len(board.columns) == 3
        entries = {row.texts[0]: [entry.value for entry in row.entries] for row in board.rows}
        assert entries == {"a": [1.5, 1, 2], "b": [2, 2, 2], "c": [2.5, 3, 2]}
        assert all(entry.mark == "" for row in board.rows for entry in row.entries)

    def test_tables_of_different_methods_have_no_mean_over_both(self) -> None:
        found = pd.concat([compared(CLEAR), compared({"a d": "worse"}, dataset="cars")])
        (board,) = rank_boards(found)
        assert len(board.columns) == 2
        entries = {row.texts[0]: [entry.value for entry in row.entries] for row in board.rows}
        assert entries == {"a": [1, 2], "b": [2, None], "c": [3, None], "d": [None, 1]}
        assert "No overall mean: the tables compare different methods." in board.notes
