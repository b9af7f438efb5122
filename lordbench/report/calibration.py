"""Calibration as tables: known truths beside what the instruments read."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lordbench.config import selectors
from lordbench.report.figures.values import LEAK
from lordbench.report.tables import NONE, Row, Table, interval_text, number
from lordbench.results.names import label

DIGITS = 3
SHORT = ("content-transfer", "leakage")
LEGEND = (
    "A reading misses if its whole 95 % interval lies further from the truth than the tolerance. Leakage is "
    "read by the best probe: a lower bound, so it may lie below a truth that few images show."
)


def truth_table(readings: pd.DataFrame) -> Table:
    """Make a table of all readings, those that miss first."""
    ordered = readings.sort_values("verdict", key=lambda verdicts: verdicts == "ok", kind="stable")
    rows = []
    for record in ordered.to_dict("records"):
        # The subject of transfers goes without saying, and so does the metric of leakage.
        quantity = record["metric"] if record["subject"] == "transfer" else record["subject"]
        if record["experiment"] not in SHORT:
            quantity = f"{record['experiment']}: {quantity}, {record['metric']}"
        value = number(record["value"], DIGITS)
        known = (f"{record['truth']} ±{record['tolerance']:g}", value, _interval(record))
        settings = selectors.parse(record["control"]).settings.values()
        control = " ".join(map(str, settings)) or record["control"]
        rows.append(Row((control, quantity.replace("_", " "), *known, str(record["verdict"]))))
    header = ("control", "quantity", "truth", "reads", "95 % interval", "")
    return Table(
        "Known truths and readings", header, tuple(rows), right=frozenset(header[2:5]), notes=(LEGEND,)
    )


def dose_table(rows: pd.DataFrame, doses: Mapping[tuple[str, float], str], probes: tuple[str, ...]) -> Table:
    """Make a table of known leakage against what each probe reads."""
    header = ("form", "truth", *(probe.removeprefix("probe_") for probe in probes))
    by_name = _leakage(rows)
    lines = []
    for (form, dose), name in doses.items():
        read = [by_name.get((name, f"{probe}.normalized")) for probe in probes]
        texts = (
            NONE if row is None else f"{number(row['value'], DIGITS)} ({_interval(row)})" for row in read
        )
        lines.append(Row((form, f"{dose:g}", *texts)))
    return Table(
        "Class leakage: known share of images whose content code carries the class, and normalized accuracy",
        header, tuple(lines), right=frozenset(header[1:]),
    )  # fmt: skip


def _leakage(rows: pd.DataFrame) -> dict[tuple[str, str], dict[Any, Any]]:
    """Rows of class leakage by control and metric."""
    leakage = rows[(rows[["experiment", "codes", "subject"]] == list(LEAK[1:4])).all(axis=1)]
    names = map(label, leakage["method"], leakage["variant"])
    return dict(zip(zip(names, leakage["metric"], strict=True), leakage.to_dict("records"), strict=True))


def _interval(row: Mapping[Any, Any]) -> str:
    return interval_text(row["ci_low"], row["ci_high"], DIGITS)
