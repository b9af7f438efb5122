"""Tables of paired differences and mean ranks, and the files and commands that show them."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commandline import TINY, Run, results
from rich.console import Console
from synthetic import cell, measured

from lordbench.evaluation.measurement import Samples
from lordbench.report.boards import LEGEND
from lordbench.report.differences import difference_tables
from lordbench.report.leaderboard import all_tables, render
from lordbench.report.ranks import RANKS_LEGEND
from lordbench.report.terminal import TerminalTable
from lordbench.results import differences, ranks
from lordbench.results.leaderboard import aggregate
from lordbench.results.loading import SampleFiles
from lordbench.results.run_folder import Store

SHORT = [*TINY, "--set", "budget.images=64", "--methods"]
TWO = [*SHORT, "drnet,mlvae"]
CLASSES = np.arange(60) % 6


def compared(folder: Path, **means: float) -> tuple[pd.DataFrame, differences.Differences]:
    """LPIPS of methods on the same samples, with differences that spread by 0.01, and of a floor at 0.2."""
    rows = []
    for seed, (method, mean) in enumerate(means.items()):
        found = []
        for subject, centre in (("transfer", mean), ("copy", 0.2)):
            generator = np.random.default_rng(seed if subject == "transfer" else 99)
            values = centre + 0.1 * (CLASSES - 2.5) + 0.01 * generator.normal(size=60)
            values += centre - values.mean()
            row = measured(
                centre, 0.1, n=60, subject=subject, codes="encoded" if subject == "transfer" else ""
            )
            found.append(row.of_samples(Samples.of(values, CLASSES)))
        rows.append(cell(*found, method=method, cell=method))
        Store(folder).cell(method).write_measurements("content-transfer", found)
    together = pd.concat(rows, ignore_index=True)
    return together, differences.Differences(together, SampleFiles([folder]))


class TestTables:
    def test_every_format_has_the_same_marks(self, tmp_path: Path) -> None:
        rows, found = compared(tmp_path, a=0.150, b=0.152, c=0.18)
        text = render(rows, "markdown", found)
        assert "| a | **0.150 ±0.100** \\* |" in text
        assert "| b | 0.152 ±0.100 ≈ |" in text
        assert "| c | 0.180 ±0.100 |" in text
        assert "differences from the best" not in text
        table = pd.read_csv(io.StringIO(render(rows, "csv", found)), keep_default_na=False)
        assert list(table["content-transfer/encoded/transfer/lpips_mark"]) == ["best", "tied", "", ""]
        assert r"0.152$^{\approx}$" in render(rows, "latex", found)
        stream = io.StringIO()
        Console(file=stream, width=100).print(*map(TerminalTable, all_tables(rows, found)), sep="\n")
        flat = " ".join(stream.getvalue().split())
        assert all(text in flat for text in (LEGEND, RANKS_LEGEND, "0.150 *", "0.152 ≈"))

    def test_one_method_has_no_rank(self, tmp_path: Path) -> None:
        rows, found = compared(tmp_path, a=0.15)
        assert "mean rank" not in render(rows, "markdown", found)

    def test_all_pairs_are_listed(self, tmp_path: Path) -> None:
        _, found = compared(tmp_path, a=0.15, c=0.18)
        (table,) = difference_tables(found.table)
        pairs = {row.texts[0]: row.texts for row in table.rows if len(row.texts) > 1}
        assert list(pairs) == ["a - c", "a - floor: copy of B", "c - floor: copy of B"]
        _, difference, these, n, seeds, verdict = pairs["a - c"]
        assert (difference, n, seeds, verdict) == ("-0.0300", "60", "1", "better")
        assert these.startswith("-0.0")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture
def two_runs(run: Run, shelf: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The output of a run of two methods, next to a copy of its folder for each test."""
    if not (shelf / "runs").exists():
        assert run(*TWO) == 0
        (shelf / "printed").write_text(capsys.readouterr().out)
        shutil.copytree("runs", shelf / "runs")
    else:
        shutil.copytree(shelf / "runs", "runs")
    return (shelf / "printed").read_text()


