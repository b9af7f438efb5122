"""The columns of tables: headline metrics as declared, and quantities selected by name.

A quantity is a metric of an experiment, codes and subject.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lordbench.config.headlines import declared, metric_titles, place
from lordbench.evaluation import headlines
from lordbench.evaluation.headlines import ANY, Headline
from lordbench.results.names import QUANTITY
from lordbench.utils.errors import UserError, did_you_mean


class Column(NamedTuple):
    """A quantity with its title."""

    title: str
    experiment: str
    codes: str
    subject: str
    metric: str

    @property
    def full_name(self) -> str:
        """The quantity as in the columns of `leaderboard.csv`."""
        return "/".join(self[1:])


TRANSFER, LEAKAGE, PROBE = "content-transfer", "leakage", headlines.PROBE
PREFIXES = {(TRANSFER, "transfer"): "", ("reconstruction", "reconstruction"): "recon. "}
"""What precedes the metric in the title of a quantity that is no headline, by experiment and subject."""
NORMALIZED = ".normalized"
MOST = 8
"""Most columns that a subject with `*` stands for: forty attributes are left to a figure and the CSV."""


def keys(table: pd.DataFrame) -> pd.Series:  # type: ignore[type-arg]
    """The rows of a data frame as tuples, indexed like it."""
    return pd.Series(list(table.itertuples(index=False, name=None)), table.index, dtype=object)


def sections(table: pd.DataFrame) -> Iterator[tuple[str, list[Column]]]:
    """Each section's title and columns, of a table with `QUANTITY`: those of lordbench, then of plug-ins.

    Where a table has `section` and `title`, what plug-ins declare, metrics of plug-ins stand in the sections
    of the experiments that use them.
    """
    shown: dict[str, list[Column]] = {}
    for section, column, _ in _headlines(table):
        shown.setdefault(section, []).append(column)
    yield from shown.items()


def summarised(table: pd.DataFrame) -> list[Column]:
    """The few columns that a run shows last, of a table as in `sections`."""
    return [column._replace(title=title) for _, column, title in _headlines(table) if title is not None]


def titles(table: pd.DataFrame) -> dict[tuple[str, ...], str]:
    """Titles of the headline metrics by the values of `QUANTITY`, for a table as in `sections`."""
    return {column[1:]: column.title for _, columns in sections(table) for column in columns}


def missing(table: pd.DataFrame, columns: Iterable[Column]) -> dict[Column, str]:
    """What the data lack for columns, with the remedy: of all that need it, an experiment has no row."""
    needs = {(each.experiment, *each.headline[1:4]): each.headline.needs for each in declared()}
    run, present = set(table["experiment"]), set(keys(table[QUANTITY]))
    met = {(key[0], need) for key, need in needs.items() if key in present}
    return {
        column: f"not measured; needs {need}"
        for column in columns
        if column.experiment in run and (need := needs.get(column[1:], ""))
        if (column.experiment, need) not in met
    }


def _headlines(table: pd.DataFrame) -> Iterator[tuple[str, Column, str | None]]:
    """Section, column, and title in the summary."""
    labels = [name for name in ("section", "title") if name in table]
    known = table[[*QUANTITY, *labels]].drop_duplicates().sort_values("subject", kind="stable")
    records = known.to_dict("records")
    for section, experiment, headline in declared():
        for quantity, name in _expanded(headline, experiment, records):
            title, summary = (
                text and headline.heading(text, quantity[2], name)
                for text in (headline.title, headline.summary)
            )
            yield section, Column(str(title), *quantity), summary
    if "section" in known:
        for row in known[known["section"] != ""].sort_values("section", kind="stable").to_dict("records"):
            column = Column(row["title"], *(row[name] for name in QUANTITY))
            yield row["section"], column, column.title


def _expanded(
    headline: Headline, experiment: str, records: Iterable[Mapping[Hashable, Any]]
) -> Iterator[tuple[tuple[str, str, str, str], str]]:
    """The quantities that a headline stands for, each with the display name of its metric.

    `records` are known quantities, in the order of their columns; metrics of plug-ins have a title.
    """
    if ANY not in headline.subject + headline.metric:
        yield (experiment, *headline[1:4]), metric_titles().get(headline.metric, headline.metric)
        return
    is_own = ANY in headline.metric
    found: dict[tuple[str, str, str, str], str] = {}
    for row in records:
        own, codes, subject, metric = (str(row[name]) for name in QUANTITY)
        if own != experiment or (is_own and (row.get("section") or not row.get("title"))):
            continue
        if headline.fits(codes, subject, metric):
            key = (experiment, codes, subject, metric)
            found[key] = str(row["title"]) if is_own else metric_titles().get(metric, metric)
    if is_own or len(found) <= MOST:
        yield from found.items()


def pick(table: pd.DataFrame, column: Column) -> pd.DataFrame:
    """The rows of one quantity, of any table with the columns of `QUANTITY`."""
    # A column at a time: a comparison of several columns takes ten times as long.
    fits = [table[name] == value for name, value in zip(QUANTITY, column[1:], strict=True)]
    return table[np.logical_and.reduce(fits)]


def choose(table: pd.DataFrame, names: Sequence[str]) -> list[Column]:
    """Find the requested quantities, each once and in the requested order, with distinct titles.

    A name is a quantity as in `leaderboard.csv`, EXPERIMENT/CODES/SUBJECT/METRIC, or some of its parts in
    that order with the metric last: `lpips`, `learned/lpips`, `content-transfer/reconstruction/l1`. A name
    that fits several quantities stands for the headline metrics among them. If there are none, a metric alone
    stands for the encoded content transfer, or else for the first experiment that measures it; a longer name
    for all that it fits.
    Quantities without a value in the table (columns of `QUANTITY`, and `value`) are left out.

    Raises:
        UserError: a name fits nothing here, or nothing that has a value.
    """
    known = sorted(Column("", *key) for key in set(keys(table[QUANTITY])))
    valued = set(keys(table.loc[table["value"].notna(), QUANTITY]))
    headline = titles(table)
    chosen: dict[Column, None] = {}
    for name in names:
        fitting = [column for column in known if fits(name, column)]
        if not fitting:
            metrics = sorted({column.metric for column in known})
            meant = did_you_mean(name, [*metrics, *(column.full_name for column in known)])
            raise UserError(
                f"{name}: no such quantity in these results{meant}",
                f"Metrics are: {', '.join(metrics) or 'none'}. A full path selects one measurement: "
                "EXPERIMENT/CODES/SUBJECT/METRIC, as in the columns of leaderboard.csv.",
            )
        fitting = [column for column in fitting if column[1:] in valued]
        if not fitting:
            raise UserError(
                f"{name}: it has no value in these results",
                "`lordbench leaderboard` without --metric and --columns gives the reason below its tables.",
            )
        shown = [column for column in fitting if column[1:] in headline]
        chosen |= dict.fromkeys(shown or (fitting if "/" in name else _first(fitting)))
    return titled(chosen, headline)


def fits(name: str, column: Column) -> bool:
    """Whether the parts of a name are parts of the quantity, in order, the metric among them."""
    *parts, metric = name.split("/")
    rest = iter(column[1:-1])
    return metric == column.metric and all(part in rest for part in parts)


def _first(columns: Sequence[Column]) -> list[Column]:
    """Of quantities of one metric the encoded content transfer, or else those of the first experiment."""
    transfers = [column for column in columns if column[1:4] == (TRANSFER, "encoded", "transfer")]
    first = min((column.experiment for column in columns), key=place)
    return transfers or [column for column in columns if column.experiment == first]


def titled(columns: Iterable[Column], headline: Mapping[tuple[str, ...], str]) -> list[Column]:
    """Give quantities their headline titles, or else readable ones; full names where these are not unique."""
    named = [column._replace(title=headline.get(column[1:]) or _readable(column)) for column in columns]
    counts = Counter(column.title for column in named)
    return [
        column if counts[column.title] == 1 else column._replace(title=column.full_name) for column in named
    ]


def others(table: pd.DataFrame, columns: Sequence[Column]) -> list[Column]:
    """Return what else is measured, with a value and a display name, of the subjects and codes of columns.

    Of probes' accuracies only the normalized ones.
    """
    best_probes = {column[1:-1]: column.title for column in columns if column.metric == PROBE}
    measured = dict.fromkeys(keys(table.loc[table["value"].notna(), QUANTITY]))
    normalized = {key[-1].removesuffix(NORMALIZED) for key in measured if key[-1].endswith(NORMALIZED)}
    headline, names = titles(table), metric_titles()
    own: dict[tuple[str, ...], str] = {}
    for of in dict.fromkeys(column[1:-1] for column in columns):
        for *subject, metric in measured:
            known = names.get(metric.removesuffix(NORMALIZED))
            if tuple(subject) == of and known and metric not in normalized and (*of, metric) not in headline:
                own[*of, metric] = f"{best_probes[of]}, {known}" if of in best_probes else ""
    return titled((Column("", *key) for key in own), own)


def _readable(column: Column) -> str:
    """A title such as `PSNR (learned)`; the full name if the metric has no display name."""
    if (metric := metric_titles().get(column.metric.removesuffix(NORMALIZED))) is None:
        return column.full_name
    where = PREFIXES.get((column.experiment, column.subject), f"{column.experiment}, {column.subject}: ")
    return where + metric + ("" if column.codes in ("", "encoded") else f" ({column.codes})")
