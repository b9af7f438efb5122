"""Claims of papers about methods, checked against results by paired differences."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import BaseModel, Field

from lordbench.results.differences import TIE, difference, values_by_seed
from lordbench.results.leaderboard import GROUP, LINE, QUANTITY, by_seed, row_name
from lordbench.results.loading import SampleFiles
from lordbench.utils.errors import UserError
from lordbench.utils.files import plugin_folder
from lordbench.utils.settings import read_yaml, validated

VERDICTS = {"better": "confirmed", "worse": "refuted", TIE: "undecided", "": ""}
"""Verdict on a claim by that on its difference."""
NO_RESULTS = "not in these results"
COLUMNS = [
    "claim", "source", *GROUP, *QUANTITY, "better", "than", "value", "other",
    "difference", "ci_low", "ci_high", "n", "n_seeds", "higher_is_better", "verdict", "note",
]  # fmt: skip
"""Columns of `check_claims`."""


class Claim(BaseModel, extra="forbid", frozen=True):
    """A claim, in words and from a source, that one table row is better than another, as tables name them.

    `than_codes` are codes of the other row's values, if not those of the quantity, which is
    EXPERIMENT/CODES/SUBJECT/METRIC.
    """

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
    claims: list[Claim]


def read_claims(path: Path | None = None) -> list[Claim]:
    """Read claims from a YAML file, by default the shipped one; UserError if it or an entry is wrong."""
    path = path or plugin_folder("configs") / "claims.yaml"
    try:
        values = read_yaml(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as YAML: {error}") from None
    return validated(_Claims, {"claims": values}, str(path)).claims


def check_claims(claims: Sequence[Claim], rows: pd.DataFrame, files: SampleFiles) -> pd.DataFrame:
    """Check claims: is the row that is claimed to be better significantly better?

    Differences are those of `differences.difference`; here the two values may also be of different codes of
    one method.

    Returns:
        A row for each claim, group with that data set, and quantity, with `COLUMNS`: `value` and `other` are
        means over the common seeds; `verdict` is `confirmed`, `refuted` or `undecided`, or empty without an
        interval, and `note` says why. A claim without results has no group.
    """
    rows = by_seed(rows)
    rows = rows[rows["value"].notna()]
    names = [row_name(key) for key in rows[LINE].itertuples(index=False, name=None)]
    rows = rows.assign(name=pd.Series(names, rows.index, dtype=str))
    records = [record for claim in claims for record in _check(claim, rows, files)]
    return pd.DataFrame.from_records(records, columns=COLUMNS)


def _check(claim: Claim, rows: pd.DataFrame, files: SampleFiles) -> Iterator[dict[str, Any]]:
    shared = claim.model_dump(include={"claim", "source", "better", "than"})
    here = rows[rows["dataset"] == claim.dataset]
    for text in claim.quantities:
        quantity = dict(zip(QUANTITY, text.split("/"), strict=True))
        other_quantity = quantity if claim.than_codes is None else quantity | {"codes": claim.than_codes}
        first = dict(list(_select(here, claim.better, quantity).groupby(GROUP, sort=False)))
        second = dict(list(_select(here, claim.than, other_quantity).groupby(GROUP, sort=False)))
        groups = [group for group in first if group in second]
        for group in groups:
            result = _compare(first[group], second[group], files)
            yield shared | dict(zip(GROUP, group, strict=True)) | quantity | result
        if not groups:
            missing = {"dataset": claim.dataset, "n_seeds": 0, "verdict": "", "note": NO_RESULTS}
            yield shared | quantity | missing


def _select(rows: pd.DataFrame, name: str, quantity: Mapping[str, str]) -> pd.DataFrame:
    """The rows of one method and quantity."""
    return rows[(rows["name"] == name) & (rows[QUANTITY] == list(quantity.values())).all(axis=1)]


def _compare(first: pd.DataFrame, second: pd.DataFrame, files: SampleFiles) -> dict[str, Any]:
    """The difference of two methods in one quantity, and the means of both over the common seeds."""
    higher_is_better = bool(first["higher_is_better"].iloc[0])
    a, b = values_by_seed(first), values_by_seed(second)
    result, common = difference(a, b, files, higher_is_better), a.keys() & b.keys()
    value, other = (float(pd.Series([side[seed].value for seed in common]).mean()) for side in (a, b))
    means = {"value": value, "other": other, "higher_is_better": higher_is_better}
    return result._asdict() | means | {"verdict": VERDICTS[result.verdict]}
