"""Paired differences: from the best method, as mean ranks, and of every two methods."""

from collections.abc import Collection, Iterator
from dataclasses import replace

import pandas as pd

from lordbench.report.boards import EntryColumn, arrow, group_title, lay_out, method_names
from lordbench.report.quantities import Column, keys, pick, sections, titles
from lordbench.report.tables import Entry, Row, Table, decimals, footnotes, number, with_legend
from lordbench.results.differences import OTHER_SAMPLES, differences_from, mean_ranks, ranks, same_methods
from lordbench.results.leaderboard import GROUP, LINE, QUANTITY, aggregate, has_all_seeds, row_name
from lordbench.utils.errors import UserError, did_you_mean

NOT_CORRECTED = (
    "Not corrected for multiple comparisons: about 1 in 20 comparisons of equal methods looks significant."
)
DIFFERENCES_LEGEND = (
    "Difference from the best method (*), on the same test pairs and seeds, with its 95 % interval. With one "
    "seed it does not cover the variation between trainings. ≈ not significantly different (the interval "
    f"contains 0) or no interval. {NOT_CORRECTED}"
)
RANKS_LEGEND = (
    "Rank = 1 + number of significantly better methods + ½ per tie. A summary only: do not test methods by "
    "mean rank."
)
LIST_LEGEND = (
    "a - b on the same test pairs and seeds, with its 95 % interval. With one seed it does not cover the "
    f"variation between trainings. a is better or worse: the interval does not contain 0. {NOT_CORRECTED}"
)
LIST_HEADER = ("a - b", "difference", "interval", "n", "seeds", "a is")
RANK_DECIMALS = 2


def difference_boards(rows: pd.DataFrame, differences: pd.DataFrame) -> list[Table]:
    """Make a table of differences from the best method for each headline table of collected rows."""
    tables = []
    aggregated = aggregate(rows)
    for group, means in aggregated.assign(complete=has_all_seeds(aggregated)).groupby(GROUP, sort=False):
        here = differences[(differences[GROUP] == list(group)).all(axis=1)]
        for section, columns in sections(means):
            title = f"{group_title(group)}: {section}; differences from the best"
            from_best = {column: _from_best(pick(means, column), pick(here, column)) for column in columns}
            shown = [
                EntryColumn(column.title + arrow(own), decimals(pick(means, column)["value"]), _entries(own))
                for column, own in from_best.items()
                if own["difference"].notna().any()
            ]
            if shown:
                own = means[keys(means[QUANTITY]).isin([column[1:] for column in columns])]
                tables.append(lay_out(title, own, method_names(own), shown, _notes(from_best)))
    return tables


def _from_best(values: pd.DataFrame, differences: pd.DataFrame) -> pd.DataFrame:
    """Differences of all others from the best method in a column, of those with the most seeds."""
    values = values[~values["reference"] & values["value"].notna() & values["complete"]]
    if values.empty or differences.empty:
        return differences[:0]
    higher_is_better = bool(differences["higher_is_better"].iloc[0])
    best = values.sort_values("value", ascending=not higher_is_better, kind="stable").iloc[0]
    return differences_from(differences, row_name(list(best[LINE])))


def _notes(from_best: dict[Column, pd.DataFrame]) -> list[str]:
    notes: dict[str, list[tuple[str, str]]] = {}
    elsewhere: dict[str, None] = {}
    for column, own in from_best.items():
        other = own["note"] == OTHER_SAMPLES
        notes[column.title] = list(zip(own["method_a"], own["note"].mask(other, ""), strict=True))
        elsewhere |= dict.fromkeys(own.loc[other, "method_a"])
    unpaired = (f"No paired difference for '{name}': it was measured on other images." for name in elsewhere)
    return [*footnotes(notes), *unpaired]


def _entries(differences: pd.DataFrame) -> dict[tuple[str, ...], Entry]:
    """Entries of a column by the name of the method."""
    entries: dict[tuple[str, ...], Entry] = {(differences["method_b"].iloc[0],): Entry(0.0, mark="best")}
    known = differences[differences["difference"].notna()]
    for name, verdict, *values in keys(known[["method_a", "verdict", "difference", "ci_low", "ci_high"]]):
        entries[(name,)] = replace(Entry.of(*values), mark="" if verdict in ("better", "worse") else "tied")
    return entries


