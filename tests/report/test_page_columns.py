"""Columns of the page that are hidden at first."""

from __future__ import annotations

import pandas as pd
from synthetic import cell, measured, without_samples

from lordbench.report.boards import boards, with_entries
from lordbench.report.page.columns import Wide, widened
from lordbench.report.tables import NOTHING
from lordbench.results.leaderboard import aggregate
from lordbench.results.marks import marked

LEAK = {"experiment": "leakage", "subject": "class from content"}


def wide(*cells: pd.DataFrame) -> list[Wide]:
    rows = pd.concat(cells, ignore_index=True)
    differences = without_samples(rows)
    means = with_entries(marked(aggregate(rows), differences))
    return list(widened(boards(rows, differences, means), means))


def test_they_have_what_else_is_measured_of_the_same_subjects_and_codes() -> None:
    transfer, leakage = wide(cell(
        measured(),
        measured(metric="psnr", value=20.0, higher_is_better=True),
        measured(metric="kd_vgg16", codes="learned"),
        measured(metric="psnr", value=None, reach=None, codes="optimized"),
        measured(metric="probe_best.normalized", **LEAK),
        measured(metric="probe_linear.normalized", value=0.05, **LEAK),
        measured(metric="probe_linear", value=0.06, **LEAK),
        measured(metric="nameless", **LEAK),
    ))  # fmt: skip
    assert transfer.table.header == ("method", "LPIPS ↓", "PSNR ↑")
    assert transfer.shown == 2
    assert [entry.value for entry in transfer.table.rows[0].entries] == [0.1, 20.0]
    assert leakage.table.header[leakage.shown :] == ("class leak, linear probe ↓",)
    assert leakage.table.rows[0].entries[-1].value == 0.05


def test_a_row_without_such_a_value_has_an_empty_place() -> None:
    own = cell(measured(), measured(metric="psnr", value=20.0, higher_is_better=True))
    (transfer,) = wide(own, cell(measured(0.2), method="drnet"))
    assert {row.texts[0]: row.entries[1] == NOTHING for row in transfer.table.rows} == {
        "lord": False, "drnet": True,
    }  # fmt: skip


def test_groups_have_their_own() -> None:
    other = cell(measured(), measured(metric="psnr", value=20.0, higher_is_better=True), dataset="circles")
    assert {each.table.group[0]: len(each.table.columns) for each in wide(cell(), other)} == {
        "squares": 1, "circles": 2,
    }  # fmt: skip
