"""References: what no method takes part in, as lines of their own beside the methods."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

REFERENCES = {
    "copy": "floor: copy of B",
    "random": "floor: random view of B's class",
    "input": "floor: the input unchanged",
    "real": "ceiling: real images",
    "class from pixels": "ceiling: pixels",
    "content from pixels": "ceiling: pixels",
}
"""Subjects that no method takes part in, and what they are called as lines of their own. What follows one
behind a comma is what it is about."""
REFERENCES_CODES = "encoded"
REFERENCES_STAND_FOR = {
    "class from pixels": r"class from (class|content)",
    "content from pixels": r"content from (class|content)",
}
"""Reference lines stand beside the methods in an experiment's columns of these codes and of subjects that
match, and that end with what the reference is about; those that are not named here, beside transfers."""


def references_once(rows: pd.DataFrame, group: Sequence[str], quantity: Sequence[str]) -> pd.DataFrame:
    """Turn the references' rows into lines of their own, one row per seed and quantity.

    Args:
        rows: with `row.COLUMNS`, each measurement once per cell.
        group: columns whose lines are comparable.
        quantity: columns that say what was measured.

    Returns:
        The same rows with the column `rank`: of references their place among each other, from 0; else -1.
    """
    parts = rows["subject"].str.partition(", ")
    is_reference = (rows["codes"] == "") & parts[0].isin(list(REFERENCES))
    references = rows[is_reference].assign(
        has_value=rows["value"].notna(), name=parts[0], about=parts[1] + parts[2]
    )
    references = references.sort_values(["has_value", "started", "cell"], kind="stable")
    references = references.drop_duplicates([*group, "seed", *quantity], keep="last")
    ranks = {name: i for i, name in enumerate(dict.fromkeys(REFERENCES.values()))}
    names = references["name"].map(REFERENCES)
    references = references.assign(
        method=names, variant="", labels="", rank=names.map(ranks), codes=REFERENCES_CODES
    )
    encoded = rows.loc[rows["codes"] == REFERENCES_CODES, [*group, "experiment", "subject"]].drop_duplicates()
    references = references.drop(columns="subject").merge(encoded, on=[*group, "experiment"])
    stands = [
        subject.endswith(about)
        and re.fullmatch(REFERENCES_STAND_FOR.get(name, "transfer.*"), subject) is not None
        for name, about, subject in references[["name", "about", "subject"]].itertuples(index=False)
    ]
    references = references[pd.Series(stands, references.index, dtype=bool)].drop(columns=["name", "about"])
    return pd.concat([rows[~is_reference].assign(rank=-1), references], ignore_index=True)