def rank_boards(differences: pd.DataFrame) -> list[Table]:
    """Make a table of mean ranks for each preset in which two methods or more are compared."""
    ranked = ranks(differences, titles(differences)).groupby("preset", sort=False)
    return [_rank_table(f"mean ranks, preset {preset}", own) for preset, own in ranked]


def _rank_table(title: str, ranked: pd.DataFrame) -> Table:
    """Methods by their mean rank: over all groups if these hold the same methods, and in each of several."""
    columns = {"mean rank ↓": mean_ranks(ranked)} if same_methods(ranked) else {}
    groups = [(group_title(group), own) for group, own in ranked.groupby(GROUP, sort=False)]
    if len(groups) > 1:
        means = {f"{name} ↓": mean_ranks(own, GROUP) for name, own in groups}
        columns |= {name: own for name, own in means.items() if len(own)}
    by_method = [own.set_index("method")["mean_rank"].to_dict() for own in columns.values()]
    names = dict.fromkeys([*(name for column in by_method for name in column), *ranked["method"]])
    return Table(
        title,
        ("method", *columns),
        tuple(Row((name,), tuple(Entry(column.get(name)) for column in by_method)) for name in names),
        (RANK_DECIMALS,) * len(columns),
        notes=tuple(_rank_notes(ranked)),
    )


def _rank_notes(ranked: pd.DataFrame) -> Iterator[str]:
    quantities = ranked.drop_duplicates([*GROUP, *QUANTITY])
    n_groups = len(ranked.drop_duplicates(GROUP))
    where = f" in {n_groups} tables" if n_groups > 1 else ""
    names = keys(quantities[QUANTITY]).map(titles(quantities))
    excluded = [
        f"{', '.join(dict.fromkeys(own))} excluded: {note}"
        for note, own in names.groupby(quantities["note"], sort=False)
        if note
    ]
    reasons = f" ({'; '.join(excluded)})" if excluded else ""
    counted = quantities["counted"].sum()
    yield f"Mean rank over the {counted} metrics{where} available for all methods{reasons}."
    if not same_methods(ranked):
        yield "No overall mean: the tables compare different methods."


def select(differences: pd.DataFrame, metrics: Collection[str]) -> pd.DataFrame:
    """Select differences in some metrics, or in the headline metrics if none is named.

    Raises:
        UserError: a metric is unknown here.
    """
    known = sorted(set(differences["metric"]))
    for name in metrics:
        if name not in known:
            raise UserError(
                f"--metric {name}: no two methods are compared in it{did_you_mean(name, known)}",
                f"Compared are: {', '.join(known) or 'none'}.",
            )
    if metrics:
        return differences[differences["metric"].isin(list(metrics))]
    return differences[keys(differences[QUANTITY]).isin(list(titles(differences)))]


def difference_tables(differences: pd.DataFrame) -> list[Table]:
    """Make a table of all pairs for each group; the last one has the legend."""
    groups = differences.groupby(GROUP, sort=False)
    return with_legend([_list_table(group_title(group), own) for group, own in groups], LIST_LEGEND)


def _list_table(title: str, differences: pd.DataFrame) -> Table:
    rows: list[Row] = []
    notes, names = {}, titles(differences)
    for key, own in differences.groupby(QUANTITY, sort=False):
        name = names.get(tuple(map(str, key)), "/".join(map(str, key)))
        pairs = own["method_a"] + " and " + own["method_b"]
        notes[name] = list(zip(pairs, own["note"], strict=True))
        known = own[own["ci_low"].notna()]
        if len(known):
            rows += [Row((name + arrow(own),)), *_list_rows(known)]
    return Table(title, LIST_HEADER, tuple(rows), right=frozenset(LIST_HEADER[1:-1]), notes=footnotes(notes))


def _list_rows(known: pd.DataFrame) -> Iterator[Row]:
    numbers = ["difference", "ci_low", "ci_high"]
    digits = decimals(known[numbers].abs().max())
    for record in known.to_dict("records"):
        pair = f"{record['method_a']} - {record['method_b']}"
        difference, low, high = (number(record[name], digits) for name in numbers)
        counts = f"{record['n']:,}", str(record["n_seeds"])
        yield Row((pair, difference, f"{low} to {high}", *counts, str(record["verdict"])))
