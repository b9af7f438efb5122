"""Tables of claims checked against results."""

from collections.abc import Iterator

import pandas as pd

from lordbench.report.boards import arrow, group_title
from lordbench.report.differences import NOT_CORRECTED
from lordbench.report.quantities import titles
from lordbench.report.tables import NONE, Row, Table, decimals, markdown, number
from lordbench.results.claims import NO_RESULTS
from lordbench.results.leaderboard import GROUP, QUANTITY

LEGEND = (
    "Confirmed: the 95 % interval of the paired difference lies on the claim's side of 0; refuted: on the "
    "other side; undecided: it contains 0. With one seed it does not cover the variation between trainings. "
    f"{NOT_CORRECTED}"
)
HEADER = ("in", "first", "second", "difference", "95 % interval", "seeds", "the claim is")
NUMBERS = ["value", "other", "difference", "ci_low", "ci_high"]


def claim_tables(checked: pd.DataFrame) -> list[Table]:
    """Make a table for each claim and group of `results.claims.check_claims`."""
    known = checked.astype(dict.fromkeys(GROUP, object)).fillna(dict.fromkeys(GROUP, ""))
    return [_table(*map(str, key), results=own) for key, own in known.groupby(["claim", *GROUP], sort=False)]


def claims_markdown(checked: pd.DataFrame) -> str:
    """Write the tables and the legend as Markdown that ends with a line break."""
    return "\n".join([*map(markdown, claim_tables(checked)), LEGEND]) + "\n"


def _table(claim: str, *group: str, results: pd.DataFrame) -> Table:
    where = group_title(group) if results["n_seeds"].any() else f"{group[0]}: {NO_RESULTS}"
    first = results.iloc[0]
    return Table(
        f"{claim[0].upper()}{claim[1:]} ({where})",
        HEADER,
        tuple(_rows(results)),
        right=frozenset(HEADER[1:-1]),
        lead=f"{first['better']} (first) against {first['than']} (second); {first['source']}",
    )


def _rows(results: pd.DataFrame) -> Iterator[Row]:
    names = titles(results)
    for i, result in enumerate(results.to_dict("records")):
        key = tuple(str(result[name]) for name in QUANTITY)
        name = names.get(key, "/".join(key))
        if not result["n_seeds"]:
            yield Row((name, *[NONE] * 4, "0", str(result["note"])))
            continue
        digits = decimals(pd.Series([result[column] for column in NUMBERS[:3]], dtype=float))
        *values, low, high = (number(result[column], digits) for column in NUMBERS)
        interval = f"{low} to {high}" if result["verdict"] else NONE
        verdict = str(result["verdict"] or result["note"])
        yield Row((name + arrow(results[i : i + 1]), *values, interval, str(result["n_seeds"]), verdict))
