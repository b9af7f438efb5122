"""Tables on a terminal: nothing that must be read as one is broken, whatever the width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from lordbench.report.tables import Entry, Row, Table
from lordbench.report.terminal import TerminalTable

N_COLUMNS = 14
NAMES = ("lord", "drnet[noise=0.5]", "floor: nearest training class, content of A")


def entry(row: int, column: int) -> Entry:
    value = row + column / 1000
    reach = (1 + N_COLUMNS * row + column) / 10000
    return Entry(value, value - reach, value + reach, "best" if row == column % 3 else "floor")


TITLES = tuple(f"agreement{chr(97 + i)} of-{i} ↑" for i in range(N_COLUMNS))
WIDE = Table(
    "title",
    ("method", "seeds", *TITLES),
    tuple(
        Row((name, f"{i} (+1 †)"), tuple(entry(i, j) for j in range(N_COLUMNS)), 2 * (i == 2))
        for i, name in enumerate(NAMES)
    ),
    (4,) * N_COLUMNS,
    frozenset({"seeds"}),
)
TEXTS = Table(
    "title",
    ("a - b", "difference", "these trainings", "a is"),
    (
        Row(("LPIPS of something ↑",)),
        Row(("lord - drnet", "-0.0062", "-0.0082 to -0.0040", "not significantly different")),
    ),
    right=frozenset({"difference", "these trainings"}),
)


def lines(table: Table, width: int, *, margins: bool = True) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width).print(TerminalTable(table, margins))
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 120])
class TestEntries:
    def test_every_value_and_every_word_of_a_heading_stands_once_and_whole(self, width: int) -> None:
        words = " ".join(lines(WIDE, width)).split()
        for row in WIDE.rows:
            for value in row.entries:
                assert words.count(value.text(4)) == 1
                assert words.count(value.margin(4)) == 1
        for title in TITLES:
            assert [words.count(word) for word in title.split()[:2]] == [1, 1]

    def test_every_block_names_the_rows_and_counts_their_seeds(self, width: int) -> None:
        text = lines(WIDE, width)
        blocks = sum(set(line) == {"─"} for line in text)
        assert blocks == sum(line.startswith("method") for line in text)
        assert blocks == sum(line.startswith("lord ") for line in text)
        assert blocks == " ".join(text).count("1 (+1 †)")

    def test_no_line_is_wider_than_the_terminal(self, width: int) -> None:
        assert max(map(len, lines(WIDE, width))) <= width


def test_a_table_that_fits_is_not_divided() -> None:
    text = lines(WIDE, 250)
    assert sum(set(line) == {"─"} for line in text) == 1
    assert sum(NAMES[2] in line for line in text) == 1


def test_without_margins_a_row_has_one_line() -> None:
    text = lines(WIDE, 250, margins=False)
    assert not any("±" in line for line in text)
    assert len(text) == len(lines(WIDE, 250)) - len(NAMES)


@pytest.mark.parametrize("width", [40, 60, 80])
def test_columns_of_texts_break_between_words_only(width: int) -> None:
    text = lines(TEXTS, width)
    assert sum("-0.0082 to -0.0040" in line for line in text) == 1
    words = " ".join(text).split()
    for word in ("-0.0062", "difference", "trainings", "significantly", "different"):
        assert words.count(word) == 1
    assert max(map(len, text)) <= width
