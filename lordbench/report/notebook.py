"""Results in Python: what the commands of the same names show, as objects that a notebook displays.

Runs are run folders and results CSVs; `"reference"` names the results that ship with lordbench. Nothing here
imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lordbench.config.selectors import listed
from lordbench.report import figure_kinds
from lordbench.report.boards import method_names
from lordbench.report.differences import difference_tables, select
from lordbench.report.figures import Drawn, save
from lordbench.report.leaderboard import frame, read, render
from lordbench.report.page.page import write_report as write_page
from lordbench.report.summary import summaries
from lordbench.report.tables import markdown
from lordbench.results.archives import reference_runs, runs_named
from lordbench.results.differences import Differences
from lordbench.results.leaderboard import collect
from lordbench.results.names import label
from lordbench.utils.files import expanded

Run = Path | str
RUNS = (Path("runs"),)
"""Read where no run is named: where `run` writes."""


@dataclass(frozen=True, eq=False, repr=False)
class Tables:
    """Tables of results. A notebook shows them, and `print` writes them as Markdown.

    Attributes:
        title: a line.
        frame: the numbers, for further work.
        verdict: sentences about them; may be empty.
        markdown: verdict and tables.
    """

    title: str
    frame: pd.DataFrame
    verdict: tuple[str, ...]
    markdown: str

    def __repr__(self) -> str:
        return self.title

    def __str__(self) -> str:
        return self.markdown

    def _repr_markdown_(self) -> str:
        return self.markdown


def load_results(*runs: Run) -> pd.DataFrame:
    """Merge the rows of run folders and results CSVs: one value each, with `results.rows.COLUMNS`.

    Raises:
        UserError: there are none, or they cannot be compared.
    """
    return collect(_paths(runs))


def leaderboard(
    *runs: Run,
    metrics: str | Sequence[str] = (),
    group_by: str | Sequence[str] | None = None,
    reference: bool = False,
) -> Tables:
    """Compare methods, as `lordbench leaderboard` does.

    Args:
        runs: run folders and results CSVs; `runs` if none is named.
        metrics: show only these, e.g. `"lpips"` or `["lpips", "learned/transfer/lpips"]`.
        group_by: what the rows are, e.g. `"dataset"` or `["dataset", "seed"]`; everything else that differs
            becomes a column.
        reference: beside the results that ship with lordbench; the verdict says where they do not agree.

    Returns:
        The headline tables with mean ranks, or the requested table; `frame` is as in `leaderboard.csv`.

    Raises:
        UserError: there are no results, they cannot be compared, or a name is unknown.
    """
    columns = listed(group_by)
    against = reference_runs() if reference else ()
    group = None if columns is None else ",".join(columns)
    rows, compared, pivot, remarks = read(_paths(runs), group, listed(metrics) or (), against)
    verdict = (*(() if pivot else _verdict(rows, compared)), *remarks)
    said = "\n\n".join(verdict)
    tables = render(rows, "markdown", compared, pivot)
    title = f"leaderboard: {_contents(rows)}"
    return Tables(title, frame(rows, compared, pivot), verdict, f"{said}\n\n{tables}" if said else tables)


def differences(*runs: Run, metrics: str | Sequence[str] = ()) -> Tables:
    """Compare every two methods on the same samples and seeds, as `lordbench differences` does.

    Args:
        runs: run folders; `runs` if none is named. With one seed, the samples stored there are compared.
        metrics: those of the leaderboard if none is named.

    Returns:
        A table for each data set; `frame` is as in `differences.csv`, for these metrics.

    Raises:
        UserError: as `leaderboard`.
    """
    rows, compared, *_ = read(_paths(runs))
    shown = select(compared.table, listed(metrics) or ())
    text = "\n".join(map(markdown, difference_tables(shown)))
    return Tables(f"differences: {_contents(rows)}", shown.reset_index(drop=True), (), text)


def figure(kind: str, *runs: Run, out: Run | None = None, **options: Any) -> Drawn:
    """Draw a figure, as `lordbench figure` does.

    Args:
        kind: `forest`, `tradeoff`, `grid` or another of the command's.
        runs: run folders; `runs` if none is named.
        out: also write it to this .png, .svg or .pdf file.
        options: those of the command, e.g. `metric="ssim"`, `pairs=8`; of `forest` and `ranks`, `metrics`.

    Returns:
        A pair: `figure`, of Matplotlib, and `words`, what is seen.

    Raises:
        UserError: the kind or an option does not exist or is wrong, or the runs lack what it shows.
    """
    drawn = figure_kinds.draw(kind, _paths(runs), **options)
    if out is not None:
        save(drawn, expanded(out))
    return drawn


def write_report(*runs: Run, out: Run = "report") -> Path:
    """Write one page with all results, as `lordbench report` does, and return the path of its file.

    Raises:
        UserError: there are no results, or they cannot be compared.
    """
    return write_page(_paths(runs), expanded(out))


def _paths(runs: Sequence[Run]) -> tuple[Path, ...]:
    return tuple(path for run in runs for path in runs_named(run)) or RUNS


def _verdict(rows: pd.DataFrame, compared: Differences) -> tuple[str, ...]:
    """The sentences that a run ends with; of several data sets each behind the name of its own."""
    found = summaries(rows, compared)
    several = len(found) > 1
    return tuple(
        f"{summary.table.title}: {' '.join(summary.verdict)}" if several else " ".join(summary.verdict)
        for summary in found
    )


def _contents(rows: pd.DataFrame) -> str:
    """What is in rows: how many methods, data sets and seeds."""
    methods = method_names(rows)["method"].nunique()
    data = ", ".join(dict.fromkeys(map(label, rows["dataset"], rows["data_settings"])))
    seeds = ", ".join(map(str, sorted(set(rows["seed"]))))
    return f"{methods} method{'s' * (methods > 1)} on {data}; seed{'s' * (',' in seeds)} {seeds}"