class TestRun:
    def test_it_writes_and_prints_them(self, two_runs: str) -> None:
        found = pd.read_csv("runs/differences.csv", keep_default_na=False, na_values={"difference": [""]})
        assert list(found.columns) == differences.COLUMNS
        l1 = found.query("metric == 'l1' and subject == 'transfer'")
        references = (
            "floor: copy of B",
            "floor: copy of A",
            "floor: random view of B's class",
            "floor: mean image of B's class",
            "true image, blurred 0.7 px",
            "true image, blurred 1 px",
            "true image, noise 0.05",
        )
        assert list(zip(l1["method_a"], l1["method_b"], strict=True)) == [
            ("drnet", "mlvae"),
            *(("drnet", reference) for reference in references),
            *(("mlvae", reference) for reference in references),
        ]
        assert (l1["verdict"] != "").all()
        assert "differences from the best" not in two_runs
        table = pd.read_csv("runs/ranks.csv", keep_default_na=False)
        assert list(table.columns) == ranks.COLUMNS
        assert set(table["method"]) == {"drnet", "mlvae"}
        assert "mean rank" in Path("runs/leaderboard.md").read_text()

    def test_differences_are_those_of_the_rows(self, two_runs: str) -> None:
        lines = aggregate(results()).set_index(["method", "experiment", "codes", "subject", "metric"])[
            "value"
        ]
        found = pd.read_csv("runs/differences.csv", keep_default_na=False)
        found = found[found["n_seeds"] == 1]
        assert len(found) > 30
        for line in found.to_dict("records"):
            where = line["experiment"], line["codes"], line["subject"], line["metric"]
            expected = lines[(line["method_a"], *where)] - lines[(line["method_b"], *where)]
            assert float(line["difference"]) == pytest.approx(expected)

    def test_every_mean_with_an_interval_is_compared(self, two_runs: str) -> None:
        """In a new run only the ceiling is measured on other samples."""
        found = pd.read_csv("runs/differences.csv", keep_default_na=False).query("verdict == ''")
        assert set(found["note"]) == {"scored on other samples"}
        assert set(found["method_b"]) == {"ceiling: real images"}

    def test_the_same_cells_give_the_same_files(self, run: Run, two_runs: str) -> None:
        assert run(*SHORT, "mlvae,drnet", "--out", "again") == 0
        for path in Path("runs/cells").rglob("*.npz"):
            assert path.read_bytes() == (Path("again") / path.relative_to("runs")).read_bytes()
        one, two = (
            pd.read_csv(f"{name}/differences.csv").query("method_b != 'mlvae' and method_b != 'drnet'")
            for name in ("runs", "again")
        )
        keys = [*differences.GROUP, *differences.QUANTITY, "method_a", "method_b"]
        pd.testing.assert_frame_equal(
            one.sort_values(keys, ignore_index=True),
            two.sort_values(keys, ignore_index=True),
            check_exact=True,
        )

    def test_lost_samples_break_nothing(
        self, run: Run, two_runs: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        first, *others = sorted(Path("runs/cells").rglob("content-transfer.npz"))
        first.unlink()
        for path in others:
            path.write_bytes(b"damaged")
        assert run("leaderboard", "runs") == 0
        assert "differences" in capsys.readouterr().out
        assert run("differences", "runs") == 0
        text = " ".join(capsys.readouterr().out.split())
        assert "no interval from one seed" in text
        assert "samples were not kept" in text
        assert "damaged" in text
        assert run(*TWO) == 0


class TestCommand:
    def test_table_and_csv(self, run: Run, two_runs: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("differences", "runs") == 0
        text = " ".join(capsys.readouterr().out.split())
        for part in (
            "L1 ↓",
            "drnet - mlvae",
            "recon. L1 ↓",
            "not significantly different",
            "scored on other samples",
        ):
            assert part in text
        assert run("differences", "runs", "--format", "csv") == 0
        assert capsys.readouterr().out == Path("runs/differences.csv").read_text()
        assert run("differences", "runs", "--metric", "psnr", "--format", "csv", "--out", "psnr.csv") == 0
        assert set(pd.read_csv("psnr.csv")["metric"]) == {"psnr"}
        assert (
            run("differences", "runs", "--metric", "reconstruction/l1", "--format", "csv", "--out", "l1.csv")
            == 0
        )
        found = pd.read_csv("l1.csv")[["subject", "metric"]].drop_duplicates()
        assert found.to_numpy().tolist() == [["reconstruction", "l1"]]

    def test_an_unknown_metric_is_named(
        self, run: Run, two_runs: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("differences", "runs", "--metric", "psrn") == 2
        assert "did you mean psnr" in capsys.readouterr().err

    def test_help_has_examples(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("differences", "--help") == 0
        assert "lordbench differences runs --metric lpips" in capsys.readouterr().out
