"""docs/results-files.md names all columns of the files, with their types."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from synthetic import cell, measured

from lordbench.report.compare import CSV_COLUMNS
from lordbench.results import claims, differences, ranks
from lordbench.results.leaderboard import aggregate, wide
from lordbench.results.rows import COLUMNS, SCHEMA_VERSION, column_types

PAGE = Path(__file__).resolve().parents[2] / "docs" / "results-files.md"
QUANTITY = "content-transfer/encoded/transfer/lpips"


def documented(heading: str) -> dict[str, str]:
    """Names and types of the columns in the table below a heading."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([a-z ]+) \|[^|]*\| [^|]+ \|$", section, re.MULTILINE)
    assert len(rows) == section.count("\n| `"), "a table row has another form"
    return dict(rows)


def test_results() -> None:
    assert documented("`results.csv`") == column_types()
    assert tuple(documented("`results.csv`")) == COLUMNS
    assert f"`schema_version`, now {SCHEMA_VERSION}." in PAGE.read_text(encoding="utf-8")


def test_leaderboard() -> None:
    names = [name.replace("QUANTITY", QUANTITY) for name in documented("`leaderboard.csv`")]
    assert names == list(wide(aggregate(cell(measured())).assign(mark="")).columns)


@pytest.mark.parametrize(
    ("heading", "columns"),
    [
        ("`differences.csv`", differences.COLUMNS),
        ("`ranks.csv`", ranks.COLUMNS),
        ("`lordbench claims --format csv`", claims.COLUMNS),
        ("`lordbench compare --format csv`", CSV_COLUMNS),
    ],
)
def test_others(heading: str, columns: list[str]) -> None:
    assert list(documented(heading)) == columns


def test_types_are_those_of_the_values(tmp_path: Path) -> None:
    """Types as pandas infers them from rows without missing values."""
    cell(measured(unit="dB", note="a", policy="b"), git_sha="c", variant="d").to_csv(
        tmp_path / "r.csv", index=False
    )
    kinds = {"i": "whole number", "f": "number", "b": "truth value"}
    inferred = {
        name: kinds.get(dtype.kind, "text") for name, dtype in pd.read_csv(tmp_path / "r.csv").dtypes.items()
    }
    filled = {name for name, kind in documented("`results.csv`").items() if kind != "text"}
    assert {name: inferred[name] for name in filled} == {name: column_types()[name] for name in filled}
