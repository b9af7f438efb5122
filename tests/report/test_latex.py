"""LaTeX: the exact bytes of tables with every kind of entry.

`golden/leaderboard.tex` was compiled and inspected. If the tables are changed on purpose, write `golden()` to
it, compile it and inspect it again.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from synthetic import cell, measured, without_samples

from lordbench.evaluation.measurement import Measurement
from lordbench.report.leaderboard import render
from lordbench.report.pivot import Pivot
from lordbench.report.tables import MOST_UNSCALED, Table, latex, latex_escape

GOLDEN = Path(__file__).parent / "golden" / "leaderboard.tex"
LEAK = {"experiment": "leakage", "subject": "class from content", "metric": "probe_best.normalized"}


def several(*values: float | None, **leak: float) -> list[Measurement]:
    """LPIPS, SSIM and class agreement with these values, and leakage."""
    metrics = (("lpips", False), ("ssim", True), ("class_agreement", True))
    found = [
        measured(value, None if metric == "ssim" else 0.01, metric=metric, higher_is_better=higher,
                 note="out of memory: 2 < 3 > 1" if value is None else "")
        for value, (metric, higher) in zip(values, metrics, strict=True)
    ]  # fmt: skip
    return [*found, measured(leak["leak"], 0.01, **LEAK), measured(0.25, subject="copy", codes="")]


def everything() -> pd.DataFrame:
    """Values with every mark; negative, missing, without interval; floors; special characters."""
    places = {"dataset": "folder:C\\faces|`a`", "preset": "quick"}
    cells = [
        cell(*several(0.10, 0.91, 0.9, leak=-0.004), method="lord", **places),
        cell(*several(0.11, 0.88, 0.7, leak=-0.001), method="lord", seed=1, **places),
        cell(*several(0.12, -0.2, 0.5, leak=0.31), method="lord", variant="noise=50%", **places),
        cell(*several(0.10, -0.3, 0.6, leak=0.21), method="lord", variant="noise=50%", seed=1, **places),
        cell(*several(0.3, 0.7, 0.2, leak=0.52), method="drnet", variant="a_b=1 & {c}", **places),
        cell(*several(None, 0.8, 0.1, leak=0.62), method="./x^2~#$.py", **places),
    ]
    return pd.concat(cells, ignore_index=True)


def golden() -> str:
    """The headline tables, and one with two names per row and data sets in columns."""
    rows = everything()
    both = pd.concat([rows[rows["metric"] == "lpips"], cell(measured(0.4), method="lord", dataset="cars")])
    return render(rows, "latex", without_samples(rows)) + render(
        both, "latex", without_samples(both), Pivot(("method", "split"), ("lpips",))
    )


def test_every_byte_is_as_inspected() -> None:
    assert golden().encode() == GOLDEN.read_bytes()


def test_every_kind_of_entry_is_in_it() -> None:
    text = GOLDEN.read_text()
    for part in (
        r"\textbf{0.105}", r"0.550$^{\approx}$", r"0.300$^{\bigtriangledown}$", r"\textbf{$-$0.003}",
        r"& $-$0.250", "0.700$^{?}$",
        "& --", r"{\scriptsize$\pm$0.064}", r"\midrule", r"\shortstack[r]{", r"\begin{tabular}{llrrr}",
        r"lord[noise=50\%]", r"drnet[a\_b=1 \& \{c\}]", r"x\textasciicircum{}2\textasciitilde{}\#\$",
        r"C\textbackslash{}faces\textbar{}\textasciigrave{}a\textasciigrave{}",
        r"2 \textless{} 3 \textgreater{} 1",
    ):  # fmt: skip
        assert part in text, part


@pytest.mark.parametrize(("n_columns", "scaled"), [(MOST_UNSCALED, False), (MOST_UNSCALED + 1, True)])
def test_only_tables_of_many_columns_are_scaled(n_columns: int, scaled: bool) -> None:
    text = latex([Table("cars", tuple("abcdefghij"[:n_columns]))])
    assert (r"\resizebox" in text) is scaled
    assert text.count("{") == text.count("}")


def test_captions_have_the_words_of_a_paper() -> None:
    group = ("cars", "n=2", "official classes", "smoke[budget.images=5]")
    leakage = Table("leakage (0: chance)", ("method",), group=group)
    text = latex([leakage, Table("mean ranks: all", ("method",))])
    assert re.findall(r"caption{(.*)}\\smallskip", text) == [
        "Leakage (0: chance) on cars[n=2], official held-out classes, smoke[budget.images=5] configuration "
        "(for testing: the numbers mean nothing)",
        "Mean ranks: all",
    ]


def test_special_characters_are_escaped() -> None:
    assert latex_escape("50% & a_b #1 {x} \\ < ~^") == (
        r"50\% \& a\_b \#1 \{x\} \textbackslash{} \textless{} \textasciitilde{}\textasciicircum{}"
    )
