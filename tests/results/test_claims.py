"""Claims: confirmed if the interval is on their side, refuted if it is on the other, else undecided."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commandline import Run
from rich.console import Console
from synthetic import cell, measured

from lordbench.config import registry
from lordbench.evaluation.measurement import Samples
from lordbench.lord import LordConfig
from lordbench.report.claims import claim_tables, claims_markdown
from lordbench.report.tables import rich_table
from lordbench.results.claims import COLUMNS, Claim, check_claims, read_claims
from lordbench.results.loading import SampleFiles
from lordbench.results.run_folder import Store
from lordbench.utils.errors import UserError

LPIPS = "content-transfer/encoded/transfer/lpips"
NOISE = np.array([0.0, 0.001, -0.001])


def claim(**other: Any) -> Claim:
    given = {"claim": "shared beats not", "source": "a paper", "dataset": "squares", "in": [LPIPS]}
    return Claim.model_validate(given | {"better": "lord", "than": "lord[noise=0]"} | other)


def seeds_of(variant: str, values: np.ndarray, **other: Any) -> list[pd.DataFrame]:
    return [cell(measured(float(v), **other), variant=variant, seed=i) for i, v in enumerate(values)]


def found(*tables: list[pd.DataFrame], **other: Any) -> dict[str, Any]:
    rows = pd.concat([table for its in tables for table in its], ignore_index=True)
    (line,) = check_claims([claim(**other)], rows, SampleFiles([])).to_dict("records")
    return {str(key): value for key, value in line.items()}


class TestVerdicts:
    @pytest.mark.parametrize(
        ("gap", "spread", "verdict"),
        [(-0.1, 1, "confirmed"), (0.1, 1, "refuted"), (-0.1, 90, "undecided"), (0, 1, "undecided")],
    )
    def test_lower_lpips_is_better_beyond_the_interval_only(
        self, gap: float, spread: float, verdict: str
    ) -> None:
        line = found(seeds_of("", 0.3 + gap + spread * NOISE), seeds_of("noise=0", 0.3 - NOISE))
        assert line["verdict"] == verdict
        assert line["difference"] == pytest.approx(gap)
        assert (line["value"], line["other"]) == (pytest.approx(0.3 + gap), pytest.approx(0.3))
        assert line["n_seeds"] == 3

    def test_higher_is_better_if_the_metric_says_so(self) -> None:
        both = (
            seeds_of("", 0.9 + NOISE, higher_is_better=True),
            seeds_of("noise=0", 0.3 - NOISE, higher_is_better=True),
        )
        assert found(*both)["verdict"] == "confirmed"

    def test_only_common_seeds_count(self) -> None:
        line = found(seeds_of("", np.array([0.1, 0.101, 9.0])), seeds_of("noise=0", np.array([0.3, 0.3])))
        assert (line["n_seeds"], line["value"]) == (2, pytest.approx(0.1005))

    def test_two_kinds_of_codes_of_one_method_are_compared(self) -> None:
        learned = seeds_of("", 0.3 + NOISE, codes="learned")
        both = [pd.concat(pair) for pair in zip(seeds_of("", 0.1 - NOISE), learned, strict=True)]
        line = found(both, than="lord", than_codes="learned")
        assert (line["verdict"], line["difference"]) == ("confirmed", pytest.approx(-0.2))

    def test_one_seed_is_compared_by_its_samples(self, tmp_path: Path) -> None:
        classes, generator = np.arange(60) % 6, np.random.default_rng(0)
        tables = []
        for variant, centre in (("", 0.1), ("noise=0", 0.2)):
            values = centre + 0.01 * generator.normal(size=60)
            values += centre - values.mean()
            row = measured(centre, 0.01, n=60).of_samples(Samples.of(values, classes))
            name = f"cell-{variant}"
            Store(tmp_path).cell(name).write_measurements("content-transfer", [row])
            tables.append(cell(row, variant=variant, cell=name))
        (line,) = check_claims([claim()], pd.concat(tables), SampleFiles([tmp_path])).to_dict("records")
        assert line["verdict"] == "confirmed"
        assert line["ci_low"] < -0.1 < line["ci_high"] < 0

    def test_without_an_interval_there_is_a_note_and_no_verdict(self) -> None:
        line = found(seeds_of("", np.array([0.1])), seeds_of("noise=0", np.array([0.3])))
        assert line["verdict"] == ""
        assert "no interval" in line["note"]

    def test_missing_results_are_noted(self) -> None:
        line = found(seeds_of("", np.array([0.1])))
        assert (line["n_seeds"], line["note"]) == (0, "not in these results")

    def test_splits_are_checked_separately(self) -> None:
        tables = seeds_of("", 0.1 + NOISE) + seeds_of("noise=0", 0.3 - NOISE)
        rows = pd.concat([*tables, *(table.assign(split="classes") for table in tables)], ignore_index=True)
        lines = check_claims([claim()], rows, SampleFiles([]))
        assert lines["split"].tolist() == ["classes", "samples"]
        assert list(lines.columns) == COLUMNS


class TestShown:
    LINES = check_claims(
        [claim(), claim(dataset="circles")],
        pd.concat([*seeds_of("", 0.1 + NOISE), *seeds_of("noise=0", 0.3 - NOISE)], ignore_index=True),
        SampleFiles([]),
    )

    def test_as_markdown(self) -> None:
        text = claims_markdown(self.LINES)
        assert "### Shared beats not (squares, samples split, preset smoke)" in text
        assert "| LPIPS ↓ | 0.100 | 0.300 | -0.200 | -0.205 to -0.195 | 3 | confirmed |" in text
        assert "### Shared beats not (circles: not in these results)" in text
        assert "| LPIPS | – | – | – | – | 0 | not in these results |" in text

    def test_on_a_terminal(self) -> None:
        stream = io.StringIO()
        Console(file=stream, width=100).print(*map(rich_table, claim_tables(self.LINES)), sep="\n")
        assert "lord (first) against lord[noise=0] (second); a paper" in stream.getvalue()
        assert "confirmed" in stream.getvalue()


class TestFiles:
    def test_those_of_the_papers_name_existing_components(self) -> None:
        claims = read_claims()
        experiments = set(registry.available("experiments"))
        datasets = set(registry.available("datasets"))
        assert len(claims) == 6
        for one in claims:
            assert one.dataset in datasets
            assert {text.split("/")[0] for text in one.quantities} <= experiments
            for name in (one.better, one.than):
                method, _, settings = name.split(" on ")[0].partition("[")
                assert method == "lord"
                for setting in filter(None, settings.rstrip("]").split(",")):
                    LordConfig.model_validate(dict([setting.split("=")]))

    @pytest.mark.parametrize(
        "text",
        [
            "- {claim: a}",
            "claim",
            "- [",
            "- {claim: a, source: b, dataset: c, better: d, than: e, in: [lpips]}",
        ],
    )
    def test_a_wrong_one_is_named(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "mine.yaml").write_text(text)
        with pytest.raises(UserError, match=r"mine\.yaml"):
            read_claims(tmp_path / "mine.yaml")

    def test_the_command_writes_them(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        rows = [*seeds_of("", 0.1 + NOISE), *seeds_of("noise=0", 0.3 - NOISE)]
        pd.concat(rows).to_csv("results.csv", index=False)
        mine = (
            f"claim: mine, source: me, dataset: squares, better: lord, than: 'lord[noise=0]', in: ['{LPIPS}']"
        )
        Path("mine.yaml").write_text(f"- {{{mine}}}")
        assert run("claims", "results.csv", "--claims", "mine.yaml", "--format", "csv") == 0
        assert "confirmed" in capsys.readouterr().out
        assert run("claims", "results.csv", "--out", "claims.md") == 0
        assert Path("claims.md").read_text().count("###") == 6
