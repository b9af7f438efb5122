"""The tables that stay in a run folder."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lordbench.files import write_text
from lordbench.report.sections import titles
from lordbench.report.tables import render
from lordbench.results.ranks import ranks


def write_tables(folder: Path, rows: pd.DataFrame, differences: pd.DataFrame) -> None:
    """Write `leaderboard.csv`, `leaderboard.md`, `differences.csv` and `ranks.csv`, each atomically.

    Args:
        folder: the run folder.
        rows: as from `collect`.
        differences: of these rows, as from `paired.differences`.
    """
    write_text(folder / "leaderboard.csv", render(rows, "csv"))
    write_text(folder / "leaderboard.md", render(rows, "markdown", differences))
    write_text(folder / "differences.csv", csv(differences))
    write_text(folder / "ranks.csv", csv(ranks(differences, titles(differences))))


def csv(table: pd.DataFrame) -> str:
    """Write a table as CSV, without its index."""
    return table.to_csv(index=False, lineterminator="\n")
