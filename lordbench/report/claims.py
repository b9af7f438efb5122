"""Tables of claims checked against results."""

import math
from collections.abc import Iterator

import pandas as pd

from lordbench.report.boards import arrow
from lordbench.report.quantities import titles
from lordbench.report.tables import NONE, Row, Table, decimals, interval_text, markdown, number
from lordbench.results.names import GROUP, QUANTITY, group_title

LEGEND = (
    "A claim is tested in the first row; the others are only listed. Equivalent: the 95 % interval of the "
    "paired difference lies within the margin. Confirmed or refuted: p, corrected for all claims tested here "
    "(Holm), is below 0.05. Else undecided. With one seed, variation between trainings is not covered."
)
HINT = "run `lordbench run --preset experiments --seeds 0,1,2`"
HEADER = ("in", "first", "second", "difference", "95 % interval", "seeds", "p (Holm)", "the claim is")
NUMBERS = ["value", "other", "difference"]


def claim_tables(checked: pd.DataFrame) -> list[Table]:
    """Make a table for each claim and group of `check_claims`, and name those that cannot be tested."""
    primary = checked[checked["primary"].astype(bool)]
    has_results = primary["n_seeds"] > 0
    tables = []
    for key, own in checked.groupby(["claim", *GROUP], sort=False):
        if own.loc[own["primary"].astype(bool), "n_seeds"].sum():
            tables.append(_table(*map(str, key), results=own[own["n_seeds"] > 0]))
    untested = list(dict.fromkeys(primary.loc[~has_results, "claim"]))
    n_claims = checked["claim"].nunique()
    if len(untested) == n_claims:
        tables.append(Table(f"None of the {n_claims} claims can be tested; {HINT}."))
    elif untested:
        title = f"{len(untested)} of {n_claims} claims cannot be tested with these results; {HINT}"
        tables.append(Table(title, notes=(f"{'; '.join(untested)}.",)))
    return tables


def claims_markdown(checked: pd.DataFrame) -> str:
    """Write the tables and the legend as Markdown that ends with a line break."""
    return "\n".join([*map(markdown, claim_tables(checked)), LEGEND]) + "\n"


def _table(claim: str, *group: str, results: pd.DataFrame) -> Table:
    first = results.iloc[0]
    return Table(
        f"{claim[0].upper()}{claim[1:]} ({group_title(group)})",
        HEADER,
        tuple(_rows(results)),
        right=frozenset(HEADER[1:-1]),
        lead=f"{first['better']} (first) against {first['than']} (second); {first['source']}",
        notes=(_power(first["margin"], first["seeds_needed"]),),
    )


def _power(margin: float, needed: int | None) -> str:
    margin_text = f"Margin: {margin:g}"
    if needed is None or pd.isna(needed):
        return f"{margin_text}."
    return f"{margin_text}; to find it with a power of 80 %, {needed:,} seeds are needed."


def _rows(results: pd.DataFrame) -> Iterator[Row]:
    names = titles(results)
    for i, result in enumerate(results.to_dict("records")):
        key = tuple(str(result[name]) for name in QUANTITY)
        name = names.get(key, "/".join(key)) + arrow(results[i : i + 1])
        digits = decimals(pd.Series([result[column] for column in NUMBERS], dtype=float))
        values = (number(result[column], digits) for column in NUMBERS)
        interval = interval_text(result["ci_low"], result["ci_high"], digits)
        p = result["p_holm"]
        p_text = NONE if math.isnan(p) else f"{p:.3f}" if p >= 0.001 else "< 0.001"
        verdict = str(result["verdict"] or (result["note"] if result["primary"] else ""))
        yield Row((name, *values, interval, str(result["n_seeds"]), p_text, verdict))
