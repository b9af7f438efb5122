"""Pivots: tables of chosen quantities whose lines a person chooses, with all else that differs across.

Only seeds are ever averaged. What the lines do not name and what is not the same in all of a table (data
sets, splits, presets, methods) is told apart by columns; so no mean is taken over different questions.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lordbench.report.boards import LEGEND, Board, lay_out, marked
from lordbench.report.quantities import Column, choose, full_name, pick, sections
from lordbench.results.leaderboard import LINE, aggregate, label, row_name
from lordbench.utils.errors import UserError, did_you_mean

PIVOT_LEGEND = (
    f"{LEGEND} Marks compare methods on one data set, split and preset, and of one seed where seeds stand "
    "apart."
)
DIMENSIONS = {
    "dataset": "{}",
    "split": "{} split",
    "preset": "preset {}",
    "method": "{}",
    "seed": "seed {}",
}
"""What lines may be grouped by, and how a value of each is called where no heading says what it is."""
SEED = "seed"


@dataclass(frozen=True)
class Pivot:
    """What a person wants to see.

    Attributes:
        group_by: `DIMENSIONS` that name the lines; seeds are averaged unless `seed` is among them.
        metrics: names of quantities, as `quantities.choose` takes them; of none, the headline's.
    """

    group_by: tuple[str, ...] = ("method",)
    metrics: tuple[str, ...] = ()

    @classmethod
    def read(cls, group_by: str | None, metrics: Sequence[str]) -> Pivot | None:
        """Make it of what the command line was given; None where that asks for no pivot.

        Raises:
            UserError: a column is none that lines can be grouped by.
        """
        if group_by is None and not metrics:
            return None
        columns = [part.strip() for part in ("method" if group_by is None else group_by).split(",")]
        for name in columns:
            if name not in DIMENSIONS:
                raise UserError(
                    f"--group-by {group_by}: no column {name!r}{did_you_mean(name, DIMENSIONS)}",
                    f"Lines are grouped by {', '.join(DIMENSIONS)}, one or several, separated by commas.",
                )
        return cls(tuple(dict.fromkeys(columns)), tuple(metrics))

    def boards(self, rows: pd.DataFrame) -> list[Board]:
        """Make the tables: one for each quantity, or one with all quantities where nothing else is across.

        Args:
            rows: as from `collect`.

        Raises:
            UserError: a metric is unknown here.
        """
        lines, names = self._lines(rows)
        stub = names[list(self.group_by)].astype(str)
        made = (lay_out(title, lines, stub, columns) for title, columns in self._tables(lines, names))
        return [board for board in made if board is not None]

    def table(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Lay out the same as one wide table, a line for each line of the tables.

        Returns:
            Those of `DIMENSIONS` that are not across, `n_seeds` (the most of any value of the line), then for
            each quantity EXPERIMENT/CODES/SUBJECT/METRIC, with what is across before it and a colon, and the
            same with `_ci_low` and `_ci_high`. NaN where there is no value.

        Raises:
            UserError: a metric is unknown here.
        """
        lines, names = self._lines(rows)
        across = _differing(names.drop(columns=list(self.group_by)))
        keys = pd.MultiIndex.from_frame(names.drop(columns=across).astype(str))
        at = pd.Series(range(len(lines)), lines.index)
        seeds = lines["n_seeds"].set_axis(keys)
        found = {"n_seeds": seeds.groupby(level=list(keys.names), sort=False).max()}
        for _, columns in self._tables(lines, names):
            for column, its in columns.items():
                name = f"{column.title}: {full_name(column)}" if across else full_name(column)
                for end, value in (("", "value"), ("_ci_low", "ci_low"), ("_ci_high", "ci_high")):
                    found[name + end] = its[value].set_axis(keys.take(at[its.index].to_numpy()))
        table = pd.DataFrame(found, keys.unique())
        return table.dropna(how="all", subset=[name for name in found if name != "n_seeds"]).reset_index()

    def _lines(self, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Marked lines in the order of the tables, and what each is called in `DIMENSIONS`."""
        apart = [SEED] if SEED in self.group_by else []
        lines = marked(aggregate(rows, apart), apart)
        names = _names(lines)
        order = list(self.group_by)
        if "method" in order:
            # Beneath the lines of all methods, whatever else names a line.
            names.insert(0, "reference", lines["reference"])
            order.insert(0, "reference")
        names = names.sort_values(order, kind="stable").drop(columns="reference", errors="ignore")
        lines = lines.loc[names.index]
        return lines.assign(notes=_with_seeds(lines, names[list(self.group_by)])), names

    def _tables(
        self, lines: pd.DataFrame, names: pd.DataFrame
    ) -> Iterator[tuple[str, dict[Column, pd.DataFrame]]]:
        """The title of each table, and the lines of each of its columns."""
        rest = names.drop(columns=list(self.group_by))
        across = _differing(rest)
        common = _called(rest.drop(columns=across).iloc[0].to_dict())
        for section, columns in self._sections(lines):
            picked = {column: pick(lines, column) for column in columns}
            title = ": ".join(filter(None, (common, section)))
            if not across:
                yield title, picked
                continue
            for column, its in picked.items():
                parts = _parted(its, names.loc[its.index, across])
                yield (
                    ": ".join(filter(None, (title, column.title))),
                    {column._replace(title=name): own for name, own in parts},
                )

    def _sections(self, lines: pd.DataFrame) -> list[tuple[str, list[Column]]]:
        return [("", choose(lines, self.metrics))] if self.metrics else list(sections(lines))


def _names(lines: pd.DataFrame) -> pd.DataFrame:
    """What each line is called in `DIMENSIONS`, each column in the order in which its values are to stand."""
    keys = lines[LINE].itertuples(index=False, name=None)
    names = pd.DataFrame(
        {
            "dataset": list(map(label, lines["dataset"], lines["data_settings"])),
            "split": lines["split"],
            "preset": lines["preset"],
            "method": list(map(row_name, keys)),
        },
        index=lines.index,
    )
    methods_first = names.loc[lines.sort_values("reference", kind="stable").index]
    orders = {name: list(dict.fromkeys(values)) for name, values in methods_first.items()}
    if SEED in lines:
        names[SEED] = lines[SEED].astype(str)
        orders[SEED] = list(map(str, sorted(set(lines[SEED]))))
    return pd.DataFrame(
        {name: pd.Categorical(names[name], order, ordered=True) for name, order in orders.items()},
        names.index,
    )


def _differing(names: pd.DataFrame) -> list[str]:
    return [str(name) for name, its in names.items() if its.nunique() > 1]


def _called(values: Mapping[Hashable, Any]) -> str:
    """Say values of `DIMENSIONS` in words."""
    return ", ".join(words.format(values[name]) for name, words in DIMENSIONS.items() if name in values)


def _parted(lines: pd.DataFrame, names: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Lines by what they are called in some dimensions, in order."""
    for key, own in names.groupby(list(names), observed=True):
        yield _called(dict(zip(names, key, strict=True))), lines.loc[own.index]


def _with_seeds(lines: pd.DataFrame, stub: pd.DataFrame) -> pd.Series[str]:
    """Notes of the lines, and how many seeds are behind those that have fewer than others beside them."""
    own = lines.groupby(LINE)["n_seeds"].transform("max")
    most = own.groupby([stub[name] for name in stub], observed=True).transform("max")
    said = own.astype(str) + " of " + most.astype(str) + " seeds"
    return lines["notes"].where(own == most, (lines["notes"] + "; " + said).str.removeprefix("; "))
