"""Claims that papers make of methods, held against results by paired differences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from lordbench.results.differences import PairedValues, difference, line_of
from lordbench.results.leaderboard import GROUP, LINE, QUANTITY, by_seed, row_name
from lordbench.results.loading import SampleFiles
from lordbench.utils.errors import UserError
from lordbench.utils.files import plugin_folder
from lordbench.utils.settings import read_yaml, validated

VERDICTS = {"better": "confirmed", "worse": "refuted"}
"""Of a claim, by the verdict on its difference; any other stays as it is."""
NO_RESULTS = "not in these results"
COLUMNS = [
    "claim", "source", *GROUP, *QUANTITY, "better", "than", "value", "other",
    "difference", "ci_low", "ci_high", "n", "n_seeds", "higher_is_better", "verdict", "note",
]  # fmt: skip
"""Columns of `held`."""


class Claim(BaseModel):
    """That one line of a table is better than another one.

    Attributes:
        claim: in words.
        source: who makes it, and where.
        dataset: its name.
        better: the line that is said to be better, as tables name it.
        than: the other one.
        than_codes: codes of the other one's values, where they are not those of the quantity.
        quantities: in which, each as EXPERIMENT/CODES/SUBJECT/METRIC.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    claim: str
    source: str
    dataset: str
    better: str
    than: str
    than_codes: str | None = None
    quantities: Annotated[
        list[Annotated[str, Field(pattern=r"^[^/]+/[^/]*/[^/]+/[^/]+$")]], Field(min_length=1, alias="in")
    ]


class _Claims(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    claims: list[Claim]


def read_claims(path: Path | None = None) -> list[Claim]:
    """Read claims from a YAML file, or those that come with lordbench.

    Raises:
        UserError: the file cannot be read, or a key or value is wrong.
    """
    path = path or plugin_folder("configs") / "claims.yaml"
    try:
        values = read_yaml(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as YAML: {error}") from None
    return validated(_Claims, {"claims": values}, str(path)).claims


def check_claims(claims: Sequence[Claim], rows: pd.DataFrame, files: SampleFiles) -> pd.DataFrame:
    """Hold claims against results: is the line that is said to be better told apart from the other?

    Differences and their intervals are those of `paired.differences`; here the two values may also be of
    different codes of one method.

    Args:
        claims: to be held.
        rows: as from `collect`.
        files: of the run folders that the rows come from.

    Returns:
        A line for each claim, group with that data set, and quantity, with `COLUMNS`: `value` and `other` are
        means over the seeds that were compared; `verdict` is `confirmed`, `refuted` or `not told apart`, or
        empty where there is no interval, and `note` says why. What nothing is known of has no group.
    """
    rows = by_seed(rows)
    rows = rows[rows["value"].notna()]
    records = [record for claim in claims for record in _held(claim, rows, files)]
    return pd.DataFrame.from_records(records, columns=COLUMNS)


def _held(claim: Claim, rows: pd.DataFrame, files: SampleFiles) -> Iterator[dict[str, Any]]:
    said = {"claim": claim.claim, "source": claim.source, "better": claim.better, "than": claim.than}
    here = rows[rows["dataset"] == claim.dataset]
    names = [row_name(key) for key in here[LINE].itertuples(index=False, name=None)]
    here = here.assign(name=pd.Series(names, here.index, dtype=str))
    for text in claim.quantities:
        experiment, codes, subject, metric = text.split("/")
        quantity = {"experiment": experiment, "codes": codes, "subject": subject, "metric": metric}
        theirs = quantity | ({"codes": claim.than_codes} if claim.than_codes is not None else {})
        first, second = (
            here[(here["name"] == name) & (here[QUANTITY] == [its[key] for key in QUANTITY]).all(axis=1)]
            for name, its in ((claim.better, quantity), (claim.than, theirs))
        )
        found = False
        for group, own in first.groupby(GROUP, sort=False):
            other = second[(second[GROUP] == list(group)).all(axis=1)]
            if len(other):
                found = True
                place = dict(zip(GROUP, group, strict=True))
                yield said | place | quantity | _compared(own, other, files)
        if not found:
            nothing = {"dataset": claim.dataset, "n_seeds": 0, "verdict": "", "note": NO_RESULTS}
            yield said | quantity | nothing


def _compared(own: pd.DataFrame, other: pd.DataFrame, files: SampleFiles) -> dict[str, Any]:
    """The difference of two lines in one quantity, and both their values."""
    higher_is_better = bool(own["higher_is_better"].iloc[0])
    a, b = line_of(own), line_of(other)
    result = difference(a, b, files, higher_is_better)
    verdict = VERDICTS.get(result["verdict"], result["verdict"])
    return result | {
        "value": _mean(a, b),
        "other": _mean(b, a),
        "higher_is_better": higher_is_better,
        "verdict": verdict,
    }


def _mean(line: PairedValues, other: PairedValues) -> float:
    """Mean over the seeds that both have."""
    return float(pd.Series([line[seed].value for seed in line.keys() & other.keys()]).mean())
