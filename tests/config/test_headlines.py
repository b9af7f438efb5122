"""Experiments and metrics declare the columns of tables; those of plug-ins show by default."""

from pathlib import Path

import pytest
from commandline import TINY, Run, results

from lordbench.config import registry
from lordbench.config.headlines import declared, metric_titles
from lordbench.config.summaries import shipped

DARKNESS = """
from typing import ClassVar
from lordbench.evaluation import PairMetric

class Darkness(PairMetric):
    title: ClassVar[str] = "darker"
    higher_is_better: ClassVar[bool] = False
    source: ClassVar[str] = "none"

    def __init__(self, device): pass
    def policy(self): return "mean over pixels"
    def __call__(self, fake, real):
        return (real.mean((1, 2, 3)) - fake.mean((1, 2, 3))).abs()
"""


def test_what_is_read_from_the_source_is_what_classes_declare() -> None:
    for name, values in shipped("experiments").items():
        assert values.get("headlines", {}) == registry.find("experiments", name).load().headlines, name
    for name, values in shipped("metrics").items():
        assert values.get("title", "") == registry.find("metrics", name).load().title, name


def test_columns_of_a_section_stand_together() -> None:
    sections = [each.section for each in declared()]
    assert [s for i, s in enumerate(sections) if i == 0 or sections[i - 1] != s] == list(
        dict.fromkeys(sections)
    )


def test_metrics_have_display_names() -> None:
    assert metric_titles()["ssim"] == "SSIM"
    assert metric_titles()["lpips"] == "LPIPS"


class TestOfAUsersMetric:
    @pytest.fixture(autouse=True)
    def ran(self, run: Run) -> None:
        Path("darkness.py").write_text(DARKNESS)
        arguments = [*TINY, "--methods", "mlvae", "--experiments", "reconstruction,content-transfer"]
        assert run(*arguments, "--plugins", "darkness.py") == 0

    def test_the_values_show_in_tables_with_its_title(self) -> None:
        table = Path("runs/leaderboard.md").read_text()
        assert "darker ↓" in table
        assert "recon. darker ↓" in table

    def test_tables_do_not_need_the_plug_in_later(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        Path("darkness.py").unlink()
        assert run("leaderboard", "runs", "--format", "markdown") == 0
        assert "recon. darker ↓" in capsys.readouterr().out

    def test_rows_say_how_it_is_called(self) -> None:
        rows = results()
        assert set(rows.loc[rows["metric"] == "darkness", "title"]) == {"darker"}
        assert set(rows.loc[rows["metric"] == "l1", "title"]) == {""}
