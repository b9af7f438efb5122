"""Calibration: what the instruments say of controls, whose truth is known."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from rich.console import Console

from lordbench.config.controls import LEAKS, NAME, OUTPUTS
from lordbench.results.names import QUANTITY, label
from lordbench.runner.plan import Request
from lordbench.runner.session import RunOptions, run_session
from lordbench.utils.errors import UserError

LEAKAGE = "leakage/encoded/class from content/probe_best.normalized"
PROBES = ("probe_best", "probe_linear", "probe_kernel", "probe_mlp")
TOLERANCES = {"linear": 0.05, "curved": 0.1, "spread": 0.1}
"""How far a reading of leakage may lie from the truth, by the form of the leak."""
AGREEMENT = "content-transfer/encoded/transfer/"
JUDGED = {
    "truth": ((0.9, 1), (0.9, 1), (0.85, 1), (0, 0)),
    "blurred": ((0.8, 1), (0.8, 1), (0.8, 1), (0, 0)),
    "noisy": ((0.8, 1), (0.8, 1), (0.8, 1), (0, 0)),
    "wrong-view": ((0.9, 1), (0, 0), (0, 0), (0, 0)),
    "class-mean": ((0, 1), (0, 0.1), (0, 0.1), (0, 0.1)),
    "copy-a": ((0, 0), (0.9, 1), (0, 0), (0.9, 1)),
    "copy-b": ((0.9, 1), (0, 0), (0, 0), (0, 0)),
    "constant": ((0, 0.1), (0, 0.1), (0, 0.1), (0, 0.1)),
}
"""Shares of outputs whose class, content, and both should be recognised, and whose class is taken for that of
A, from and to, by what controls show. A mean image may well be taken for its class."""
READ = {
    "retrieval/encoded/from class, class/top1": 1,
    "retrieval/encoded/from class, class/average_precision": 1,
    "retrieval/encoded/from content, content/top1": 1,
    "retrieval/encoded/from content, class/top1": 0,
    "retrieval/encoded/from class, content/top1": 0,
    "informativeness/encoded/from content, azimuth/normalized": 1,
    "informativeness/encoded/from content, elevation/normalized": 1,
    "informativeness/encoded/from class, azimuth/normalized": 0,
    "informativeness/encoded/from class, elevation/normalized": 0,
}
"""What else is read of the oracle's codes."""
DEPENDENCE = "dependence/encoded/class and content codes/distance_correlation"
COLUMNS = [
    "control", *QUANTITY, "truth", "tolerance", "value", "ci_low", "ci_high", "n", "verdict",
]  # fmt: skip
"""Columns of `calibration.csv`."""


class Truth(NamedTuple):
    """What a quantity, EXPERIMENT/CODES/SUBJECT/METRIC, of a control is known to be, from `low` to `high`."""

    control: str
    quantity: str
    low: float
    high: float
    tolerance: float


@dataclass(frozen=True)
class Calibration:
    """Readings beside truths: a data frame with `COLUMNS`, and the rows of the run."""

    readings: pd.DataFrame
    rows: pd.DataFrame

    @property
    def misses(self) -> pd.DataFrame:
        """The readings that miss their truth by more than their tolerance."""
        return self.readings[self.readings["verdict"] != "ok"]


def truths() -> Iterator[Truth]:
    """What is known of the controls' leakage, by every form and share, and of what they show."""
    for (form, leak), name in LEAKS.items():
        yield Truth(name, LEAKAGE, leak, leak, TOLERANCES[form])
        yield Truth(name, LEAKAGE.replace("/probe_best", ", shuffled/probe_best"), 0, 0, 0.05)
    for shown, known_shares in JUDGED.items():
        for metric, (low, high) in zip(("class", "content", "both", "source"), known_shares, strict=True):
            yield Truth(OUTPUTS[shown], f"{AGREEMENT}{metric}_agreement", low, high, 0.05)
    for metric in ("l1", "lpips_cost"):
        yield Truth(OUTPUTS["truth"], AGREEMENT + metric, 0, 0, 1e-6)
    for subject, known in (("class from class", 1), ("content from content", 1), ("content from class", 0)):
        yield Truth(NAME, f"leakage/encoded/{subject}/probe_best.normalized", known, known, 0.05)
    for quantity, known in READ.items():
        yield Truth(NAME, quantity, known, known, 0.05)
    yield Truth(NAME, DEPENDENCE, 0, 0, 0.02)
    # Codes depend on each other as soon as one holds the other's label; by how much is not known.
    yield Truth(LEAKS["linear", 1.0], DEPENDENCE, 0.1, 1, 0)


def calibrate(
    out: Path, dataset: str, preset: str, seed: int, options: RunOptions, messages: Console
) -> Calibration:
    """Run the controls in the folder `out`, as methods are run, and compare the results with their truths.

    Raises:
        UserError: a control cannot be made on this data set, or a cell failed.
    """
    parts: list[tuple[Mapping[Any, str], list[str]]] = [
        (LEAKS, ["leakage", "retrieval", "informativeness", "dependence"]),
        (OUTPUTS, ["content-transfer", "reconstruction"]),
    ]
    frames = []
    for methods, experiments in parts:
        request = Request(list(methods.values()), dataset, preset, experiments, seeds=[seed], split="samples")
        result = run_session(request, out, options, Console(quiet=True), messages)
        if result.failures:
            raise UserError(
                f"calibration failed: {result.failures[0]}", f"See {out}; run it again to resume."
            )
        frames.append(result.rows)
    rows = pd.concat(frames).drop_duplicates(["cell", *QUANTITY])
    return Calibration(read(rows, list(truths())), rows)


def read(rows: pd.DataFrame, known: Sequence[Truth]) -> pd.DataFrame:
    """Compare rows of results with truths: a row with `COLUMNS` for each truth that was measured.

    A reading misses its truth if its whole 95 % interval lies outside the tolerance.
    """
    names = list(map(label, rows["method"], rows["variant"]))
    quantities = rows[QUANTITY].agg("/".join, axis=1)
    found = dict(zip(zip(names, quantities, strict=True), rows.to_dict("records"), strict=True))
    records = []
    for truth in known:
        row = found.get((truth.control, truth.quantity))
        if row is not None and pd.notna(row["value"]):
            records.append(_record(truth, row))
    return pd.DataFrame.from_records(records, columns=COLUMNS)


def _record(truth: Truth, row: Mapping[Any, Any]) -> dict[str, Any]:
    value = row["value"]
    low, high = (value if pd.isna(row[end]) else row[end] for end in ("ci_low", "ci_high"))
    inside = low <= truth.high + truth.tolerance and high >= truth.low - truth.tolerance
    known = f"{truth.low:g}" if truth.low == truth.high else f"{truth.low:g} to {truth.high:g}"
    return {
        "control": truth.control,
        **{name: row[name] for name in QUANTITY},
        "truth": known,
        "tolerance": truth.tolerance,
        **{name: row[name] for name in ("value", "ci_low", "ci_high", "n")},
        "verdict": "ok" if inside else "misses",
    }
