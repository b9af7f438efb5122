"""Pivot tables: chosen metrics, rows grouped as requested, and columns for everything else that differs.

Only seeds are averaged: different data sets, splits, presets and methods get rows or columns of their own.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lordbench.report.boards import LEGEND, headline_tables, method_names, with_entries
from lordbench.report.quantities import Column, choose, keys, pick, sections
from lordbench.report.tables import Table
from lordbench.results.differences import Differences
from lordbench.results.leaderboard import ENDS, aggregate, notes_with_metrics, parts, with_notes
from lordbench.results.marks import marked
from lordbench.results.names import QUANTITY, label
from lordbench.utils.errors import UserError, did_you_mean

MARKS = "Marks compare methods on one data set, split and preset, and of one seed if seeds are not averaged."
PIVOT_LEGEND = f"{LEGEND} {MARKS}"
SEED = "seed"
COUNTS = ["n_seeds", "n_collapsed"]
DIMENSIONS = {"dataset": "{}", "split": "{} split", "preset": "preset {}", "method": "{}", SEED: "seed {}"}
"""What rows can be grouped by, and how a value of each reads where no heading names it."""


@dataclass(frozen=True)
class Pivot:
    """A requested table.

    Attributes:
        group_by: `DIMENSIONS` that name the rows; seeds are averaged unless `seed` is among them.
        metrics: names for `quantities.choose`, which may refuse them; the headline metrics if empty.
    """

    group_by: tuple[str, ...] = ("method",)
    metrics: tuple[str, ...] = ()

    @classmethod
    def read(cls, group_by: str | None, metrics: Sequence[str]) -> Pivot | None:
        """Read the command line's options; None if neither is given.

        Raises:
            UserError: rows cannot be grouped by one of the columns.
        """
        if group_by is None and not metrics:
            return None
        columns = [part.strip() for part in ("method" if group_by is None else group_by).split(",")]
        for name in columns:
            if name not in DIMENSIONS:
                raise UserError(
                    f"--group-by {group_by}: no column {name!r}{did_you_mean(name, DIMENSIONS)}",
                    f"Group rows by one or several of {', '.join(DIMENSIONS)}, separated by commas.",
                )
        return cls(tuple(dict.fromkeys(columns)), tuple(metrics))

    @property
    def apart(self) -> list[str]:
        """What is not averaged, for `results.differences.Differences`."""
        return [SEED] if SEED in self.group_by else []

    def boards(self, rows: pd.DataFrame, differences: Differences) -> list[Table]:
        """Make the tables: one with all metrics, or one per metric if other things are in columns."""
        means, names = self._means(rows, differences)
        return headline_tables(means, names[list(self.group_by)].astype(str), self._tables(means, names))

    def wide(self, rows: pd.DataFrame, differences: Differences) -> pd.DataFrame:
        """Lay out the same values as one wide table.

        Returns:
            Those of `DIMENSIONS` that are not in columns, `COUNTS` (the most of any value of the row),
            `notes`, then for each quantity EXPERIMENT/CODES/SUBJECT/METRIC, preceded by the other names in
            columns and a colon, and the same with `_ci_low`, `_ci_high` and `_mark`. NaN for missing values.
        """
        means, names = self._means(rows, differences)
        across = self._across(names)
        index = pd.MultiIndex.from_frame(names.drop(columns=across).astype(str))
        places = pd.Series(range(len(means)), means.index)
        lines = means.set_axis(index).groupby(level=list(index.names), sort=False)
        columns = dict(lines[COUNTS].max().items()) | {"notes": lines.apply(notes_with_metrics)}
        quantities = []
        for _, values in self._tables(means, names):
            for column, own in values.items():
                name = f"{column.title}: {column.full_name}" if across else column.full_name
                quantities.append(name)
                for value, end in ENDS.items():
                    columns[name + end] = own[value].set_axis(index.take(places[own.index].to_numpy()))
        table = pd.DataFrame(columns, index.unique())
        return table.dropna(how="all", subset=quantities).reset_index()

    def _means(self, rows: pd.DataFrame, differences: Differences) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Marked results in the order of the tables, and their names in `DIMENSIONS`.

        Only results in the chosen metrics are left: others neither count seeds nor make columns.
        """
        means = with_entries(marked(aggregate(rows, self.apart), differences))
        if self.metrics:
            chosen = [column[1:] for column in choose(means, self.metrics)]
            means = means[keys(means[QUANTITY]).isin(chosen)]
        # Controls, floors and ceilings go below all methods, whatever else names a row.
        names = _names(means).assign(part=parts(means))
        order = ["part"] if "method" in self.group_by else []
        names = names.sort_values([*order, *self.group_by], kind="stable").drop(columns="part")
        means = means.loc[names.index]
        return means.assign(notes=_seed_notes(means, names[list(self.group_by)])), names

    def _across(self, names: pd.DataFrame) -> list[str]:
        """What differs besides the names of rows, and so is in columns."""
        rest = names.drop(columns=list(self.group_by))
        return [str(name) for name, values in rest.items() if values.nunique() > 1]

    def _tables(
        self, means: pd.DataFrame, names: pd.DataFrame
    ) -> Iterator[tuple[str, dict[Column, pd.DataFrame]]]:
        """The title of each table, and the results in each of its columns."""
        across = self._across(names)
        common = _described(names.drop(columns=[*self.group_by, *across]).iloc[0].to_dict())
        for section, columns in [("", choose(means, self.metrics))] if self.metrics else sections(means):
            values = {column: pick(means, column) for column in columns}
            title = ": ".join(filter(None, (common, section)))
            if not across:
                yield title, values
                continue
            for column, own in values.items():
                parts = names.loc[own.index, across].groupby(across, observed=True)
                titles = ((_described(dict(zip(across, key, strict=True))), part) for key, part in parts)
                yield (
                    ": ".join(filter(None, (title, column.title))),
                    {column._replace(title=own_title): own.loc[part.index] for own_title, part in titles},
                )


def _names(means: pd.DataFrame) -> pd.DataFrame:
    """Names of results in `DIMENSIONS`: categories in the order in which they are shown."""
    names = means[["split", "preset"]].assign(method=method_names(means)["method"])
    names.insert(0, "dataset", list(map(label, means["dataset"], means["data_settings"])))
    methods_first = names.loc[parts(means).sort_values(kind="stable").index]
    orders = {name: list(dict.fromkeys(values)) for name, values in methods_first.items()}
    if SEED in means:
        names[SEED] = means[SEED].astype(str)
        orders[SEED] = list(map(str, sorted(set(means[SEED]))))
    return names.astype({name: pd.CategoricalDtype(order, ordered=True) for name, order in orders.items()})


def _described(values: Mapping[Hashable, Any]) -> str:
    """Values of `DIMENSIONS` in words."""
    return ", ".join(words.format(values[name]) for name, words in DIMENSIONS.items() if name in values)


def _seed_notes(means: pd.DataFrame, names: pd.DataFrame) -> pd.Series[str]:
    """Notes, extended by the number of seeds where another result of the same row has more."""
    own, notes = means["n_seeds"], means["notes"]
    run = own + means["n_collapsed"]
    missing = run.groupby(keys(names)).transform("max") - run
    counts = own.astype(str) + " of " + (own + missing).astype(str) + " seeds"
    said = pd.Series([count in note for count, note in zip(counts, notes, strict=True)], means.index)
    return with_notes(notes, counts, (missing > 0) & (own > 0) & ~said.astype(bool))
