"""Claims of papers about methods, checked against results by paired differences."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, Field
from scipy import special

from lordbench.results.differences import Method, Quantity
from lordbench.results.leaderboard import as_records, by_seed, grouped
from lordbench.results.loading import SampleFiles
from lordbench.results.names import GROUP, QUANTITY, is_for_testing
from lordbench.utils.errors import UserError
from lordbench.utils.files import plugin_folder
from lordbench.utils.settings import read_yaml, validated

NAN = float("nan")
NO_RESULTS = "not in these results"
COLUMNS = [
    "claim", "source", *GROUP, *QUANTITY, "primary", "better", "than", "value", "other", "difference",
    "ci_low", "ci_high", "n", "n_seeds", "higher_is_better", "margin", "p", "p_holm", "seeds_needed",
    "verdict", "note",
]  # fmt: skip
"""Columns of `check_claims`."""
SIGNIFICANCE, POWER = 0.05, 0.8
Path4 = Annotated[str, Field(pattern=r"^[^/]+/[^/]*/[^/]+/[^/]+$")]


class Claim(BaseModel, extra="forbid", frozen=True):
    """A claim, in words and from a source, that one table row is better than another, as tables name them.

    It is tested in the quantity `primary`, EXPERIMENT/CODES/SUBJECT/METRIC; those of `secondary` are only
    listed. Differences up to `margin`, in the unit of the primary quantity, do not matter. `than_codes` are
    codes of the other row's values, if not those of the quantity.
    """

    claim: str
    source: str
    dataset: str
    better: str
    than: str
    than_codes: str | None = None
    primary: Path4
    margin: float = Field(gt=0)
    secondary: list[Path4] = []


class _Claims(BaseModel):
    claims: list[Claim]


def read_claims(path: Path | None = None) -> list[Claim]:
    """Read claims from a YAML file, by default the shipped one; UserError if it or an entry is wrong."""
    path = path or plugin_folder("configs") / "claims.yaml"
    claims = read_yaml(path)
    if not isinstance(claims, list):
        raise UserError(
            f"{path}: it is no list of claims", "Begin each with a dash, as in configs/claims.yaml."
        )
    return validated(_Claims, {"claims": claims}, str(path)).claims


def check_claims(claims: Sequence[Claim], rows: pd.DataFrame, files: SampleFiles) -> pd.DataFrame:
    """Check claims: is the row that is claimed to be better significantly better in the primary quantity?

    Differences are those of `differences.Differences`; here the two values may also be of different codes of
    one method. The p values of all claims tested here are corrected together (Holm 1979).

    Returns:
        A row for each claim, group with that data set, and quantity, with `COLUMNS`: `value` and `other` are
        means over the common seeds. Rows of the primary quantity have `p_holm`, the number of seeds that
        would find a difference of `margin` with a power of 80 % (NA from one seed), and the verdict:
        `equivalent` if the interval lies within the margin, else `confirmed` or `refuted` if `p_holm` is
        below 5 %, else `undecided`; empty without an interval, and `note` says why. A claim without results
        has no group.
    """
    rows = by_seed(rows)
    rows = rows[rows["value"].notna()]
    records = [record for claim in claims for record in _check(claim, rows, files)]
    table = pd.DataFrame.from_records(records, columns=COLUMNS)
    tested = table["primary"] & table["p"].notna()
    table.loc[tested, "p_holm"] = holm(table.loc[tested, "p"].to_numpy(dtype=float))
    table.loc[tested, "verdict"] = [_verdict(row) for row in table[tested].to_dict("records")]
    return table.astype({"n": "Int64", "seeds_needed": "Int64"})


def holm(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Correct p values, (N,), for their number (Holm 1979)."""
    order = np.argsort(p)
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return corrected


def _verdict(row: dict[Hashable, Any]) -> str:
    if -row["margin"] < row["ci_low"] and row["ci_high"] < row["margin"]:
        return "equivalent"
    if row["p_holm"] >= SIGNIFICANCE:
        return "undecided"
    return "confirmed" if (row["difference"] > 0) == row["higher_is_better"] else "refuted"


def seeds_needed(sd: float, margin: float) -> float:
    """Seeds for which a paired t test finds a difference of `margin` with `POWER`; NaN without an `sd`."""
    if np.isnan(sd):
        return sd
    if sd == 0:
        return 2
    quantile = 1 - SIGNIFICANCE / 2
    n = max(2, int(((special.ndtri(quantile) + special.ndtri(POWER)) * sd / margin) ** 2))
    while special.nctdtr(n - 1, margin / sd * np.sqrt(n), special.stdtrit(n - 1, quantile)) > 1 - POWER:
        n += 1
    return n


def _check(claim: Claim, rows: pd.DataFrame, files: SampleFiles) -> Iterator[dict[str, Any]]:
    shared = claim.model_dump(include={"claim", "source", "better", "than"})
    here = rows[rows["dataset"] == claim.dataset]
    for text in (claim.primary, *claim.secondary):
        quantity = dict(zip(QUANTITY, text.split("/"), strict=True))
        record = shared | quantity | {"primary": text == claim.primary, "margin": NAN, "verdict": ""}
        if text == claim.primary:
            record["margin"] = claim.margin
        first = _groups(here, quantity)
        second = first if claim.than_codes is None else _groups(here, quantity | {"codes": claim.than_codes})
        groups = [
            group
            for group in first
            if group in second
            and not is_for_testing(group[GROUP.index("preset")])
            and claim.better in first[group].methods
            and claim.than in second[group].methods
        ]
        for group in groups:
            methods = first[group].methods[claim.better], second[group].methods[claim.than]
            result = _compare(first[group], *methods, files)
            if collapsed := ", ".join(dict.fromkeys(side.name for side in methods if side.collapsed)):
                result |= {"p": NAN, "note": f"collapsed: {collapsed}"}
            record |= dict(zip(GROUP, group, strict=True)) | result
            record["seeds_needed"] = (
                seeds_needed(result["sd"], record["margin"]) if record["primary"] else NAN
            )
            yield dict(record)
        if not groups:
            yield record | {"dataset": claim.dataset, "n_seeds": 0, "note": NO_RESULTS}


def _groups(rows: pd.DataFrame, quantity: Mapping[str, str]) -> dict[tuple[Any, ...], Quantity]:
    """What is known of one quantity in each group; nothing if it has no direction of merit."""
    same = rows[(rows[QUANTITY] == list(quantity.values())).all(axis=1) & rows["higher_is_better"].notna()]
    return {group: Quantity.of(own) for group, own in grouped(as_records(same), GROUP).items()}


def _compare(quantity: Quantity, a: Method, b: Method, files: SampleFiles) -> dict[str, Any]:
    """The difference of two methods in one quantity, and the means of both over the common seeds."""
    common = a.values.keys() & b.values.keys()
    value, other = (float(pd.Series([side.values[seed].value for seed in common]).mean()) for side in (a, b))
    means = {"value": value, "other": other, "higher_is_better": quantity.higher_is_better}
    return quantity.compare(a, b, files)._asdict() | means | {"verdict": ""}
