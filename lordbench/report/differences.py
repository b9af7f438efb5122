"""Tables of the paired differences of every two methods."""

from collections.abc import Collection, Iterator, Sequence

import pandas as pd

from lordbench.report.boards import arrow
from lordbench.report.quantities import Column, fits, keys, titled, titles
from lordbench.report.tables import Row, Table, decimals, footnotes, interval_text, number, with_legend
from lordbench.results.names import GROUP, QUANTITY, group_title
from lordbench.utils.errors import UserError, did_you_mean

NOT_CORRECTED = (
    "Not corrected for multiple comparisons: about 1 in 20 comparisons of equal methods looks significant."
)
LIST_LEGEND = (
    "a - b on the same test pairs and seeds, with 95 % intervals: for other trainings (several seeds: "
    "Student's t), and for these trainings (bootstrap over classes and content images). a is better or "
    f"worse: the first of them that exists does not contain 0. {NOT_CORRECTED}"
)
INTERVALS = {
    "other trainings": ("ci_low", "ci_high"),
    "these trainings": ("trainings_ci_low", "trainings_ci_high"),
}
"""Columns of a table, of which those without an interval are left out."""


def select(differences: pd.DataFrame, metrics: Collection[str]) -> pd.DataFrame:
    """Select differences in some metrics or quantities, or in the headline metrics if none is named.

    A name is a metric, in whatever experiment, or a quantity or parts of it as in `quantities.choose`.

    Raises:
        UserError: a name fits nothing here.
    """
    quantities = keys(differences[QUANTITY])
    if not metrics:
        return differences[quantities.isin(list(titles(differences)))]
    columns = [Column("", *key) for key in dict.fromkeys(quantities)]
    known = sorted(set(differences["metric"]))
    for name in metrics:
        if not any(fits(name, column) for column in columns):
            raise UserError(
                f"--metric {name}: no two methods are compared in it{did_you_mean(name, known)}",
                f"Compared are: {', '.join(known) or 'none'}.",
            )
    chosen = [column[1:] for column in columns if any(fits(name, column) for name in metrics)]
    return differences[quantities.isin(chosen)]


def difference_tables(differences: pd.DataFrame) -> list[Table]:
    """Make a table of all pairs for each group; the last one has the legend."""
    groups = differences.groupby(GROUP, sort=False)
    return with_legend([_list_table(group_title(group), own) for group, own in groups], LIST_LEGEND)


def _list_table(title: str, differences: pd.DataFrame) -> Table:
    # With one seed nothing is known of other trainings.
    several = differences.assign(ci_low=differences["ci_low"].where(differences["n_seeds"] > 1))
    columns = [name for name, (low, _) in INTERVALS.items() if several[low].notna().any()]
    header = ("a - b", "difference", *columns, "n", "seeds", "a is")
    rows: list[Row] = []
    notes, groups = {}, dict(list(several.groupby(QUANTITY, sort=False)))
    columns_of = titled((Column("", *map(str, key)) for key in groups), titles(differences))
    for (name, *_), own in zip(columns_of, groups.values(), strict=True):
        pairs = own["method_a"] + " and " + own["method_b"]
        notes[name] = list(zip(pairs, own["note"], strict=True))
        known = own[own["verdict"] != ""]
        if len(known):
            rows += [Row((name + arrow(own),)), *_list_rows(known, columns)]
    return Table(title, header, tuple(rows), right=frozenset(header[1:-1]), notes=footnotes(notes))


def _list_rows(known: pd.DataFrame, columns: Sequence[str]) -> Iterator[Row]:
    digits = decimals(known[["difference", "ci_high", "trainings_ci_high"]].abs().max())
    for record in known.to_dict("records"):
        pair = f"{record['method_a']} - {record['method_b']}"
        ends = ([record[end] for end in INTERVALS[name]] for name in columns)
        intervals = (interval_text(low, high, digits) for low, high in ends)
        difference, seeds = number(record["difference"], digits), str(record["n_seeds"])
        yield Row((pair, difference, *intervals, f"{record['n']:,}", seeds, str(record["verdict"])))
