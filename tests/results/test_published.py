"""Published numbers: as in their source, with it, and never among our results."""

from __future__ import annotations

from pathlib import Path

import pytest
from commandline import Run
from reporting import made_up_run

from lordbench.report.published import published_tables
from lordbench.results.published import published, tidy
from lordbench.utils.errors import UserError


def test_values_are_those_of_the_source() -> None:
    rows = tidy(published()).set_index(["method", "data", "quantity"])["value"]
    assert rows["Cycle-VAE (Jha et al. 2018)", "LineMod 256, 512", "class from content"] == 57.70
    assert rows["Mathieu et al. 2016", "MNIST 16, 16", "class from class"] == 98.52
    assert rows["Szabó et al. 2018, instance normalization", "ShapeNet cars", "class from class"] == 0.20


def test_every_table_says_where_it_was_read_and_what_to_mind() -> None:
    for table, shown in zip(published(), published_tables(published()), strict=True):
        assert table.caveats
        text = " ".join(shown.notes)
        assert table.source in text
        assert table.probe in text


def test_an_incomplete_table_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "- {title: t, source: s, data: d, probe: p, caveats: [], columns: {x: lower, y: lower},"
        " rows: [{method: m, data: d, values: [1.0]}]}"
    )
    with pytest.raises(UserError, match=r"mine\.yaml.*2 values are needed"):
        published(path)


class TestCommand:
    def test_without_runs_it_shows_them_alone(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("leaderboard", "--published", "--format", "markdown") == 0
        text = capsys.readouterr().out
        assert "| Cycle-VAE (Jha et al. 2018) | MNIST 16, 16 | 17.56 | 98.35 |" in text
        assert run("leaderboard") == 2

    def test_with_runs_they_are_tables_of_their_own(
        self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = made_up_run(tmp_path, {"lord": 0.1, "drnet": 0.2})
        assert run("leaderboard", str(folder), "--published", "--format", "markdown") == 0
        text = capsys.readouterr().out
        own = [table for table in text.split("\n\n") if "| lord" in table]
        assert own
        assert not any("17.56" in table for table in own)
        assert run("leaderboard", str(folder), "--published", "--format", "csv") == 2
