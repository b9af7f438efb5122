"""Claims: confirmed, refuted, equivalent or undecided, by one quantity each, corrected for their number."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commandline import Run
from rich.console import Console
from scipy import stats
from synthetic import cell, measured, without_samples

from lordbench.config import registry
from lordbench.evaluation.measurement import Samples
from lordbench.lord import LordConfig
from lordbench.report.claims import claim_tables, claims_markdown
from lordbench.report.terminal import TerminalTable
from lordbench.results.claims import COLUMNS, Claim, check_claims, holm, read_claims, seeds_needed
from lordbench.results.leaderboard import REFERENCES
from lordbench.results.loading import SampleFiles
from lordbench.results.run_folder import Store
from lordbench.utils.errors import UserError

LPIPS = "content-transfer/encoded/transfer/lpips"
NOISE = np.array([0.0, 0.001, -0.001])


def claim(**other: Any) -> Claim:
    given = {"claim": "shared beats not", "source": "a paper", "dataset": "squares", "primary": LPIPS}
    given |= {"margin": 0.01}
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
        [
            (-0.1, 1, "confirmed"),
            (0.1, 1, "refuted"),
            (-0.1, 90, "undecided"),
            (0, 9, "undecided"),
            (0, 1, "equivalent"),
            (-0.002, 0.1, "equivalent"),
        ],
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

    def test_counts_are_whole_numbers_beside_claims_without_results(self) -> None:
        rows = pd.concat([*seeds_of("", NOISE), *seeds_of("noise=0", NOISE[::-1] + 0.1)], ignore_index=True)
        checked = check_claims([claim(), claim(better="nothing")], rows, SampleFiles([]))
        text = pd.read_csv(io.StringIO(checked.to_csv(index=False)), dtype=str)[["n", "seeds_needed"]]
        assert all(value.isdigit() for value in text.stack().dropna())
        assert len(text.dropna()) == 1

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

    def test_collapsed_trainings_confirm_nothing(self) -> None:
        collapse = measured(1.0, None, subject="reconstruction", metric="collapsed",
                            experiment="reconstruction", higher_is_better=None)  # fmt: skip
        worse = [
            cell(measured(float(v)), collapse, variant="noise=0", seed=i) for i, v in enumerate(0.9 + NOISE)
        ]
        line = found(seeds_of("", 0.3 - NOISE), worse)
        assert (line["verdict"], line["note"]) == ("", "collapsed: lord[noise=0]")
        assert np.isnan(line["p"])

    def test_neither_does_a_collapsed_training_of_the_row_that_is_claimed_to_be_better(self) -> None:
        collapse = measured(1.0, None, subject="reconstruction", metric="collapsed",
                            experiment="reconstruction", higher_is_better=None)  # fmt: skip
        better = [cell(measured(float(v)), collapse, seed=i) for i, v in enumerate(0.1 + NOISE)]
        line = found(better, seeds_of("noise=0", 0.3 - NOISE))
        assert (line["verdict"], line["note"]) == ("", "collapsed: lord")

    def test_the_preset_for_testing_confirms_nothing(self) -> None:
        tables = [table.assign(preset="smoke") for table in seeds_of("", 0.1 + NOISE)]
        tables += [table.assign(preset="smoke") for table in seeds_of("noise=0", 0.3 - NOISE)]
        assert found(tables)["note"] == "not in these results"

    def test_missing_results_are_noted(self) -> None:
        line = found(seeds_of("", np.array([0.1])))
        assert (line["n_seeds"], line["note"]) == (0, "not in these results")

    def test_splits_are_checked_separately(self) -> None:
        tables = seeds_of("", 0.1 + NOISE) + seeds_of("noise=0", 0.3 - NOISE)
        rows = pd.concat([*tables, *(table.assign(split="classes") for table in tables)], ignore_index=True)
        lines = check_claims([claim()], rows, SampleFiles([]))
        assert lines["split"].tolist() == ["classes", "samples"]
        assert list(lines.columns) == COLUMNS

    def test_only_the_primary_quantity_is_tested(self) -> None:
        tables = [
            cell(measured(v + e), measured(v, metric="l1"), variant=variant, seed=i)
            for variant, v in (("", 0.1), ("noise=0", 0.3)) for i, e in enumerate(NOISE)
        ]  # fmt: skip
        l1 = LPIPS.replace("lpips", "l1")
        lines = check_claims([claim(secondary=[l1, "a/b/c/d"])], pd.concat(tables), SampleFiles([]))
        assert lines["primary"].tolist() == [True, False, False]
        assert lines["verdict"].tolist() == ["confirmed", "", ""]
        assert lines["p_holm"].notna().tolist() == [True, False, False]
        assert lines["difference"].iloc[1] == pytest.approx(-0.2)

    def test_the_error_is_that_of_the_leaderboard(self) -> None:
        tables = [*seeds_of("", 0.10 + 3 * NOISE), *seeds_of("noise=0", 0.12 - 3 * NOISE)]
        tables += seeds_of("noise=1", 0.5 + 5 * NOISE)
        rows = pd.concat(tables, ignore_index=True)
        (line,) = check_claims([claim()], rows, SampleFiles([])).to_dict("records")
        expected = without_samples(rows).table.query("method_b == 'lord[noise=0]'").iloc[0]
        assert (line["ci_low"], line["p"]) == (expected["ci_low"], expected["p"])

    def test_the_error_of_one_quantity_is_not_that_of_another(self) -> None:
        """Learned codes have errors of their own, whatever that of encoded codes is."""
        own, other = 0.1 + NOISE[[1, 0, 2]], np.array([0.2, 0.9, 0.4])
        tables = [
            cell(measured(a, metric="kd"), measured(b, metric="kd", codes="learned"), seed=i)
            for i, (a, b) in enumerate(zip(own, other, strict=True))
        ]
        tables += seeds_of("noise=0", 0.2 + NOISE, metric="kd") + seeds_of(
            "noise=1", 0.3 - NOISE, metric="kd"
        )
        line = found(tables, primary=LPIPS.replace("lpips", "kd"), than="lord", than_codes="learned")
        expected = stats.ttest_rel(own, other)
        interval = expected.confidence_interval(0.95)
        assert (line["ci_low"], line["ci_high"]) == pytest.approx((interval.low, interval.high))
        assert line["p"] == pytest.approx(expected.pvalue)

    def test_p_values_are_corrected_for_all_claims_tested(self) -> None:
        """Each is significant alone, none of ten; a claim without results does not count."""
        rows = pd.concat([*seeds_of("", 0.1 + 0.3 * NOISE), *seeds_of("noise=0", 0.103 - 0.3 * NOISE)])
        one = check_claims([claim(margin=0.001)], rows, SampleFiles([]))
        missing = check_claims([claim(margin=0.001), claim(dataset="circles")], rows, SampleFiles([]))
        ten = check_claims([claim(margin=0.001)] * 10, rows, SampleFiles([]))
        assert one["verdict"].tolist() == ["confirmed"]
        assert missing["verdict"].tolist() == ["confirmed", ""]
        assert set(ten["verdict"]) == {"undecided"}
        assert ten["p_holm"].tolist() == pytest.approx([min(1, 10 * one["p"].iloc[0])] * 10)


def test_holm_by_hand() -> None:
    """Holm (1979): the smallest of n is multiplied by n, the next by n - 1; never below an earlier one."""
    assert holm(np.array([0.04, 0.01, 0.03, 0.9])) == pytest.approx([0.09, 0.04, 0.09, 0.9])
    assert holm(np.array([])).tolist() == []


@pytest.mark.parametrize(("sd", "margin"), [(0.01, 0.01), (0.02, 0.01), (0.001, 0.01), (0.5, 0.01)])
def test_seeds_needed_have_a_power_of_80_percent(sd: float, margin: float) -> None:
    """By the noncentral t distribution; one seed less has not."""

    def power(n: int) -> float:
        return float(stats.nct.sf(stats.t.ppf(0.975, n - 1), n - 1, margin / sd * np.sqrt(n)))

    n = int(seeds_needed(sd, margin))
    assert power(n) >= 0.8
    assert n == 2 or power(n - 1) < 0.8


class TestShown:
    LINES = check_claims(
        [claim(), claim(claim="round beats square", dataset="circles")],
        pd.concat([*seeds_of("", 0.1 + NOISE), *seeds_of("noise=0", 0.3 - NOISE)], ignore_index=True),
        SampleFiles([]),
    )

    def test_as_markdown(self) -> None:
        text = claims_markdown(self.LINES)
        assert "### Shared beats not (squares, samples split, preset quick)" in text
        assert "| LPIPS ↓ | 0.100 | 0.300 | -0.200 | -0.207 to -0.193 | 3 | < 0.001 | confirmed |" in text
        assert "Margin: 0.01; to find it with a power of 80 %, " in text
        assert "1 of 2 claims cannot be tested with these results" in text
        assert "round beats square" in text

    def test_claims_that_cannot_be_tested_take_one_line(self) -> None:
        lines = check_claims(read_claims(), cell(), SampleFiles([]))
        (table,) = claim_tables(lines)
        assert table.title.startswith("None of the 7 claims can be tested; run `lordbench run --preset ")
        assert table.header == table.notes == ()

    def test_on_a_terminal(self) -> None:
        stream = io.StringIO()
        Console(file=stream, width=100).print(*map(TerminalTable, claim_tables(self.LINES)), sep="\n")
        assert "lord (first) against lord[noise=0] (second); a paper" in stream.getvalue()
        assert "confirmed" in stream.getvalue()


class TestFiles:
    def test_those_of_the_papers_name_existing_components(self) -> None:
        claims = read_claims()
        experiments = set(registry.available("experiments"))
        datasets = set(registry.available("datasets"))
        assert len(claims) == 7
        for one in claims:
            assert one.dataset in datasets
            assert {text.split("/")[0] for text in (one.primary, *one.secondary)} <= experiments
            assert one.primary not in one.secondary
            # `transfer, all` of optimized codes has seen the answer.
            assert not (one.than_codes and any(", all/" in text for text in (one.primary, *one.secondary)))
            # The positive control is compared with a floor.
            for name in {one.better, one.than} - set(REFERENCES.values()):
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
            "- {claim: a, source: b, dataset: c, better: d, than: e, primary: lpips, margin: 1}",
            "- {claim: a, source: b, dataset: c, better: d, than: e, primary: a/b/c/d}",
            "- {claim: a, source: b, dataset: c, better: d, than: e, primary: a/b/c/d, margin: 0}",
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
            "claim: mine, source: me, dataset: squares, better: lord, than: 'lord[noise=0]', margin: 0.01, "
            f"primary: '{LPIPS}'"
        )
        Path("mine.yaml").write_text(f"- {{{mine}}}")
        assert run("claims", "results.csv", "--claims", "mine.yaml", "--format", "csv") == 0
        assert "confirmed" in capsys.readouterr().out
        assert run("claims", "results.csv", "--out", "claims.md") == 0
        assert Path("claims.md").read_text().startswith("### None of the 7 claims can be tested")
